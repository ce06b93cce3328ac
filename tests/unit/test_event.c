/* Events, read back with a parser that is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/event.h>
#include <jansson.h>

#include "count.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define H(name, value)              \
    {                               \
        {name, sizeof name - 1},    \
        {                           \
            value, sizeof value - 1 \
        }                           \
    }
#define S(text)               \
    {                         \
        text, sizeof text - 1 \
    }

/* ---- a request ---- */

static const struct chatroom_header usual_headers[] = {
    H("Host", "api.example.test"),    H("Connection", "Upgrade"),
    H("upgrade", "websocket"),        H("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    H("sec-websocket-VERSION", "13"), H("User-Agent", "probe/1"),
};

static const struct chatroom_api usual_api = {
    .id = S("abcdef123"),
    .stage = S("prod"),
    .region = S("eu-central-1"),
    .account_id = S("000000000000"),
    .secure = true,
};

struct fixture {
    struct chatroom_api api;
    struct chatroom_request_head head;
    struct chatroom_request_info info;
};

static struct fixture *on(enum chatroom_event event)
{
    static struct fixture f;

    f.api = usual_api;
    f.head = (struct chatroom_request_head){
        .target = S("/prod"),
        .headers = usual_headers,
        .header_count = sizeof usual_headers / sizeof *usual_headers,
        .source_ip = S("192.0.2.1"),
    };
    f.info = (struct chatroom_request_info){
        .event = event,
        .connection_id = S("JC1dgf9yoAMCK-g="),
        .request_id = S("AbCdEFghIjkLmNo="),
        .source_ip = S("192.0.2.1"),
        .user_agent = S("probe/1"),
        .time_ms = 1701245041798,
        .connected_at_ms = 1701245041796,
        .head = event == CHATROOM_CONNECT ? &f.head : NULL,
        .kind = CHATROOM_TEXT_MESSAGE,
        .api = &f.api,
        .domain_name = S("api.example.test"),
        .domain_path = S("prod"),
    };
    if (event == CHATROOM_MESSAGE) {
        f.info.route_key = chatroom_str("shout");
        f.info.message_id = chatroom_str("MbCdEFghIjkLmNo=");
    }
    return &f;
}

static json_t *parse(chatroom_span text)
{
    json_error_t error;
    size_t count;
    json_t *json = json_loadb(text.bytes, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    if (!json)
        fail_msg("%s: %.*s", error.text, (int)text.size, text.bytes);
    assert_int_equal(chatroom_json_scan(text, NULL, NULL, 0, &count), CHATROOM_OK);
    return json;
}

static json_t *event_with(const struct fixture *f, chatroom_span body)
{
    static char bytes[65536];
    struct chatroom_json json = chatroom_json_on(bytes, sizeof bytes);
    chatroom_span text = {NULL, 0};

    chatroom_event_write(&f->info, body, &json);
    assert_true(chatroom_json_done(&json, &text));
    return parse(text);
}

static json_t *event_of(const struct fixture *f)
{
    return event_with(f, chatroom_str("hello"));
}

static json_t *authorizer_event_of(const struct fixture *f)
{
    static char bytes[65536];
    struct chatroom_json json = chatroom_json_on(bytes, sizeof bytes);
    chatroom_span text = {NULL, 0};

    chatroom_event_write_authorizer(&f->info, &json);
    assert_true(chatroom_json_done(&json, &text));
    return parse(text);
}

/* ---- looking at an event ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* names are those of the object, sorted, with a space between them. */
static void assert_keys(const json_t *object, const char *names)
{
    const char *found[64], *name;
    char list[2048] = "";
    size_t count = 0;
    json_t *value;

    assert_true(json_is_object(object));
    json_object_foreach((json_t *)object, name, value) found[count++] = name;
    qsort(found, count, sizeof *found, by_name);
    for (size_t i = 0; i < count; i++) {
        strcat(list, i > 0 ? " " : "");
        strcat(list, found[i]);
    }
    assert_string_equal(list, names);
}

/* The value at a path of names. */
static const json_t *at(const json_t *json, const char *path)
{
    char names[256], *rest = names;

    strcpy(names, path);
    for (char *name; json && (name = strsep(&rest, "/"));)
        json = json_object_get(json, name);
    return json;
}

static void assert_text(const json_t *json, const char *path, const char *text)
{
    const char *found = json_string_value(at(json, path));

    if (!found)
        fail_msg("no text at %s", path);
    assert_string_equal(found, text);
}

static void assert_number(const json_t *json, const char *path, json_int_t number)
{
    assert_true(json_is_integer(at(json, path)));
    assert_int_equal(json_integer_value(at(json, path)), number);
}

/* The texts of an array, with a '|' between them. */
static void assert_texts(const json_t *json, const char *path, const char *texts)
{
    char list[1024] = "";
    const json_t *array = at(json, path), *value;
    size_t i;

    if (!json_is_array(array))
        fail_msg("no array at %s", path);
    json_array_foreach((json_t *)array, i, value)
    {
        strcat(list, i > 0 ? "|" : "");
        strcat(list, json_string_value(value));
    }
    assert_string_equal(list, texts);
}

static void assert_matches(const json_t *json, const char *path, const char *pattern)
{
    const char *found = json_string_value(at(json, path));
    regex_t regex;

    assert_non_null(found);
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, found, 0, NULL, 0) != 0)
        fail_msg("%s does not match %s", found, pattern);
    regfree(&regex);
}

