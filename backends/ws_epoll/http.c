#include "address.h"
#include "connection.h"
#include "date.h"
#include "listener.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static int put(struct ws_loop *loop, struct ws_connection *c, const struct ws_answer *answer, bool lasting,
               bool head_only)
{
    char *head = malloc(ws_answer_most(answer));
    int rc;

    if (!head)
        return CHATROOM_ENOMEM;
    rc = ws_queue_copy(&c->out, &loop->pool, chatroom_bytes(head, ws_answer_write(answer, loop->now.wall_ms, head)));
    free(head);
    if (rc || head_only || answer->body.size == 0 || !ws_answer_has_body(answer->status))
        return rc;
    return lasting ? ws_queue_lasting(&c->out, &loop->pool, answer->body)
                   : ws_queue_copy(&c->out, &loop->pool, answer->body);
}

bool ws_http_put(struct ws_loop *loop, struct ws_connection *c, const struct ws_answer *answer, bool lasting,
                 bool head_only)
{
    if (put(loop, c, answer, lasting, head_only) == CHATROOM_OK)
        return true;
    ws_connection_lose(loop, c, WS_LOST_MEMORY);
    return false;
}

/* An answer, and the connection has done its work. fields are whole lines. */
static void answer(struct ws_loop *loop, struct ws_connection *c, unsigned status, const char *fields,
                   chatroom_span body, bool lasting, bool head_only)
{
    const struct ws_answer last = {.status = ws_answer_status(status), .fields = fields, .body = body, .close = true};

    if (ws_http_put(loop, c, &last, lasting, head_only))
        ws_connection_linger(loop, c);
}

void ws_http_refuse(struct ws_loop *loop, struct ws_connection *c, struct ws_refusal refusal, bool head_only)
{
    char fields[256], body[256];
    int size = snprintf(body, sizeof body, "{\"message\":\"%s\"}", refusal.message);

    snprintf(fields, sizeof fields, "%sContent-Type: application/json\r\n", refusal.fields);
    answer(loop, c, refusal.status, fields, chatroom_bytes(body, (size_t)size), false, head_only);
}

/* ---- plain HTTP -------------------------------------------------------------------------------------------------- */

static const struct chatroom_ws_file *find_file(const struct ws_loop *loop, chatroom_span path)
{
    for (size_t i = 0; i < loop->options->file_count; i++)
        if (chatroom_span_equal(path, chatroom_str(loop->options->files[i].path)))
            return &loop->options->files[i];
    return NULL;
}

static bool is_path(chatroom_span path, const char *wanted)
{
    return wanted && chatroom_span_equal(path, chatroom_str(wanted));
}

static void serve_file(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_ws_file *file,
                       bool head_only)
{
    answer(loop, c, 200, file->headers, chatroom_bytes(file->bytes, file->size), true, head_only);
}

static void serve_health(struct ws_loop *loop, struct ws_connection *c, bool head_only)
{
    answer(loop, c, 200, "Content-Type: application/json\r\n", chatroom_str("{\"status\":\"ok\"}"), true, head_only);
}

/* Does it look like an opening handshake from which a proxy took the Upgrade? */
static bool wants_socket(const struct ws_loop *loop, const struct ws_head *head)
{
    chatroom_span value;

    return is_path(head->path, loop->options->upgrade_path) || ws_head_field(head, "Sec-WebSocket-Key", 0, &value) ||
           ws_head_field(head, "Sec-WebSocket-Version", 0, &value);
}

static void refuse_method(struct ws_loop *loop, struct ws_connection *c, const char *allow)
{
    ws_http_refuse(loop, c, (struct ws_refusal){405, allow, "This method is not allowed here."}, false);
}

static void refuse_body(struct ws_loop *loop, struct ws_connection *c, bool head_only)
{
    ws_http_refuse(loop, c, (struct ws_refusal){400, "", "A request here has no body."}, head_only);
}

static void serve_own(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head,
                      const struct chatroom_ws_file *file)
{
    bool head_only = chatroom_span_equal(head->method, chatroom_str("HEAD"));

    if (!head_only && !chatroom_span_equal(head->method, chatroom_str("GET")))
        refuse_method(loop, c, "Allow: GET, HEAD\r\n");
    else if (head->has_body)
        refuse_body(loop, c, head_only);
    else if (file)
        serve_file(loop, c, file, head_only);
    else
        serve_health(loop, c, head_only);
}

void ws_http_unwanted(struct ws_loop *loop, struct ws_connection *c)
{
    static const struct ws_refusal nothing = {404, "", "There is nothing here."},
                                   upgrade = {426, WS_UPGRADE_FIELDS, "Only WebSocket is spoken here."};
    struct ws_head head;
    bool head_only;

    ws_http_head(loop, c, &head);
    head_only = chatroom_span_equal(head.method, chatroom_str("HEAD"));
    if (c->apart)
        ws_http_refuse(loop, c, nothing, head_only);
    else if (head.has_body)
        refuse_body(loop, c, head_only);
    else if (!wants_socket(loop, &head))
        ws_http_refuse(loop, c, nothing, head_only);
    else if (chatroom_span_equal(head.method, chatroom_str("GET")))
        ws_http_refuse(loop, c, upgrade, false);
    else
        refuse_method(loop, c, "Allow: GET\r\n");
}

