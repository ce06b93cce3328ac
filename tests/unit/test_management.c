/*
 * The management API over plain HTTP: @connections as AWS SDKs speak it, who may use it, and the counters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

#include <chatroom/sigv4.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCESS_KEY "AKIDEXAMPLE00001"
#define POSTS_KEY  "AKIDEXAMPLE00002"
#define TOKEN_KEY  "AKIDEXAMPLE00003"
#define NO_KEY     "AKIDEXAMPLE00009"
#define SECRET     "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
#define UNKNOWN    "AAAAAAAAAAAAAAA="

/* Who calls, and how. */
struct call {
    const char *method, *target, *body, *access_key, *host, *ip; /* access_key NULL: unsigned */
    const char *secret, *region, *token;
    size_t body_size;
    int64_t off_ms;
    bool cut, forged; /* forged: another body was signed */
};

static struct wire_answer answer;

static void ask(struct gate *g, struct call call)
{
    struct chatroom_header headers[4] = {{chatroom_str("Host"), chatroom_str(call.host ? call.host : "api.example")}};
    struct chatroom_http_request request = {
        .method = chatroom_str(call.method),
        .head = {chatroom_str(call.target), headers, 1, chatroom_str(call.ip ? call.ip : "192.0.2.3")},
        .body = chatroom_bytes(call.body, call.body_size ? call.body_size
                                          : call.body    ? strlen(call.body)
                                                         : 0),
        .cut = call.cut};
    const struct chatroom_sigv4_request as_signed = {request.method, request.head.target, headers, 1,
                                                     call.forged ? chatroom_str("forged") : request.body};
    const struct chatroom_sigv4_scope scope = {chatroom_str(call.region ? call.region : "us-east-1"),
                                               chatroom_str("execute-api"), g->now.wall_ms + call.off_ms, 0};
    const struct chatroom_sigv4_key key = {chatroom_str(call.access_key ? call.access_key : ""),
                                           chatroom_str(call.secret ? call.secret : SECRET),
                                           chatroom_str(call.token ? call.token : "")};
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];

    if (call.access_key) {
        assert_int_equal(chatroom_sigv4_sign(&as_signed, &scope, &key, date, authorization), CHATROOM_OK);
        headers[1] = (struct chatroom_header){chatroom_str("X-Amz-Date"), chatroom_str(date)};
        headers[2] = (struct chatroom_header){chatroom_str("Authorization"), chatroom_str(authorization)};
        headers[3] = (struct chatroom_header){chatroom_str("X-Amz-Security-Token"), key.token};
        request.head.header_count = call.token ? 4 : 3;
    }
    wire_http(g->wire, &request, &answer);
    gate_step(g);
}

/* Signed by one who may do everything. */
static void ask_as_owner(struct gate *g, const char *method, const char *target, const char *body)
{
    ask(g, (struct call){.method = method, .target = target, .body = body, .access_key = ACCESS_KEY});
}

static void assert_answer(uint16_t status, const char *type, const char *body)
{
    assert_int_equal(answer.wanted, CHATROOM_OK);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.error_type, type);
    assert_string_equal(answer.body, body);
    assert_string_equal(answer.content_type, *body ? "application/json" : "");
    assert_int_equal(strlen(answer.request_id), 16);
    assert_string_equal(answer.retry_after, status == 429 ? "1" : "");
}

static void add_credential(struct gate *g, const char *access_key, const char *token, const char *policy)
{
    const struct chatroom_credential credential = {.access_key = chatroom_str(access_key),
                                                   .secret = chatroom_str(SECRET),
                                                   .token = chatroom_str(token),
                                                   .policy = chatroom_str(policy)};

    assert_int_equal(chatroom_add_credential(g->c, &credential, NULL), CHATROOM_OK);
}

static void begin_with(struct gate *g, const struct chatroom_management_options *options)
{
    gate_prepare(g);
    gate_new(g);
    add_credential(g, ACCESS_KEY, "", "");
    add_credential(g, POSTS_KEY, "",
                   "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"execute-api:ManageConnections\",\"Resource\":"
                   "\"arn:aws:execute-api:us-east-1:000000000000:chatroom/dev/POST/@connections/*\"}}");
    add_credential(g, TOKEN_KEY, "the-token", "");
    assert_int_equal(chatroom_manage(g->c, options), CHATROOM_OK);
}

static void begin(struct gate *g)
{
    const struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;

    begin_with(g, &options);
    gate_start(g);
}

/* "/dev/@connections/ID", static. */
static const char *path_of(const struct gate *g, size_t client)
{
    static char path[64];

    snprintf(path, sizeof path, "/dev/@connections/%.16s", wire_id(g->wire, client).bytes);
    return path;
}

static void AGW_55_what_is_posted_reaches_the_client_as_a_text_message_of_equal_bytes(void **state)
{
    static char big[131073];
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g), bob = gate_connected(&g);
    ask_as_owner(&g, "POST", path_of(&g, ann), "h\xc3\xa4llo {\"a\":1}");
    assert_answer(200, "", "");
    gate_hears(&g, ann, "h\xc3\xa4llo {\"a\":1}", NULL);
    ask_as_owner(&g, "POST", path_of(&g, ann), "");
    assert_answer(200, "", "");
    gate_hears(&g, ann, "", NULL);
    memset(big, 'x', 131072);
    ask_as_owner(&g, "POST", path_of(&g, ann), big);
    assert_answer(200, "", "");
    gate_hears_nothing(&g, bob);
    assert_string_equal(wire_take(g.wire, ann), big);
    gate_end(&g);
}