static const enum chatroom_event all_events[] = {CHATROOM_CONNECT, CHATROOM_MESSAGE, CHATROOM_DISCONNECT};

#define EACH_EVENT(event) for (const enum chatroom_event *event = all_events; event < all_events + 3; event++)

/* ---- CONNECT ---- */

#define CONTEXT \
    "apiId callbackUrl connectedAt connectionId domainName eventType extendedRequestId identity messageDirection "
#define CONTEXT_OF_CONNECT CONTEXT "requestId requestTime requestTimeEpoch routeKey stage"

static void AGW_32_a_connect_event_has_exactly_its_keys(void **state)
{
    json_t *event = event_of(on(CHATROOM_CONNECT));

    (void)state;
    assert_keys(event, "headers isBase64Encoded multiValueHeaders requestContext");
    assert_true(json_is_false(at(event, "isBase64Encoded")));
    assert_keys(at(event, "requestContext"), CONTEXT_OF_CONNECT);
    assert_keys(at(event, "requestContext/identity"), "sourceIp userAgent");
    assert_text(event, "requestContext/routeKey", "$connect");
    assert_text(event, "requestContext/eventType", "CONNECT");
    json_decref(event);
}

static void AGW_32_a_query_brings_its_maps(void **state)
{
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.target = chatroom_str("/prod?token=t");
    event = event_of(f);
    assert_keys(event,
                "headers isBase64Encoded multiValueHeaders multiValueQueryStringParameters queryStringParameters "
                "requestContext");
    assert_keys(at(event, "queryStringParameters"), "token");
    assert_text(event, "queryStringParameters/token", "t");
    assert_texts(event, "multiValueQueryStringParameters/token", "t");
    json_decref(event);
}

static void event__a_question_mark_alone_is_no_query(void **state)
{
    static const char *const targets[] = {"/prod?", "/prod?&&", "/"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = on(CHATROOM_CONNECT);
        json_t *event;

        f->head.target = chatroom_str(targets[i]);
        event = event_of(f);
        assert_keys(event, "headers isBase64Encoded multiValueHeaders requestContext");
        json_decref(event);
    }
}

static void event__stage_variables_are_there_when_the_stage_has_any(void **state)
{
    static const struct chatroom_variable variables[] = {H("table", "rooms"), H("a\"b", "\xC3\xA9")};
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->api.variables = variables;
    f->api.variable_count = 2;
    event = event_of(f);
    assert_keys(event, "headers isBase64Encoded multiValueHeaders requestContext stageVariables");
    assert_keys(at(event, "stageVariables"), "a\"b table");
    assert_text(event, "stageVariables/table", "rooms");
    assert_text(event, "stageVariables/a\"b", "\xC3\xA9");
    json_decref(event);
}