static void serve(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head)
{
    const struct chatroom_ws_file *file = find_file(loop, head->path);

    if (!c->apart && (file || is_path(head->path, loop->options->health_path)))
        serve_own(loop, c, head, file);
    else if (!c->apart && loop->options->http_apart)
        ws_http_unwanted(loop, c);
    else
        ws_request_begin(loop, c, head);
}

/* ---- upgrades ---------------------------------------------------------------------------------------------------- */

void ws_http_busy(struct ws_loop *loop, struct ws_connection *c)
{
    static const struct ws_refusal refusal = {503, "Retry-After: 5\r\n", "The server takes no more; try again."};

    if (c->state != WS_OPENING || c->lost)
        return;
    c->core = NULL;
    ws_http_refuse(loop, c, refusal, false);
}

struct chatroom_request_head ws_http_told(const struct ws_connection *c, const struct ws_head *head,
                                          char ret_source_ip[INET6_ADDRSTRLEN])
{
    union ws_socket_address source = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof source;

    if (getpeername(c->fd, &source.any, &size))
        source.any.sa_family = AF_UNSPEC; /* gone already; we shall hear of it */
    ws_address_text(&source.any, ret_source_ip);
    return (struct chatroom_request_head){head->target, head->fields, head->field_count, chatroom_str(ret_source_ip)};
}

static void ask_core(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head)
{
    char source_ip[INET6_ADDRSTRLEN];
    struct chatroom_request_head request = ws_http_told(c, head, source_ip);
    void *core = NULL;

    c->state = WS_OPENING;
    if (loop->up->opening(loop, c, &request, &core)) {
        ws_http_busy(loop, c);
        return;
    }
    if (c->state != WS_LINGER)
        c->core = core; /* else it was refused at once */
    ws_output_due(loop, c);
}

/* T43: a line a second, with how many there were, as the door has it. 403 is the origin's alone. */
static void log_origin(struct ws_loop *loop, const struct ws_connection *c, const struct ws_head *head)
{
    chatroom_span origin = chatroom_str("");

    loop->origins_refused++;
    if (loop->origin_logged_at && loop->now.mono_ns < ws_after(loop->origin_logged_at, 1000))
        return;
    loop->origin_logged_at = loop->now.mono_ns;
    ws_head_field(head, "Origin", 0, &origin); /* "": there is none, but a cookie */
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("origin", origin),
                                                CHATROOM_NUMBER("total", loop->origins_refused)};

    loop->up->log(loop, CHATROOM_LOG_WARN, "refused_origin", c, fields, 2);
}

static void open_socket(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head)
{
    struct ws_refusal refusal = {404, "", "No WebSocket is opened here."};
    chatroom_span key;

    if (!c->apart)
        refusal = ws_handshake_check(head, &loop->origins);
    if (!refusal.status && head->has_body)
        refusal = (struct ws_refusal){400, "", "A WebSocket is opened without a body."};
    if (refusal.status == 403)
        log_origin(loop, c, head);
    if (refusal.status) {
        ws_http_refuse(loop, c, refusal, chatroom_span_equal(head->method, chatroom_str("HEAD")));
        return;
    }
    ws_head_field(head, "Sec-WebSocket-Key", 0, &key);
    ws_handshake_accept(key, c->held->accept);
    ask_core(loop, c, head);
}

/* The line that names the subprotocol, if it is one: nothing else may be copied into an answer. */
static void subprotocol_line(chatroom_span subprotocol, char *ret_line, size_t size)
{
    ret_line[0] = '\0';
    if (subprotocol.size > 0 && subprotocol.size <= size / 2 && ws_is_token(subprotocol))
        snprintf(ret_line, size, "Sec-WebSocket-Protocol: %.*s\r\n", (int)subprotocol.size, subprotocol.bytes);
}

static bool queue_101(struct ws_loop *loop, struct ws_connection *c, chatroom_span subprotocol)
{
    char line[512], text[1024], date[WS_DATE_SIZE + 1];
    int size;

    ws_date(loop->now.wall_ms, date);
    subprotocol_line(subprotocol, line, sizeof line);
    size = snprintf(text, sizeof text,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %.*s\r\nDate: %s\r\n%s\r\n",
                    WS_ACCEPT_SIZE, c->held->accept, date, line);
    return ws_queue_copy(&c->out, &loop->pool, chatroom_bytes(text, (size_t)size)) == CHATROOM_OK;
}

/* What came behind the head are frames: the next step looks at them. */
static void keep_rest(struct ws_loop *loop, struct ws_connection *c)
{
    if (c->held->taken < c->held->size) {
        ws_list_add(loop, c, WS_READY);
        return;
    }
    ws_held_free(loop, c);
}