static void AGW_56_get_tells_times_address_and_agent(void **state)
{
    const struct chatroom_header host = {chatroom_str("Host"), chatroom_str("api.example")};
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g), bob = gate_connect_as(&g, "/dev", &host, 1);
    gate_pass(&g, 2345);
    ask_as_owner(&g, "GET", path_of(&g, ann), NULL);
    assert_answer(200, "",
                  "{\"connectedAt\":\"2026-11-23T21:05:01.000Z\",\"identity\":{\"sourceIp\":\"192.0.2.1\","
                  "\"userAgent\":\"wire\"},\"lastActiveAt\":\"2026-11-23T21:05:01.000Z\"}");
    ask_as_owner(&g, "POST", path_of(&g, bob), "x");
    gate_pass(&g, 655);
    ask_as_owner(&g, "GET", path_of(&g, bob), NULL);
    assert_answer(200, "",
                  "{\"connectedAt\":\"2026-11-23T21:05:01.000Z\",\"identity\":{\"sourceIp\":\"192.0.2.7\"},"
                  "\"lastActiveAt\":\"2026-11-23T21:05:03.345Z\"}");
    wire_set_active(g.wire, bob, g.now.mono_ns + 7000000); /* a transport with threads has a later clock */
    ask_as_owner(&g, "GET", path_of(&g, bob), NULL);
    assert_non_null(strstr(answer.body, "\"lastActiveAt\":\"2026-11-23T21:05:04.000Z\""));
    gate_end(&g);
}

static void AGW_57_and_38_delete_closes_with_1000_and_then_there_is_nobody(void **state)
{
    struct gate g;
    struct act disconnect = {0};
    const struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;

    (void)state;
    begin_with(&g, &options);
    gate_route(&g, "$disconnect", &disconnect);
    gate_start(&g);
    size_t ann = gate_connected(&g), bob = gate_connected(&g);
    const char *path = path_of(&g, ann);
    ask_as_owner(&g, "DELETE", path, NULL);
    assert_answer(204, "", "");
    ask_as_owner(&g, "DELETE", path, NULL);
    assert_answer(410, "GoneException", "");
    assert_int_equal(wire_close_code(g.wire, ann), 1000);
    assert_string_equal(wire_close_reason(g.wire, ann), "Connection Closed Normally");
    assert_int_equal(disconnect.calls, 1);
    assert_int_equal(disconnect.code, 1000);
    assert_string_equal(disconnect.reason, "Connection Closed Normally");
    assert_int_equal(disconnect.cause, CHATROOM_CAUSE_SERVER);
    ask_as_owner(&g, "POST", path, "x");
    assert_answer(410, "GoneException", "");
    ask_as_owner(&g, "GET", path, NULL);
    assert_answer(410, "GoneException", "");
    assert_true(wire_is_open(g.wire, bob));
    gate_end(&g);
}

static void delete__a_second_one_before_the_client_is_gone_finds_nobody(void **state)
{
    struct gate g;
    static struct wire_answer second;
    struct chatroom_http_request request;
    const struct chatroom_management_options options = {
        .size = sizeof options, .connections = true, .unsigned_loopback = true};

    (void)state;
    begin_with(&g, &options);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    request = (struct chatroom_http_request){.method = chatroom_str("DELETE"),
                                             .head = {chatroom_str(path_of(&g, ann)), NULL, 0, chatroom_str("::1")}};
    wire_http(g.wire, &request, &answer);
    wire_http(g.wire, &request, &second);
    gate_step(&g);
    assert_int_equal(answer.status, 204);
    assert_int_equal(second.status, 410);
    gate_end(&g);
}

static void AGW_58_an_id_that_nobody_has_is_gone_with_an_empty_body(void **state)
{
    static const char *const methods[] = {"POST", "GET", "DELETE"};
    struct gate g;
    struct act connect = {.defer = true};
    const struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;

    (void)state;
    begin_with(&g, &options);
    gate_route(&g, "$connect", &connect);
    gate_start(&g);
    size_t ann = wire_connect(g.wire, "/dev");
    gate_step(&g);
    for (size_t i = 0; i < 3; i++) {
        ask_as_owner(&g, methods[i], "/dev/@connections/" UNKNOWN, NULL);
        assert_answer(410, "GoneException", "");
        ask_as_owner(&g, methods[i], path_of(&g, ann), NULL); /* it is not in yet */
        assert_answer(410, "GoneException", "");
    }
    gate_end(&g);
}