static void event__headers_keep_their_spelling_and_lose_connection_and_upgrade(void **state)
{
    static const char names[] = "Host Sec-WebSocket-Key User-Agent X-Amzn-Trace-Id X-Forwarded-For X-Forwarded-Port "
                                "X-Forwarded-Proto sec-websocket-VERSION";
    json_t *event = event_of(on(CHATROOM_CONNECT));

    (void)state;
    assert_keys(at(event, "headers"), names);
    assert_keys(at(event, "multiValueHeaders"), names);
    assert_text(event, "headers/sec-websocket-VERSION", "13");
    assert_texts(event, "multiValueHeaders/sec-websocket-VERSION", "13");
    json_decref(event);
}

static void event__of_a_repeated_header_the_last_value_counts_and_all_are_there(void **state)
{
    static const struct chatroom_header headers[] = {H("Cookie", "a=1"), H("Host", "h"), H("cookie", "b=2"),
                                                     H("COOKIE", "c=3")};
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.headers = headers;
    f->head.header_count = 4;
    event = event_of(f);
    assert_keys(at(event, "headers"), "Cookie Host X-Amzn-Trace-Id X-Forwarded-For X-Forwarded-Port X-Forwarded-Proto");
    assert_text(event, "headers/Cookie", "c=3");
    assert_texts(event, "multiValueHeaders/Cookie", "a=1|b=2|c=3");
    json_decref(event);
}

static void event__the_gateway_says_where_the_client_came_from(void **state)
{
    json_t *event = event_of(on(CHATROOM_CONNECT));

    (void)state;
    assert_text(event, "headers/X-Forwarded-For", "192.0.2.1");
    assert_text(event, "headers/X-Forwarded-Port", "443");
    assert_text(event, "headers/X-Forwarded-Proto", "https");
    assert_texts(event, "multiValueHeaders/X-Forwarded-For", "192.0.2.1");
    assert_matches(event, "headers/X-Amzn-Trace-Id", "^Root=1-6566f071-[0-9a-f]{24}$");
    assert_string_equal(json_string_value(json_array_get(at(event, "multiValueHeaders/X-Amzn-Trace-Id"), 0)),
                        json_string_value(at(event, "headers/X-Amzn-Trace-Id")));
    json_decref(event);
}

static void event__trace_ids_differ_between_requests(void **state)
{
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *one = event_of(f), *other;

    (void)state;
    f->info.request_id = chatroom_str("AbCdEFghIjkLmNs=");
    other = event_of(f);
    assert_string_not_equal(json_string_value(at(one, "headers/X-Amzn-Trace-Id")),
                            json_string_value(at(other, "headers/X-Amzn-Trace-Id")));
    json_decref(one);
    json_decref(other);
}

static void event__a_client_cannot_say_where_it_came_from(void **state)
{
    static const struct chatroom_header headers[] = {
        H("x-forwarded-for", "203.0.113.7"), H("X-FORWARDED-PORT", "1"), H("x-forwarded-proto", "gopher"),
        H("X-Forwarded-For", "198.51.100.2, 198.51.100.3"), H("x-amzn-trace-id", "Root=1-0-mine")};
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.headers = headers;
    f->head.header_count = 5;
    event = event_of(f);
    assert_keys(at(event, "headers"), "X-Forwarded-For X-Forwarded-Port X-Forwarded-Proto x-amzn-trace-id");
    assert_text(event, "headers/X-Forwarded-For", "203.0.113.7, 198.51.100.2, 198.51.100.3, 192.0.2.1");
    assert_text(event, "headers/X-Forwarded-Port", "443");
    assert_text(event, "headers/X-Forwarded-Proto", "https");
    assert_text(event, "headers/x-amzn-trace-id", "Root=1-0-mine");
    json_decref(event);
}