static void open_connection(struct ws_loop *loop, struct ws_connection *c, chatroom_span subprotocol)
{
    c->state = WS_OPEN;
    c->since = c->heard_at = c->messaged_at = loop->now.mono_ns;
    if (!queue_101(loop, c, subprotocol)) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    keep_rest(loop, c);
    ws_connection_schedule(loop, c);
    ws_output_due(loop, c);
}

void ws_http_accept(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_answer *a)
{
    char fields[512] = "Content-Type: application/json\r\n";
    size_t used = strlen(fields);

    if (c->state != WS_OPENING || c->lost)
        return;
    if (a->status == 101) {
        open_connection(loop, c, a->subprotocol);
        return;
    }
    c->core = NULL;
    if (ws_is_token(a->error_type) && a->error_type.size < sizeof fields / 2)
        snprintf(fields + used, sizeof fields - used, "x-amzn-ErrorType: %.*s\r\n", (int)a->error_type.size,
                 a->error_type.bytes);
    answer(loop, c, a->status, fields, a->body, false, false);
}

/* ---- the request head -------------------------------------------------------------------------------------------- */

/* At least want; more, so that growing costs little, but not more than belongs to a body. */
static size_t grown(const struct ws_connection *c, size_t want)
{
    size_t twice = c->held ? c->held->capacity * 2 : 0;
    size_t most = c->held && c->state == WS_BODY ? c->held->taken + c->held->body : SIZE_MAX;

    return twice < want ? want : twice < most ? twice : most;
}

static int reserve(struct ws_loop *loop, struct ws_connection *c, size_t capacity)
{
    struct ws_held *held = c->held;
    size_t more = held && c->state == WS_BODY ? capacity - held->capacity : 0;

    if (more > loop->body_bytes - loop->held_bytes)
        return CHATROOM_ELIMIT;
    held = realloc(held, sizeof *held + capacity);
    if (!held)
        return CHATROOM_ENOMEM;
    if (!c->held)
        *held = (struct ws_held){.size = 0};
    held->capacity = capacity;
    held->charge += more;
    loop->held_bytes += more;
    c->held = held;
    return CHATROOM_OK;
}

int ws_http_keep(struct ws_loop *loop, struct ws_connection *c, const uint8_t *bytes, size_t size)
{
    size_t want = (c->held ? c->held->size : 0) + size;
    int rc = CHATROOM_OK;

    if (ws_idle(c)) {
        ws_idles_remove(&loop->idles, &c->held->idle);
        c->since = loop->now.mono_ns;
    }
    if (!c->held || c->held->capacity < want)
        rc = reserve(loop, c, grown(c, want));
    if (rc)
        return rc;
    memcpy(c->held->bytes + c->held->size, bytes, size);
    c->held->size = want;
    ws_connection_schedule(loop, c);
    return CHATROOM_OK;
}

void ws_http_head(const struct ws_loop *loop, const struct ws_connection *c, struct ws_head *ret_head)
{
    ws_head_parse(chatroom_bytes(c->held->bytes, c->held->taken), loop->options->target_bytes, ret_head);
}

static void refuse_head(struct ws_loop *loop, struct ws_connection *c, uint16_t status)
{
    const char *message = status == 414   ? "The request target is too long."
                          : status == 431 ? "The request head is too long."
                                          : "This is not a request of HTTP/1.1.";

    ws_http_refuse(loop, c, (struct ws_refusal){status, "", message}, false);
}

static void on_head(struct ws_loop *loop, struct ws_connection *c)
{
    struct ws_head head;
    uint16_t status = ws_head_parse(chatroom_bytes(c->held->bytes, c->held->taken), loop->options->target_bytes, &head);

    if (status)
        refuse_head(loop, c, status);
    else if (head.has_transfer_encoding)
        ws_http_refuse(loop, c, (struct ws_refusal){501, "", "Transfer-Encoding is not implemented."}, false);
    else if (ws_wants_upgrade(&head))
        open_socket(loop, c, &head);
    else
        serve(loop, c, &head);
}

void ws_http_go_on(struct ws_loop *loop, struct ws_connection *c)
{
    switch (ws_head_scan((char *)c->held->bytes, c->held->size, &c->held->taken)) {
    case WS_SCAN_BAD:
        refuse_head(loop, c, 400);
        break;
    case WS_SCAN_END:
        on_head(loop, c);
        break;
    case WS_SCAN_MORE:
        if (c->held->size >= loop->options->head_bytes)
            refuse_head(loop, c, memchr(c->held->bytes, '\n', c->held->size) ? 431 : 414);
    }
}

void ws_http_input(struct ws_loop *loop, struct ws_connection *c, const uint8_t *bytes, size_t size)
{
    if (ws_http_keep(loop, c, bytes, size))
        ws_connection_end(loop, c, true);
    else
        ws_http_go_on(loop, c);
}