static void AGW_59_an_id_of_another_form_is_a_bad_request_that_quotes_it(void **state)
{
    static const struct {
        const char *id, *shown;
    } ids[] = {{"x", "x"},
               {"AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAA"},
               {"AAAAAAAAAAAAAAB=", "AAAAAAAAAAAAAAB="},
               {"AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA"},
               {"AAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAA=="},
               {"AAAAAAAAAAAAAAA%253D", "AAAAAAAAAAAAAAA%3D"}, /* encoded twice */
               {"AAAAAAAAAAAAAAA%3", "AAAAAAAAAAAAAAA%3"},
               {"AAAAAAAAAAAAAAA%3g", "AAAAAAAAAAAAAAA%3g"},
               {"AAAAAAAAAAAAAAA%g3", "AAAAAAAAAAAAAAA%g3"},
               {"AAAAAAAAAAAAA%2FA=", "AAAAAAAAAAAAA/A="},
               {"AAAAAAAAAAAAAAA%00", "AAAAAAAAAAAAAAA?"},
               {"%22%5C%C3%A4%0A", "\\\"\\\\??\\n"},
               {"AAAAAAAAAAAAAA+=", "AAAAAAAAAAAAAA+="},
               {".", "."},
               {"..", ".."}};
    static char target[4096], wanted[256];
    struct gate g;

    (void)state;
    begin(&g);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        snprintf(target, sizeof target, "/dev/@connections/%s", ids[i].id);
        snprintf(wanted, sizeof wanted, "{\"message\":\"Invalid connectionId: %s\"}", ids[i].shown);
        ask_as_owner(&g, "POST", target, "x");
        assert_answer(400, "BadRequestException", wanted);
    }
    size_t size = (size_t)snprintf(target, sizeof target, "/dev/@connections/");
    memset(target + size, 'A', 3000);
    target[size + 3000] = '\0';
    ask_as_owner(&g, "DELETE", target, NULL);
    assert_int_equal(answer.status, 400);
    assert_true(strlen(answer.body) < 128);
    gate_end(&g);
}

static void AGW_60_a_body_that_is_too_long_is_told_so_whatever_the_method(void **state)
{
    static const char body[] = "{\"message\":\"The payload is larger than 131072 bytes.\"}";
    static const char *const methods[] = {"POST", "GET", "DELETE"};
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < 3; i++) {
        /* The body was signed, and is not here: nobody knows whether the signature is right. */
        ask(&g, (struct call){.method = methods[i],
                              .target = path_of(&g, ann),
                              .access_key = ACCESS_KEY,
                              .cut = true,
                              .forged = true});
        assert_answer(413, "PayloadTooLargeException", body);
        assert_int_equal(answer.body_bytes, 131072);
        ask(&g, (struct call){.method = methods[i], .target = path_of(&g, ann), .access_key = ACCESS_KEY, .cut = true});
        assert_answer(413, "PayloadTooLargeException", body);
    }
    assert_true(wire_is_open(g.wire, ann));
    gate_hears_nothing(&g, ann);
    ask(&g, (struct call){.method = "POST", .target = path_of(&g, ann), .cut = true});
    assert_answer(403, "MissingAuthenticationTokenException", "{\"message\":\"Missing Authentication Token\"}");
    ask(&g, (struct call){.method = "POST", .target = path_of(&g, ann), .access_key = NO_KEY, .cut = true});
    assert_int_equal(answer.status, 403);
    gate_end(&g);
}

static void AGW_61_who_does_not_read_is_told_of_by_429_and_stays(void **state)
{
    struct gate g;
    struct chatroom_counters before, after;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    wire_limit_offers(g.wire, ann, 2);
    for (int i = 0; i < 2; i++) {
        ask_as_owner(&g, "POST", path_of(&g, ann), "x");
        assert_answer(200, "", "");
    }
    assert_int_equal(chatroom_counters(g.c, NULL, &before), CHATROOM_OK);
    ask_as_owner(&g, "POST", path_of(&g, ann), "x");
    assert_answer(429, "LimitExceededException",
                  "{\"message\":\"The client does not read what was sent to it before.\"}");
    assert_int_equal(chatroom_counters(g.c, NULL, &after), CHATROOM_OK);
    assert_int_equal(after.messages, before.messages);
    assert_true(wire_is_open(g.wire, ann));
    wire_drain(g.wire, ann);
    ask_as_owner(&g, "POST", path_of(&g, ann), "x");
    assert_answer(200, "", "");
    gate_end(&g);
}

static void AGW_62_every_spelling_of_the_path_reaches_the_connection(void **state)
{
    static const char *const patterns[] = {"/dev/@connections/%.15s=",    "/dev/@connections/%.15s%%3D",
                                           "/dev/%%40connections/%.15s=", "/dev/%%40connections/%.15s%%3d",
                                           "/dev/@connections/%.15s=?x",  "/dev/@%%63onnections/%.15s=?",
                                           "/dev/@connections/%%41%.14s="};
    struct gate g;
    char target[128];

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const char *id = wire_id(g.wire, ann).bytes;

        if (strstr(patterns[i], "%%41")) { /* the first octet of the id is encoded as well */
            snprintf(target, sizeof target, "/dev/@connections/%%%02X%.15s", (unsigned char)id[0], id + 1);
        } else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(target, sizeof target, patterns[i], id);
#pragma GCC diagnostic pop
        }
        ask_as_owner(&g, "POST", target, "x");
        assert_answer(200, "", "");
    }
    assert_int_equal(wire_queued(g.wire, ann), sizeof patterns / sizeof *patterns);
    gate_end(&g);
}

