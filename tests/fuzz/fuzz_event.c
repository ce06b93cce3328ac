/*
 * Events of requests with any octets in them: always JSON, for jansson as well; the same size whatever room there is;
 * and the two maps of headers, and of parameters, agree. The input is an octet that says what event it is, and lines:
 * target, domain, user agent, reason, then headers, whose name ends at a ':'.
 */
#include "fuzz.h"

#include <chatroom/event.h>
#include <chatroom/utf8.h>
#include <jansson.h>

#define HEADERS 64

typedef void write_fn(const struct chatroom_request_info *info, chatroom_span body, struct chatroom_json *json);

static void write_authorizer(const struct chatroom_request_info *info, chatroom_span body, struct chatroom_json *json)
{
    (void)body;
    chatroom_event_write_authorizer(info, json);
}

static chatroom_span next(chatroom_span *text, char end)
{
    const char *found = text->size > 0 ? memchr(text->bytes, end, text->size) : NULL;
    chatroom_span before = *text;

    before.size = found ? (size_t)(found - text->bytes) : text->size;
    *text = found ? chatroom_bytes(found + 1, text->size - before.size - 1) : chatroom_str(NULL);
    return before;
}

/* Both have the same names, and the value of one is the last of the other's. */
static void check_maps(const json_t *event, const char *single_name, const char *multi_name)
{
    json_t *single = json_object_get(event, single_name), *multi = json_object_get(event, multi_name), *value;
    const char *name;

    REQUIRE(!single == !multi && json_object_size(single) == json_object_size(multi));
    json_object_foreach(single, name, value)
    {
        const json_t *all = json_object_get(multi, name);

        REQUIRE(json_is_string(value) && json_is_array(all) && json_array_size(all) > 0);
        REQUIRE(json_equal(value, json_array_get(all, json_array_size(all) - 1)));
    }
}

static void check_text(chatroom_span text)
{
    json_error_t error;
    json_t *event = json_loadb(text.bytes, text.size, JSON_ALLOW_NUL, &error);
    size_t count;

    REQUIRE(chatroom_json_scan(text, NULL, NULL, 0, &count) == CHATROOM_OK);
    REQUIRE(event || json_error_code(&error) == json_error_null_byte_in_key);
    check_maps(event, "headers", "multiValueHeaders");
    check_maps(event, "queryStringParameters", "multiValueQueryStringParameters");
    REQUIRE(!event || json_is_object(json_object_get(event, "requestContext")));
    json_decref(event);
}

static void check_event(const struct chatroom_request_info *info, chatroom_span body, write_fn *write)
{
    struct chatroom_json json = chatroom_json_on(NULL, 0);
    size_t size;
    chatroom_span text;
    char *bytes;

    write(info, body, &json);
    size = json.size;
    bytes = malloc(size);
    REQUIRE(bytes);
    json = chatroom_json_on(bytes, size - 1);
    write(info, body, &json);
    REQUIRE(json.size == size && !chatroom_json_done(&json, &text));
    json = chatroom_json_on(bytes, size);
    write(info, body, &json);
    REQUIRE(chatroom_json_done(&json, &text) && text.size == size);
    check_text(text);
    free(bytes);
}

/* A source that is there was found good before. */
static void check_identity(const struct chatroom_request_info *info, chatroom_span source)
{
    struct chatroom_error error = {0};
    int result = chatroom_event_check_identity(source, &error);

    REQUIRE(result == CHATROOM_OK || (result == CHATROOM_EINVAL && error.text[0]));
    REQUIRE(result == CHATROOM_OK || !chatroom_event_has_identity(info, source));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chatroom_span rest = chatroom_bytes(bytes + (size > 0), size - (size > 0)), whole = rest;
    unsigned how = size > 0 ? bytes[0] : 0;
    struct chatroom_header headers[HEADERS];
    struct chatroom_request_head head = {.target = next(&rest, '\n'), .headers = headers};
    struct chatroom_variable variable = {head.target, whole};
    struct chatroom_api api = {
        .id = {"a", 1}, .stage = whole, .secure = how & 4, .variables = &variable, .variable_count = how >> 3 & 1};
    struct chatroom_request_info info = {.event = (enum chatroom_event)(how % 3), .head = &head, .api = &api};

    info.domain_name = info.domain_path = next(&rest, '\n');
    info.user_agent = info.request_id = next(&rest, '\n');
    info.close_reason = info.route_key = info.source_ip = next(&rest, '\n');
    info.kind = chatroom_utf8_valid(whole) ? CHATROOM_TEXT_MESSAGE : CHATROOM_BINARY_MESSAGE;
    info.time_ms = (int64_t)((uint64_t)how << (how & 63));
    info.close_code = (uint16_t)(1000 + how % 16);
    for (; rest.size > 0 && head.header_count < HEADERS; head.header_count++) {
        chatroom_span line = next(&rest, '\n');

        headers[head.header_count].name = next(&line, ':');
        headers[head.header_count].value = line;
        check_identity(&info, headers[head.header_count].value);
    }
    check_event(&info, whole, chatroom_event_write);
    if (info.event == CHATROOM_CONNECT)
        check_event(&info, whole, write_authorizer);
    return 0;
}
