/*
 * fuzz_management.c: plain HTTP requests of strangers to a whole instance. The first octet says where from; the rest is
 * the request as text, in which "%ID%" stands for the id of a connection that is there.
 *
 * Who is not on loopback and has no secret reaches nothing; who may, reaches just the connection that the path names.
 * Every answer is one of those that are promised, in headers and JSON that can be sent.
 */
#include "fuzz.h"
#include "http_text.h"

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>
#include <chatroom/management.h>

enum { TEXT_MOST = 65536 };

/* ---- a transport with one peer ---------------------------------------------------------------------------------- */

static struct {
    chatroom_transport_port *port;
    chatroom_connection *connection;
    unsigned sent, closed;
} stub;

static int stub_open(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    (void)self, (void)error;
    stub.port = port;
    return CHATROOM_OK;
}

static void stub_accept(void *self, void *peer, const struct chatroom_answer *answer)
{
    (void)self, (void)peer;
    REQUIRE(answer->status == 101);
}

static int stub_send(void *self, void *peer, chatroom_frame *frame)
{
    (void)self, (void)peer, (void)frame;
    stub.sent++;
    return CHATROOM_OK;
}

static void stub_close(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    (void)self, (void)peer, (void)reason;
    REQUIRE(code == 1000);
    stub.closed++;
}

static void stub_step(void *self, struct chatroom_now now)
{
    (void)self, (void)now;
}

static void stub_stop(void *self)
{
    (void)self;
}

static void stub_close_all(void *self)
{
    (void)self;
    if (stub.connection)
        chatroom_transport_closed(stub.connection, 1006, chatroom_str(""), CHATROOM_BY_NETWORK);
}

static const struct chatroom_transport_ops stub_ops = {
    CHATROOM_TRANSPORT_OPS, .name = "stub",    .open = stub_open, .accept = stub_accept,       .send = stub_send,
    .close = stub_close,    .step = stub_step, .stop = stub_stop, .close_all = stub_close_all,
};

/* ---- an instance ------------------------------------------------------------------------------------------------ */

static void configure(chatroom *c)
{
    struct chatroom_management_options management = CHATROOM_MANAGEMENT_OPTIONS;
    const struct chatroom_credential credential = {.access_key = chatroom_str("AKIDEXAMPLEEXAMPLE"),
                                                   .secret = chatroom_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")};

    management.unsigned_loopback = true;
    management.metrics_path = "/metrics";
    REQUIRE(chatroom_manage(c, &management) == CHATROOM_OK);
    REQUIRE(chatroom_add_credential(c, &credential, NULL) == CHATROOM_OK);
    REQUIRE(chatroom_map_domain(c, "mapped.example", "") == CHATROOM_OK);
}

static chatroom *start(void)
{
    static int peer;
    const struct chatroom_request_head head = {.target = chatroom_str("/dev"), .source_ip = chatroom_str("192.0.2.1")};
    const struct chatroom_now now = {1000000000, INT64_C(1795467901000)};
    struct chatroom_config config = CHATROOM_CONFIG;
    chatroom *c;

    memset(&stub, 0, sizeof stub);
    config.transport = (struct chatroom_transport){&stub_ops, NULL};
    config.stage = "dev";
    REQUIRE(chatroom_memory_store(&config.store) == CHATROOM_OK);
    REQUIRE(chatroom_new(&config, &c, NULL) == CHATROOM_OK);
    configure(c);
    REQUIRE(chatroom_start(c, now, NULL) == CHATROOM_OK);
    REQUIRE(chatroom_transport_opening(stub.port, &peer, &head, &stub.connection) == CHATROOM_OK);
    for (int i = 0; i < 3; i++)
        REQUIRE(chatroom_step(c, now) == CHATROOM_OK);
    return c;
}

/* ---- what must hold --------------------------------------------------------------------------------------------- */

static void put_id(chatroom_span text, char *into, size_t *ret_size)
{
    chatroom_span id = chatroom_transport_connection_id(stub.connection);
    size_t size = 0;

    for (size_t at = 0; at < text.size && size + id.size < TEXT_MOST;) {
        bool here = text.size - at >= 4 && memcmp(text.bytes + at, "%ID%", 4) == 0;

        if (here)
            memcpy(into + size, id.bytes, id.size);
        else
            into[size] = text.bytes[at];
        size += here ? id.size : 1;
        at += here ? 4 : 1;
    }
    *ret_size = size;
}

static chatroom_span header(const struct chatroom_http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (chatroom_span_equal(answer->headers[i].name, chatroom_str(name)))
            return answer->headers[i].value;
    return chatroom_bytes(NULL, 0);
}

static void check_headers(const struct chatroom_http_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++)
        for (size_t at = 0; at < answer->headers[i].value.size; at++)
            REQUIRE((unsigned char)answer->headers[i].value.bytes[at] >= 0x20);
    REQUIRE(header(answer, "x-amzn-RequestId").size == 16);
}

static void check_body(const struct chatroom_http_answer *answer)
{
    size_t count;

    if (chatroom_span_equal(header(answer, "Content-Type"), chatroom_str("application/json")))
        REQUIRE(chatroom_json_scan(answer->body, NULL, NULL, 0, &count) == CHATROOM_OK);
    if (answer->status >= 400 && answer->status != 405)
        REQUIRE(header(answer, "x-amzn-ErrorType").size > 0);
    if (answer->status == 410 || answer->status == 204)
        REQUIRE(answer->body.size == 0);
}

static void check(const struct chatroom_http_request *request, const struct chatroom_http_answer *answer, bool trusted)
{
    static const uint16_t promised[] = {200, 204, 400, 403, 404, 405, 410, 413};
    bool is_promised = false, metrics = header(answer, "Content-Type").size > 16; /* "text/plain; …" */

    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++)
        is_promised |= answer->status == promised[i];
    REQUIRE(is_promised);
    check_headers(answer);
    check_body(answer);
    if (!trusted && !metrics)
        REQUIRE(answer->status >= 400);
    REQUIRE(stub.sent == (answer->status == 200 && request->method.bytes[0] == 'P'));
    REQUIRE(stub.closed == (answer->status == 204));
    REQUIRE(trusted || (stub.sent == 0 && stub.closed == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char text[TEXT_MOST];
    bool trusted = size > 0 && bytes[0] == 'l';
    struct chatroom_http_request request = {0};
    struct chatroom_http_answer answer;
    struct http_text http;
    size_t text_size, most;
    chatroom *c;

    if (size == 0 || size > TEXT_MOST / 8)
        return 0;
    c = start();
    put_id(chatroom_bytes(bytes + 1, size - 1), text, &text_size);
    http_text_read(&http, chatroom_bytes(text, text_size));
    request.method = http.request.method;
    request.head = (struct chatroom_request_head){http.request.target, http.headers, http.request.header_count,
                                                  chatroom_str(trusted ? "127.0.0.1" : "192.0.2.7")};
    request.body = http.request.body;
    if (request.method.size > 0 && chatroom_transport_http_wanted(stub.port, &request.head, &most) == CHATROOM_OK) {
        request.cut = request.body.size > most;
        if (request.cut)
            request.body = chatroom_bytes(NULL, 0);
        chatroom_transport_http(stub.port, &request, &answer);
        check(&request, &answer, trusted);
    }
    chatroom_free(c);
    return 0;
}