static void AGW_63_who_does_not_sign_or_not_rightly_is_told_why(void **state)
{
    static const struct {
        struct call call;
        const char *type, *part;
    } rows[] = {
        {{.method = "POST"}, "MissingAuthenticationTokenException", "{\"message\":\"Missing Authentication Token\"}"},
        {{.method = "POST", .access_key = NO_KEY}, "UnrecognizedClientException", "security token"},
        {{.method = "POST", .access_key = TOKEN_KEY}, "UnrecognizedClientException", "security token"},
        {{.method = "POST", .access_key = TOKEN_KEY, .token = "another"}, "UnrecognizedClientException", ""},
        {{.method = "POST", .access_key = ACCESS_KEY, .token = "the-token"}, "UnrecognizedClientException", ""},
        {{.method = "POST", .access_key = ACCESS_KEY, .secret = "wrong"},
         "InvalidSignatureException",
         "The canonical request:"},
        {{.method = "POST", .access_key = ACCESS_KEY, .forged = true}, "InvalidSignatureException", "does not match"},
        {{.method = "GET", .access_key = ACCESS_KEY, .secret = "wrong"}, "InvalidSignatureException", "does not match"},
        {{.method = "DELETE", .access_key = ACCESS_KEY, .secret = "wrong"}, "InvalidSignatureException", ""},
        {{.method = "PUT", .access_key = ACCESS_KEY, .secret = "wrong"}, "InvalidSignatureException", ""},
        {{.method = "POST", .access_key = ACCESS_KEY, .off_ms = 302000}, "InvalidSignatureException", "date"},
        {{.method = "POST", .access_key = ACCESS_KEY, .off_ms = -302000}, "InvalidSignatureException", "date"},
        {{.method = "POST", .access_key = ACCESS_KEY, .region = "eu-west-1"}, "InvalidSignatureException", "scoped"},
    };
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call call = rows[i].call;

        call.target = path_of(&g, ann);
        ask(&g, call);
        assert_int_equal(answer.status, 403);
        if (strcmp(answer.error_type, rows[i].type) != 0 || !strstr(answer.body, rows[i].part))
            fail_msg("%zu: %s %s", i, answer.error_type, answer.body);
    }
    assert_true(wire_is_open(g.wire, ann));
    gate_hears_nothing(&g, ann);
    ask(&g,
        (struct call){
            .method = "POST", .target = path_of(&g, ann), .body = "x", .access_key = TOKEN_KEY, .token = "the-token"});
    assert_answer(200, "", "");
    assert_true(gate_logged(&g, "management_refused", "error=InvalidSignatureException"));
    gate_end(&g);
}

static void AGW_63_what_a_stranger_sent_is_quoted_as_json_that_holds(void **state)
{
    struct gate g;

    (void)state;
    begin(&g);
    ask(&g, (struct call){.method = "POST",
                          .target = "/dev/@connections/" UNKNOWN "?q=%22%5c\"\\\xff\x01",
                          .access_key = ACCESS_KEY,
                          .secret = "wrong",
                          .host = "\"}, \xc3\x28"});
    assert_string_equal(answer.error_type, "InvalidSignatureException");
    for (const char *at = answer.body; *at; at++)
        assert_in_range((unsigned char)*at, 0x20, 0x7e);
    struct chatroom_json_value value;
    size_t count;
    assert_int_equal(chatroom_json_scan(chatroom_str(answer.body), &value, NULL, 0, &count), CHATROOM_OK);
    gate_end(&g);
}

static void AGW_64_a_policy_for_posting_lets_nobody_get_or_delete(void **state)
{
    char wanted[512];
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    ask(&g, (struct call){.method = "POST", .target = path_of(&g, ann), .body = "x", .access_key = POSTS_KEY});
    assert_answer(200, "", "");
    static const char *const others[] = {"GET", "DELETE", "PUT", "post"};
    for (size_t i = 0; i < 4; i++) {
        ask(&g, (struct call){.method = others[i], .target = path_of(&g, ann), .access_key = POSTS_KEY});
        snprintf(wanted, sizeof wanted,
                 "{\"message\":\"User: " POSTS_KEY " is not authorized to perform: execute-api:ManageConnections on "
                 "resource: arn:aws:execute-api:us-east-1:000000000000:chatroom/dev/%s/@connections/%.16s\"}",
                 others[i], wire_id(g.wire, ann).bytes);
        assert_answer(403, "AccessDeniedException", wanted);
    }
    assert_true(wire_is_open(g.wire, ann));
    gate_end(&g);
}