static void event__the_port_is_the_one_that_was_asked_for(void **state)
{
    static const struct {
        const char *domain;
        bool secure;
        const char *port, *scheme;
    } cases[] = {
        {"a.test", true, "443", "https"},
        {"a.test", false, "80", "http"},
        {"a.test:8080", false, "8080", "http"},
        {"[2001:db8::1]", true, "443", "https"},
        {"[::1]:9", false, "9", "http"},
        {"a.test:", true, "443", "https"},
        {"", false, "80", "http"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = on(CHATROOM_CONNECT);
        json_t *event;

        f->info.domain_name = chatroom_str(cases[i].domain);
        f->api.secure = cases[i].secure;
        event = event_of(f);
        assert_text(event, "headers/X-Forwarded-Port", cases[i].port);
        assert_text(event, "headers/X-Forwarded-Proto", cases[i].scheme);
        json_decref(event);
    }
}

static void event__octets_that_are_no_text_are_replaced(void **state)
{
    static const struct chatroom_header headers[] = {
        H("A", "\xFF"),
        H("B", "x\xC3(y"),          /* the octet that ends a bad character stands for itself */
        H("C", "\xF0\x9F\x98"),     /* cut short */
        H("D", "\xED\xA0\x80"),     /* a surrogate */
        H("E", "\xF0\x9F\x98\x80"), /* good */
        H("F", "\xE2\x82\xE2\x82\xAC"),
        H("G", "\"\\\x01\t\x7F"),
        H("\xFE", "n"),
    };
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.headers = headers;
    f->head.header_count = sizeof headers / sizeof *headers;
    f->info.user_agent = chatroom_str("caf\xC3");
    event = event_of(f);
    assert_text(event, "headers/A", "\xEF\xBF\xBD");
    assert_text(event, "headers/B", "x\xEF\xBF\xBD(y");
    assert_text(event, "headers/C", "\xEF\xBF\xBD");
    assert_text(event, "headers/D", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_text(event, "headers/E", "\xF0\x9F\x98\x80");
    assert_text(event, "headers/F", "\xEF\xBF\xBD\xE2\x82\xAC");
    assert_text(event, "headers/G", "\"\\\x01\t\x7F");
    assert_text(event, "headers/\xEF\xBF\xBD", "n");
    assert_text(event, "requestContext/identity/userAgent", "caf\xEF\xBF\xBD");
    json_decref(event);
}

/* Strings are written in pieces: a character stays whole wherever one ends. */
static void event__long_text_is_whole_at_every_length(void **state)
{
    char value[600], *end = value;

    (void)state;
    for (size_t size = 0; size < 140; size++) {
        struct chatroom_header header = {S("Long"), {value, 0}};
        struct fixture *f = on(CHATROOM_CONNECT);
        json_t *event;

        end = value + size;
        memset(value, 'a', size);
        for (int i = 0; i < 60; i++)
            end = stpcpy(end, i % 2 ? "\xE2\x82\xAC" : "\xF0\x9F\x98\x80");
        header.value.size = (size_t)(end - value);
        f->head.headers = &header;
        f->head.header_count = 1;
        event = event_of(f);
        assert_text(event, "headers/Long", value);
        json_decref(event);
    }
}

static void event__query_values_are_decoded(void **state)
{
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.target =
        chatroom_str("/prod?a=%41%42&b=x+y%2Bz&c=%C3%A9&d=%FF&e=50%&f=%4&g=%zz&h&i=&j=k=l&%6B=m&n=?&o=%22");
    event = event_of(f);
    assert_keys(at(event, "queryStringParameters"), "a b c d e f g h i j k n o");
    assert_text(event, "queryStringParameters/a", "AB");
    assert_text(event, "queryStringParameters/b", "x y+z");
    assert_text(event, "queryStringParameters/c", "\xC3\xA9");
    assert_text(event, "queryStringParameters/d", "\xEF\xBF\xBD");
    assert_text(event, "queryStringParameters/e", "50%");
    assert_text(event, "queryStringParameters/f", "%4");
    assert_text(event, "queryStringParameters/g", "%zz");
    assert_text(event, "queryStringParameters/h", "");
    assert_text(event, "queryStringParameters/i", "");
    assert_text(event, "queryStringParameters/j", "k=l");
    assert_text(event, "queryStringParameters/k", "m");
    assert_text(event, "queryStringParameters/n", "?");
    assert_text(event, "queryStringParameters/o", "\"");
    json_decref(event);
}

static void event__of_a_repeated_parameter_the_last_value_counts_and_all_are_there(void **state)
{
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.target = chatroom_str("/prod?ab=1&AB=2&%61b=3&x=&ab=4");
    event = event_of(f);
    assert_keys(at(event, "queryStringParameters"), "AB ab x");
    assert_keys(at(event, "multiValueQueryStringParameters"), "AB ab x");
    assert_text(event, "queryStringParameters/ab", "4");
    assert_texts(event, "multiValueQueryStringParameters/ab", "1|3|4");
    assert_texts(event, "multiValueQueryStringParameters/AB", "2");
    json_decref(event);
}

static void event__more_parameters_than_there_may_be_are_passed_over(void **state)
{
    static char target[16384];
    struct fixture *f = on(CHATROOM_CONNECT);
    size_t size = (size_t)sprintf(target, "/prod?");
    json_t *event;

    (void)state;
    for (int i = 0; i <= CHATROOM_EVENT_PARAMETERS_MOST; i++)
        size += (size_t)sprintf(target + size, "p%d=%d&", i, i);
    f->head.target = chatroom_bytes(target, size);
    event = event_of(f);
    assert_int_equal(json_object_size(at(event, "queryStringParameters")), CHATROOM_EVENT_PARAMETERS_MOST);
    assert_text(event, "queryStringParameters/p511", "511");
    json_decref(event);
}

/* ---- MESSAGE ---- */

static void AGW_33_a_message_event_has_exactly_its_keys(void **state)
{
    static const char text[] = "{\"action\":\"shout\", \"t\":\"\xE2\x80\xA8 \xC3\xA9 \\n\"}";
    json_t *event = event_with(on(CHATROOM_MESSAGE), chatroom_str(text));

    (void)state;
    assert_keys(event, "body isBase64Encoded requestContext");
    assert_text(event, "body", text);
    assert_true(json_is_false(at(event, "isBase64Encoded")));
    assert_keys(at(event, "requestContext"), CONTEXT "messageId requestId requestTime requestTimeEpoch routeKey stage");
    assert_text(event, "requestContext/routeKey", "shout");
    assert_text(event, "requestContext/eventType", "MESSAGE");
    json_decref(event);
}

static void AGW_33_an_empty_message_has_an_empty_body(void **state)
{
    json_t *event = event_with(on(CHATROOM_MESSAGE), chatroom_str(NULL));

    (void)state;
    assert_text(event, "body", "");
    json_decref(event);
}

static void event__a_binary_message_is_base64(void **state)
{
    static const struct {
        size_t size;
        const char *text;
    } cases[] = {{0, ""},
                 {1, "AA=="},
                 {2, "AAE="},
                 {3, "AAEC"},
                 {4, "AAECAw=="},
                 {48, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"},
                 {49, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMA=="}};
    struct fixture *f = on(CHATROOM_MESSAGE);
    char octets[49];

    (void)state;
    f->info.kind = CHATROOM_BINARY_MESSAGE;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (char)i;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *event = event_with(f, chatroom_bytes(octets, cases[i].size));

        assert_keys(event, "body isBase64Encoded requestContext");
        assert_text(event, "body", cases[i].text);
        assert_true(json_is_true(at(event, "isBase64Encoded")));
        json_decref(event);
    }
}

/* ---- DISCONNECT ---- */

static void AGW_34_a_disconnect_event_has_exactly_four_headers(void **state)
{
    struct fixture *f = on(CHATROOM_DISCONNECT);
    json_t *event;

    (void)state;
    f->info.close_code = 1001;
    event = event_of(f);
    assert_keys(event, "headers isBase64Encoded multiValueHeaders requestContext");
    assert_keys(at(event, "headers"), "Host X-Forwarded-For x-api-key x-restapi");
    assert_keys(at(event, "multiValueHeaders"), "Host X-Forwarded-For x-api-key x-restapi");
    assert_text(event, "headers/Host", "api.example.test");
    assert_texts(event, "multiValueHeaders/Host", "api.example.test");
    assert_text(event, "headers/x-api-key", "");
    assert_text(event, "headers/X-Forwarded-For", "");
    assert_text(event, "headers/x-restapi", "");
    assert_int_equal(json_array_size(at(event, "multiValueHeaders/x-restapi")), 1);
    assert_true(json_is_false(at(event, "isBase64Encoded")));
    assert_keys(at(event, "requestContext"),
                "apiId callbackUrl connectedAt connectionId disconnectReason disconnectStatusCode domainName eventType "
                "extendedRequestId identity messageDirection requestId requestTime requestTimeEpoch routeKey stage");
    assert_text(event, "requestContext/routeKey", "$disconnect");
    assert_text(event, "requestContext/eventType", "DISCONNECT");
    json_decref(event);
}

static void AGW_38_the_end_has_its_code_and_its_reason(void **state)
{
    static const struct {
        uint16_t code;
        enum chatroom_cause cause;
        const char *said, *shown;
    } cases[] = {
        {1005, CHATROOM_CAUSE_CLIENT, "", "Client-side close frame status not set"},
        {1001, CHATROOM_CAUSE_CLIENT, "", ""},
        {1000, CHATROOM_CAUSE_CLIENT, "", ""},
        {4000, CHATROOM_CAUSE_CLIENT, "bye \"you\"", "bye \"you\""},
        {1000, CHATROOM_CAUSE_SERVER, "", "Connection Closed Normally"},
        {1000, CHATROOM_CAUSE_SERVER, "enough", "enough"},
        {1001, CHATROOM_CAUSE_SERVER, "", "Going away"},
        {1003, CHATROOM_CAUSE_SERVER, "", ""},
        {1009, CHATROOM_CAUSE_SERVER, "", ""},
        {1006, CHATROOM_CAUSE_NETWORK, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = on(CHATROOM_DISCONNECT);
        json_t *event;

        f->info.close_code = cases[i].code;
        f->info.cause = cases[i].cause;
        f->info.close_reason = chatroom_str(cases[i].said);
        event = event_of(f);
        assert_number(event, "requestContext/disconnectStatusCode", cases[i].code);
        assert_text(event, "requestContext/disconnectReason", cases[i].shown);
        json_decref(event);
    }
}

/* ---- requestContext ---- */

static void AGW_35_connected_at_is_the_same_in_all_events(void **state)
{
    (void)state;
    EACH_EVENT(kind)
    {
        json_t *event = event_of(on(*kind));

        assert_number(event, "requestContext/connectedAt", 1701245041796);
        assert_number(event, "requestContext/requestTimeEpoch", 1701245041798);
        json_decref(event);
    }
}

static void AGW_36_request_time_agrees_with_its_epoch(void **state)
{
    static const int64_t times[] = {0, 1701245041798, 951782399999, 4102444800000};

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        EACH_EVENT(kind)
        {
            struct fixture *f = on(*kind);
            json_t *event;
            struct tm tm = {0};
            const char *rest;

            f->info.time_ms = times[i];
            event = event_of(f);
            rest = strptime(json_string_value(at(event, "requestContext/requestTime")), "%d/%b/%Y:%H:%M:%S", &tm);
            assert_string_equal(rest, " +0000");
            assert_int_equal(timegm(&tm), times[i] / 1000);
            json_decref(event);
        }
    }
}

static void AGW_37_ids_are_where_they_belong(void **state)
{
    static const char form[] = "^[A-Za-z0-9_-]{14}[AEIMQUYcgkosw048]=$";

    (void)state;
    EACH_EVENT(kind)
    {
        json_t *event = event_of(on(*kind));

        assert_text(event, "requestContext/requestId", "AbCdEFghIjkLmNo=");
        assert_text(event, "requestContext/extendedRequestId", "AbCdEFghIjkLmNo=");
        assert_matches(event, "requestContext/connectionId", form);
        if (*kind == CHATROOM_MESSAGE)
            assert_text(event, "requestContext/messageId", "MbCdEFghIjkLmNo=");
        else
            assert_null(at(event, "requestContext/messageId"));
        json_decref(event);
    }
}

static void AGW_39_what_the_authorizer_left_is_in_every_event(void **state)
{
    (void)state;
    EACH_EVENT(kind)
    {
        struct fixture *f = on(*kind);
        json_t *event;

        f->info.authorizer = chatroom_str("{\"principalId\":\"user\",\"integrationLatency\":42,\"k\":\"v\"}");
        event = event_of(f);
        assert_keys(at(event, "requestContext/authorizer"), "integrationLatency k principalId");
        assert_number(event, "requestContext/authorizer/integrationLatency", 42);
        json_decref(event);
    }
}

static void AGW_40_direction_and_place_are_in_every_event(void **state)
{
    (void)state;
    EACH_EVENT(kind)
    {
        json_t *event = event_of(on(*kind));

        assert_text(event, "requestContext/messageDirection", "IN");
        assert_text(event, "requestContext/stage", "prod");
        assert_text(event, "requestContext/apiId", "abcdef123");
        assert_text(event, "requestContext/domainName", "api.example.test");
        assert_text(event, "requestContext/identity/sourceIp", "192.0.2.1");
        assert_text(event, "requestContext/identity/userAgent", "probe/1");
        json_decref(event);
    }
}

static void event__a_client_without_a_user_agent_has_none(void **state)
{
    struct fixture *f = on(CHATROOM_MESSAGE);
    json_t *event;

    (void)state;
    f->info.user_agent = chatroom_str("");
    event = event_of(f);
    assert_keys(at(event, "requestContext/identity"), "sourceIp");
    json_decref(event);
}

static void event__the_callback_url_is_ready(void **state)
{
    static const struct {
        bool secure;
        const char *domain, *path, *url;
    } cases[] = {
        {true, "api.example.test", "prod", "https://api.example.test/prod"},
        {false, "localhost:8080", "prod", "http://localhost:8080/prod"},
        {true, "chat.example.test", "", "https://chat.example.test"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EACH_EVENT(kind)
        {
            struct fixture *f = on(*kind);
            json_t *event;

            f->api.secure = cases[i].secure;
            f->info.domain_name = chatroom_str(cases[i].domain);
            f->info.domain_path = chatroom_str(cases[i].path);
            event = event_of(f);
            assert_text(event, "requestContext/callbackUrl", cases[i].url);
            json_decref(event);
        }
    }
}

static void event__without_a_domain_there_is_no_callback_url(void **state)
{
    struct fixture *f = on(CHATROOM_MESSAGE);
    json_t *event;

    (void)state;
    f->info.domain_name = chatroom_str("");
    event = event_of(f);
    assert_null(at(event, "requestContext/callbackUrl"));
    assert_text(event, "requestContext/domainName", "");
    json_decref(event);
}

/* ---- authorizers ---- */

static void event__an_authorizer_sees_what_the_handler_will_see_and_more(void **state)
{
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event = authorizer_event_of(f), *connect = event_of(f);

    (void)state;
    assert_keys(event, "headers methodArn multiValueHeaders multiValueQueryStringParameters queryStringParameters "
                       "requestContext stageVariables type");
    assert_text(event, "type", "REQUEST");
    assert_text(event, "methodArn", "arn:aws:execute-api:eu-central-1:000000000000:abcdef123/prod/$connect");
    assert_keys(at(event, "headers"),
                "Connection Host Sec-WebSocket-Key User-Agent X-Amzn-Trace-Id X-Forwarded-For "
                "X-Forwarded-Port X-Forwarded-Proto content-length sec-websocket-VERSION upgrade");
    assert_text(event, "headers/content-length", "0");
    assert_texts(event, "multiValueHeaders/content-length", "0");
    assert_keys(at(event, "stageVariables"), "");
    assert_keys(at(event, "queryStringParameters"), "");
    assert_keys(at(event, "multiValueQueryStringParameters"), "");
    assert_true(json_equal(at(event, "requestContext"), at(connect, "requestContext")));
    json_decref(event);
    json_decref(connect);
}

static void event__an_authorizer_sees_a_length_once(void **state)
{
    static const struct chatroom_header headers[] = {H("Content-Length", "0")};
    struct fixture *f = on(CHATROOM_CONNECT);
    json_t *event;

    (void)state;
    f->head.headers = headers;
    f->head.header_count = 1;
    f->head.target = chatroom_str("/prod?token=t");
    event = authorizer_event_of(f);
    assert_null(at(event, "headers/content-length"));
    assert_text(event, "headers/Content-Length", "0");
    assert_text(event, "queryStringParameters/token", "t");
    json_decref(event);
}

static void event__a_method_arn_fits_or_is_refused(void **state)
{
    static const char expected[] = "arn:aws:execute-api:eu-central-1:000000000000:abcdef123/prod/POST/@connections/x=";
    char buffer[sizeof expected - 1];
    chatroom_span arn = {NULL, 0};

    (void)state;
    assert_int_equal(
        chatroom_event_method_arn(&usual_api, chatroom_str("POST/@connections/x="), buffer, sizeof buffer - 1, &arn),
        CHATROOM_ETOOBIG);
    assert_null(arn.bytes);
    assert_int_equal(
        chatroom_event_method_arn(&usual_api, chatroom_str("POST/@connections/x="), buffer, sizeof buffer, &arn),
        CHATROOM_OK);
    assert_memory_equal(arn.bytes, expected, sizeof expected - 1);
    assert_int_equal(arn.size, sizeof expected - 1);
}

/* ---- memory ---- */

static void event__nothing_is_allocated_and_the_size_is_known_without_room(void **state)
{
    static char bytes[65536];

    (void)state;
    EACH_EVENT(kind)
    {
        struct fixture *f = on(*kind);
        struct chatroom_json whole = chatroom_json_on(bytes, sizeof bytes), none = chatroom_json_on(NULL, 0);
        uint64_t before = count_calls();

        f->head.target = chatroom_str("/prod?a=1&a=2&b=%FF");
        chatroom_event_write(&f->info, chatroom_str("hello"), &whole);
        chatroom_event_write(&f->info, chatroom_str("hello"), &none);
        if (*kind == CHATROOM_CONNECT)
            chatroom_event_write_authorizer(&f->info, &whole);
        assert_int_equal(count_calls(), before);
        if (*kind != CHATROOM_CONNECT)
            assert_int_equal(none.size, whole.size);
        assert_true(none.size > 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_32_a_connect_event_has_exactly_its_keys),
        cmocka_unit_test(AGW_32_a_query_brings_its_maps),
        cmocka_unit_test(event__a_question_mark_alone_is_no_query),
        cmocka_unit_test(event__stage_variables_are_there_when_the_stage_has_any),
        cmocka_unit_test(event__headers_keep_their_spelling_and_lose_connection_and_upgrade),
        cmocka_unit_test(event__of_a_repeated_header_the_last_value_counts_and_all_are_there),
        cmocka_unit_test(event__the_gateway_says_where_the_client_came_from),
        cmocka_unit_test(event__trace_ids_differ_between_requests),
        cmocka_unit_test(event__a_client_cannot_say_where_it_came_from),
        cmocka_unit_test(event__the_port_is_the_one_that_was_asked_for),
        cmocka_unit_test(event__octets_that_are_no_text_are_replaced),
        cmocka_unit_test(event__long_text_is_whole_at_every_length),
        cmocka_unit_test(event__query_values_are_decoded),
        cmocka_unit_test(event__of_a_repeated_parameter_the_last_value_counts_and_all_are_there),
        cmocka_unit_test(event__more_parameters_than_there_may_be_are_passed_over),
        cmocka_unit_test(AGW_33_a_message_event_has_exactly_its_keys),
        cmocka_unit_test(AGW_33_an_empty_message_has_an_empty_body),
        cmocka_unit_test(event__a_binary_message_is_base64),
        cmocka_unit_test(AGW_34_a_disconnect_event_has_exactly_four_headers),
        cmocka_unit_test(AGW_38_the_end_has_its_code_and_its_reason),
        cmocka_unit_test(AGW_35_connected_at_is_the_same_in_all_events),
        cmocka_unit_test(AGW_36_request_time_agrees_with_its_epoch),
        cmocka_unit_test(AGW_37_ids_are_where_they_belong),
        cmocka_unit_test(AGW_39_what_the_authorizer_left_is_in_every_event),
        cmocka_unit_test(AGW_40_direction_and_place_are_in_every_event),
        cmocka_unit_test(event__a_client_without_a_user_agent_has_none),
        cmocka_unit_test(event__the_callback_url_is_ready),
        cmocka_unit_test(event__without_a_domain_there_is_no_callback_url),
        cmocka_unit_test(event__an_authorizer_sees_what_the_handler_will_see_and_more),
        cmocka_unit_test(event__an_authorizer_sees_a_length_once),
        cmocka_unit_test(event__a_method_arn_fits_or_is_refused),
        cmocka_unit_test(event__nothing_is_allocated_and_the_size_is_known_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