static void paths__of_another_stage_are_forbidden_and_of_nobody_not_ours(void **state)
{
    static const char *const elsewhere[] = {"/prod/@connections/" UNKNOWN,       "/@connections/" UNKNOWN,
                                            "/devil/@connections/" UNKNOWN,      "/dev/x/@connections/" UNKNOWN,
                                            "//dev/@connections/" UNKNOWN,       "/dev//@connections/" UNKNOWN,
                                            "/prod/%40connections/" UNKNOWN,     "/d%65v/@connections/" UNKNOWN,
                                            "/dev/../dev/@connections/" UNKNOWN, "/DEV/@connections"};
    static const char *const ours[] = {"/dev/@connections", "/dev/@connections/", "/dev/@connections?x",
                                       "/dev/@connections/" UNKNOWN "/", "/dev/@connections/" UNKNOWN "/x"};
    static const char *const nobodys[] = {"/",
                                          "/dev",
                                          "/dev/",
                                          "/dev/@connectionsx/" UNKNOWN,
                                          "/metrics",
                                          "/dev/connections/" UNKNOWN,
                                          "/dev?x=/@connections/" UNKNOWN,
                                          "",
                                          "/dev/@connection",
                                          "*",
                                          "/dev%2F@connections/" UNKNOWN};
    struct gate g;

    (void)state;
    begin(&g);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        ask_as_owner(&g, "POST", elsewhere[i], "x");
        if (answer.status != 403)
            fail_msg("%s: %u", elsewhere[i], answer.status);
        assert_answer(403, "ForbiddenException", "{\"message\":\"Forbidden\"}");
    }
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        ask_as_owner(&g, "GET", ours[i], NULL);
        if (answer.status != 404)
            fail_msg("%s: %u", ours[i], answer.status);
        assert_answer(404, "NotFoundException",
                      "{\"message\":\"No method found matching route @connections for http method GET\"}");
    }
    for (size_t i = 0; i < sizeof nobodys / sizeof *nobodys; i++) {
        ask(&g, (struct call){.method = "POST", .target = nobodys[i]});
        if (answer.wanted != CHATROOM_ENOENT)
            fail_msg("%s is wanted", nobodys[i]);
    }
    ask_as_owner(&g, "PUT", "/dev/@connections/" UNKNOWN, "x");
    assert_answer(404, "NotFoundException",
                  "{\"message\":\"No method found matching route @connections/{connectionId} for http method PUT\"}");
    ask(&g, (struct call){.method = "GET", .target = "/dev/@connections"});
    assert_int_equal(answer.status, 403);
    gate_end(&g);
}

static void paths__without_a_stage_and_on_a_mapped_domain_begin_with_the_collection(void **state)
{
    const struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    char target[64];
    struct gate g;

    (void)state;
    gate_prepare(&g);
    g.config.stage = NULL;
    gate_new(&g);
    add_credential(&g, ACCESS_KEY, "", "");
    assert_int_equal(chatroom_manage(g.c, &options), CHATROOM_OK);
    gate_start(&g);
    size_t ann = wire_connect(g.wire, "/any/path");
    gate_step(&g);
    snprintf(target, sizeof target, "/@connections/%.16s", wire_id(g.wire, ann).bytes);
    ask_as_owner(&g, "POST", target, "x");
    assert_answer(200, "", "");
    gate_end(&g);
}

static void AGW_65_on_a_mapped_domain_the_callback_url_without_stage_works(void **state)
{
    const struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    char target[64];
    struct gate g;

    (void)state;
    begin_with(&g, &options);
    assert_int_equal(chatroom_map_domain(g.c, "chat.example", "live"), CHATROOM_OK);
    assert_int_equal(chatroom_map_domain(g.c, "bare.example", ""), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    snprintf(target, sizeof target, "/live/@connections/%.16s", wire_id(g.wire, ann).bytes);
    ask(&g, (struct call){
                .method = "POST", .target = target, .body = "x", .access_key = POSTS_KEY, .host = "Chat.Example"});
    assert_answer(200, "", "");
    ask(&g, (struct call){.method = "POST", .target = target, .body = "x", .access_key = ACCESS_KEY});
    assert_answer(403, "ForbiddenException", "{\"message\":\"Forbidden\"}");
    ask(&g, (struct call){.method = "POST",
                          .target = path_of(&g, ann),
                          .body = "x",
                          .access_key = ACCESS_KEY,
                          .host = "chat.example"});
    assert_answer(403, "ForbiddenException", "{\"message\":\"Forbidden\"}");
    ask(&g, (struct call){
                .method = "POST", .target = target + 5, .body = "x", .access_key = ACCESS_KEY, .host = "bare.example"});
    assert_answer(200, "", "");
    gate_end(&g);
}

static void post__a_body_that_is_not_utf8_is_a_bad_request(void **state)
{
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    ask_as_owner(&g, "POST", path_of(&g, ann), "\xff");
    assert_answer(400, "BadRequestException", "{\"message\":\"The payload is not valid UTF-8.\"}");
    ask(&g,
        (struct call){
            .method = "POST", .target = path_of(&g, ann), .body = "a\0b", .body_size = 3, .access_key = ACCESS_KEY});
    assert_answer(200, "", "");
    gate_end(&g);
}

static void loopback__needs_no_signature_only_if_that_was_said(void **state)
{
    static const struct {
        const char *ip;
        bool loopback;
    } rows[] = {{"127.0.0.1", true},
                {"127.9.8.7", true},
                {"::1", true},
                {"::ffff:127.0.0.1", true},
                {"", true},
                {"192.0.2.1", false},
                {"::2", false},
                {"128.0.0.1", false},
                {"::ffff:128.0.0.1", false},
                {"1127.0.0.1", false},
                {"127", false},
                {"::11", false}};
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    struct gate g;

    (void)state;
    for (int open = 0; open < 2; open++) {
        options.unsigned_loopback = open;
        begin_with(&g, &options);
        gate_start(&g);
        size_t ann = gate_connected(&g);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            ask(&g, (struct call){.method = "POST", .target = path_of(&g, ann), .body = "x", .ip = rows[i].ip});
            if (answer.status != (open && rows[i].loopback ? 200 : 403))
                fail_msg("%s: %u", rows[i].ip, answer.status);
        }
        /* Who signs is held to it, from anywhere. */
        ask(&g, (struct call){.method = "POST",
                              .target = path_of(&g, ann),
                              .access_key = ACCESS_KEY,
                              .secret = "wrong",
                              .ip = "::1"});
        assert_int_equal(answer.status, 403);
        ask(&g, (struct call){.method = "GET", .target = path_of(&g, ann), .access_key = POSTS_KEY, .ip = "::1"});
        assert_int_equal(answer.status, 403);
        ask(&g, (struct call){.method = "DELETE",
                              .target = path_of(&g, ann),
                              .access_key = ACCESS_KEY,
                              .secret = "wrong",
                              .ip = "::1",
                              .cut = true});
        assert_true(wire_is_open(g.wire, ann));
        gate_end(&g);
    }
}

static void throttle__beyond_it_a_call_is_429_with_when_to_try_again(void **state)
{
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    struct gate g;

    (void)state;
    options.per_second = 2;
    options.burst = 3;
    options.metrics_path = "/metrics";
    begin_with(&g, &options);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (int i = 0; i < 3; i++) {
        ask_as_owner(&g, "POST", path_of(&g, ann), "x");
        assert_answer(200, "", "");
    }
    ask_as_owner(&g, "POST", path_of(&g, ann), "x");
    assert_answer(429, "LimitExceededException", "{\"message\":\"Too Many Requests\"}");
    ask(&g, (struct call){.method = "GET", .target = "/metrics"});
    assert_int_equal(answer.status, 200);
    gate_pass(&g, 500);
    ask_as_owner(&g, "POST", path_of(&g, ann), "x");
    assert_answer(200, "", "");
    gate_end(&g);
}

static void log__says_who_and_why_and_never_a_query(void **state)
{
    struct gate g;

    (void)state;
    begin(&g);
    size_t ann = gate_connected(&g);
    ask(&g,
        (struct call){.method = "GET",
                      .target = "/dev/@connections/AAAAAAAAAAAAAAA=?X-Amz-Security-Token=TOKEN&X-Amz-Signature=SIGN"});
    assert_int_equal(answer.status, 403);
    assert_true(gate_logged(&g, "management_refused", "target=/dev/@connections/AAAAAAAAAAAAAAA= "));
    assert_false(gate_logged(&g, "management_refused", "TOKEN"));
    ask(&g, (struct call){.method = "GET", .target = path_of(&g, ann), .access_key = ACCESS_KEY, .secret = "wrong"});
    assert_true(gate_logged(&g, "management_refused", "access_key=" ACCESS_KEY));
    assert_true(gate_logged(&g, "management_refused", "detail=The request signature we calculated"));
    ask_as_owner(&g, "DELETE", path_of(&g, ann), NULL);
    assert_int_equal(answer.status, 204);
    assert_true(gate_logged(&g, "management", "method=DELETE"));
    assert_true(gate_logged(&g, "management", "access_key=" ACCESS_KEY));
    gate_end(&g);
}

static void throttle__strangers_do_not_use_it_up(void **state)
{
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    struct gate g;

    (void)state;
    options.per_second = options.burst = 1;
    begin_with(&g, &options);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    for (int i = 0; i < 10; i++) {
        ask(&g, (struct call){.method = "POST", .target = path_of(&g, ann), .body = "x", .ip = "192.0.2.9"});
        assert_int_equal(answer.status, 403);
    }
    ask_as_owner(&g, "POST", path_of(&g, ann), "x");
    assert_answer(200, "", "");
    gate_end(&g);
}

/* ---- the counters ---- */

static void metrics__are_text_that_prometheus_reads(void **state)
{
    static const char *const lines[] = {
        "# TYPE chatroom_connect_count_total counter\n",
        "\nchatroom_connect_count_total{api=\"chatroom\",stage=\"dev\"} 2\n",
        "\nchatroom_message_count_total{api=\"chatroom\",stage=\"dev\"} 3\n",
        "\nchatroom_message_count_total{api=\"chatroom\",stage=\"dev\",route=\"say \\\"\\\\\\n\"} 3\n",
        "\nchatroom_integration_latency_ms_count{api=\"chatroom\",stage=\"dev\",route=\"$connect\"} 2\n",
        "\nchatroom_client_error_total{api=\"chatroom\",stage=\"dev\"} 0\n",
        "\nchatroom_connections 1\n",
        "\nchatroom_rooms 0\n",
    };
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    struct gate g;
    struct act connect = {0}, say = {.reply = "yes"};

    (void)state;
    options.metrics_path = "/metrics";
    begin_with(&g, &options);
    gate_route(&g, "$connect", &connect);
    gate_route(&g, "say \"\\\n", &say);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    wire_close(g.wire, gate_connected(&g), 1000);
    gate_says(&g, ann, "{\"action\":\"say \\\"\\\\\\n\"}");
    say.reply = NULL;
    gate_says(&g, ann, "{\"action\":\"say \\\"\\\\\\n\"}");
    ask(&g, (struct call){.method = "GET", .target = "/metrics?x"});
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_int_equal(answer.body_bytes, 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(answer.body, lines[i]))
            fail_msg("%s is missing in %s", lines[i], answer.body);
    assert_int_equal(answer.body[strlen(answer.body) - 1], '\n');
    ask(&g, (struct call){.method = "POST", .target = "/metrics"});
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer.allow, "GET, HEAD");
    ask(&g, (struct call){.method = "HEAD", .target = "/metrics"});
    assert_int_equal(answer.status, 200);
    ask(&g, (struct call){.method = "GET", .target = "/metricsx"});
    assert_int_equal(answer.wanted, CHATROOM_ENOENT);
    gate_end(&g);
}

static void options__without_connections_or_at_all_nothing_is_answered(void **state)
{
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    struct gate g;

    (void)state;
    options.connections = false;
    begin_with(&g, &options);
    assert_int_equal(chatroom_manage(g.c, &options), CHATROOM_EINVAL);
    gate_start(&g);
    ask_as_owner(&g, "GET", "/dev/@connections/" UNKNOWN, NULL);
    assert_int_equal(answer.wanted, CHATROOM_ENOENT);
    gate_end(&g);

    gate_prepare(&g);
    gate_new(&g);
    options.metrics_path = "metrics";
    assert_int_equal(chatroom_manage(g.c, &options), CHATROOM_EINVAL);
    assert_int_equal(chatroom_manage(g.c, NULL), CHATROOM_EINVAL);
    gate_start(&g);
    options.metrics_path = NULL;
    assert_int_equal(chatroom_manage(g.c, &options), CHATROOM_EINVAL);
    ask_as_owner(&g, "GET", "/dev/@connections/" UNKNOWN, NULL);
    assert_int_equal(answer.wanted, CHATROOM_ENOENT);
    gate_end(&g);
}

/* ---- the same for C ---- */

struct heard {
    int calls, status;
    struct chatroom_connection_info info;
    char source_ip[32], user_agent[32];
};

static void hear(void *arg, int status)
{
    struct heard *heard = arg;

    heard->calls++;
    heard->status = status;
}

static void hear_info(void *arg, int status, const struct chatroom_connection_info *info)
{
    struct heard *heard = arg;

    hear(arg, status);
    assert_int_equal(info != NULL, status == CHATROOM_OK);
    if (!info)
        return;
    heard->info = *info;
    snprintf(heard->source_ip, sizeof heard->source_ip, "%.*s", (int)info->source_ip.size, info->source_ip.bytes);
    snprintf(heard->user_agent, sizeof heard->user_agent, "%.*s", (int)info->user_agent.size, info->user_agent.bytes);
}

static void verbs__for_c_do_the_same(void **state)
{
    struct gate g;
    struct heard posted = {0}, got = {0}, closed = {0}, again = {0}, gone = {0}, full = {0};

    (void)state;
    gate_prepare(&g);
    gate_new(&g);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    gate_pass(&g, 500);
    assert_int_equal(chatroom_post(g.c, wire_id(g.wire, ann), chatroom_str("hello"), hear, &posted), CHATROOM_OK);
    gate_step(&g);
    gate_hears(&g, ann, "hello", NULL);
    wire_limit_offers(g.wire, ann, 0);
    assert_int_equal(chatroom_post(g.c, wire_id(g.wire, ann), chatroom_str("hello"), hear, &full), CHATROOM_OK);
    assert_int_equal(chatroom_get_connection(g.c, wire_id(g.wire, ann), hear_info, &got), CHATROOM_OK);
    gate_step(&g);
    assert_int_equal(full.status, CHATROOM_EAGAIN);
    assert_true(wire_is_open(g.wire, ann));
    assert_int_equal(got.status, CHATROOM_OK);
    assert_int_equal(got.info.connected_at_ms, 1795467901000);
    assert_int_equal(got.info.last_active_ms, 1795467901500);
    assert_string_equal(got.source_ip, "192.0.2.1");
    assert_string_equal(got.user_agent, "wire");
    assert_int_equal(chatroom_disconnect(g.c, wire_id(g.wire, ann), 999, chatroom_str(""), hear, &closed),
                     CHATROOM_EINVAL);
    assert_int_equal(chatroom_disconnect(g.c, wire_id(g.wire, ann), 4000, chatroom_str("bye"), hear, &closed),
                     CHATROOM_OK);
    assert_int_equal(chatroom_disconnect(g.c, wire_id(g.wire, ann), 4000, chatroom_str("bye"), hear, &again),
                     CHATROOM_OK);
    assert_int_equal(chatroom_get_connection(g.c, wire_id(g.wire, ann), hear_info, &gone), CHATROOM_OK);
    gate_step(&g);
    assert_int_equal(closed.status, CHATROOM_OK);
    assert_int_equal(again.status, CHATROOM_EGONE);
    assert_int_equal(gone.status, CHATROOM_EGONE);
    assert_int_equal(wire_close_code(g.wire, ann), 4000);
    assert_string_equal(wire_close_reason(g.wire, ann), "bye");
    assert_int_equal(posted.calls + got.calls + closed.calls + again.calls + gone.calls + full.calls, 6);
    struct heard late[3] = {{0}, {0}, {0}};
    assert_int_equal(chatroom_post(g.c, chatroom_str("x"), chatroom_str(""), hear, &late[0]), CHATROOM_OK);
    assert_int_equal(chatroom_get_connection(g.c, chatroom_str("x"), hear_info, &late[1]), CHATROOM_OK);
    assert_int_equal(chatroom_disconnect(g.c, chatroom_str("x"), 1000, chatroom_str(""), hear, &late[2]), CHATROOM_OK);
    gate_end(&g);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(late[i].calls, 1);
        assert_int_equal(late[i].status, CHATROOM_ECLOSED);
    }
}

enum { CALLS = 300 };

struct caller {
    chatroom *c;
    chatroom_span id;
    atomic_uint ended;
};

static void count_end(void *arg, int status)
{
    struct caller *caller = arg;

    assert_true(status == CHATROOM_OK || status == CHATROOM_EGONE);
    atomic_fetch_add(&caller->ended, 1);
}

static void count_info(void *arg, int status, const struct chatroom_connection_info *info)
{
    assert_int_equal(info != NULL, status == CHATROOM_OK);
    count_end(arg, status);
}

static void *call_all(void *arg)
{
    struct caller *caller = arg;
    int bad = 0;

    for (int i = 0; i < CALLS; i++) {
        bad += chatroom_post(caller->c, caller->id, chatroom_str("x"), count_end, caller) != CHATROOM_OK;
        bad += chatroom_get_connection(caller->c, caller->id, count_info, caller) != CHATROOM_OK;
    }
    bad += chatroom_disconnect(caller->c, caller->id, 4000, chatroom_str("bye"), count_end, caller) != CHATROOM_OK;
    return bad ? caller : NULL;
}

static void verbs__for_c_are_for_any_thread(void **state)
{
    struct gate g;
    struct caller callers[3];
    pthread_t threads[3];
    unsigned ended = 0;

    (void)state;
    gate_prepare(&g);
    g.config.alloc = NULL; /* that of tests is for one thread */
    gate_new(&g);
    gate_start(&g);
    for (size_t i = 0; i < 3; i++) {
        size_t client = gate_connected(&g);

        callers[i].c = g.c;
        callers[i].id = wire_id(g.wire, client);
        atomic_init(&callers[i].ended, 0);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_all, &callers[i]), 0);
    while (ended < 3 * (2 * CALLS + 1)) {
        assert_int_equal(chatroom_step(g.c, g.now), CHATROOM_OK);
        ended = 0;
        for (size_t i = 0; i < 3; i++)
            ended += atomic_load(&callers[i].ended);
    }
    for (size_t i = 0; i < 3; i++) {
        void *bad;

        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
        assert_int_equal(wire_queued(g.wire, i), CALLS);
        assert_int_equal(wire_close_code(g.wire, i), 4000);
    }
    gate_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_55_what_is_posted_reaches_the_client_as_a_text_message_of_equal_bytes),
        cmocka_unit_test(AGW_56_get_tells_times_address_and_agent),
        cmocka_unit_test(AGW_57_and_38_delete_closes_with_1000_and_then_there_is_nobody),
        cmocka_unit_test(delete__a_second_one_before_the_client_is_gone_finds_nobody),
        cmocka_unit_test(AGW_58_an_id_that_nobody_has_is_gone_with_an_empty_body),
        cmocka_unit_test(AGW_59_an_id_of_another_form_is_a_bad_request_that_quotes_it),
        cmocka_unit_test(AGW_60_a_body_that_is_too_long_is_told_so_whatever_the_method),
        cmocka_unit_test(AGW_61_who_does_not_read_is_told_of_by_429_and_stays),
        cmocka_unit_test(AGW_62_every_spelling_of_the_path_reaches_the_connection),
        cmocka_unit_test(AGW_63_who_does_not_sign_or_not_rightly_is_told_why),
        cmocka_unit_test(AGW_63_what_a_stranger_sent_is_quoted_as_json_that_holds),
        cmocka_unit_test(AGW_64_a_policy_for_posting_lets_nobody_get_or_delete),
        cmocka_unit_test(paths__of_another_stage_are_forbidden_and_of_nobody_not_ours),
        cmocka_unit_test(paths__without_a_stage_and_on_a_mapped_domain_begin_with_the_collection),
        cmocka_unit_test(AGW_65_on_a_mapped_domain_the_callback_url_without_stage_works),
        cmocka_unit_test(post__a_body_that_is_not_utf8_is_a_bad_request),
        cmocka_unit_test(loopback__needs_no_signature_only_if_that_was_said),
        cmocka_unit_test(throttle__beyond_it_a_call_is_429_with_when_to_try_again),
        cmocka_unit_test(throttle__strangers_do_not_use_it_up),
        cmocka_unit_test(log__says_who_and_why_and_never_a_query),
        cmocka_unit_test(metrics__are_text_that_prometheus_reads),
        cmocka_unit_test(options__without_connections_or_at_all_nothing_is_answered),
        cmocka_unit_test(verbs__for_c_do_the_same),
        cmocka_unit_test(verbs__for_c_are_for_any_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
