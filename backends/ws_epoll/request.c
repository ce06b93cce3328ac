#include "connection.h"

#include <stdlib.h>

/* ---- is it wanted? ----------------------------------------------------------------------------------------------- */

void ws_request_begin(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head)
{
    char source_ip[INET6_ADDRSTRLEN];
    const struct chatroom_request_head told = ws_http_told(c, head, source_ip);

    c->state = WS_ASKED;
    ws_output_due(loop, c); /* what follows is not read */
    loop->up->wanted(loop, c, &told);
}

static bool is_complete(const struct ws_held *held)
{
    return held->size - held->taken >= held->body;
}

static void complete(struct ws_loop *loop, struct ws_connection *c)
{
    char source_ip[INET6_ADDRSTRLEN];
    struct ws_head head;
    struct chatroom_http_request request;

    ws_http_head(loop, c, &head);
    request =
        (struct chatroom_http_request){head.method, ws_http_told(c, &head, source_ip),
                                       chatroom_bytes(c->held->bytes + c->held->taken, c->held->body), c->held->cut};
    c->state = WS_ASKED;
    ws_output_due(loop, c);
    loop->up->request(loop, c, &request);
}

/* RFC 9110, 10.1.1: the client may wait for a sign that its body is wanted; whoever has begun with it does not. */
static bool invite(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head)
{
    if (c->held->size > c->held->taken || !ws_head_lists(head, "Expect", "100-continue"))
        return true;
    if (ws_queue_copy(&c->out, &loop->pool, chatroom_str("HTTP/1.1 100 Continue\r\n\r\n")) == CHATROOM_OK)
        return true;
    ws_connection_lose(loop, c, WS_LOST_MEMORY);
    return false;
}

static void begin_body(struct ws_loop *loop, struct ws_connection *c, const struct ws_head *head)
{
    if (!invite(loop, c, head))
        return;
    c->state = WS_BODY;
    ws_connection_schedule(loop, c);
    ws_output_due(loop, c);
}

void ws_request_wanted(struct ws_loop *loop, struct ws_connection *c, int rc, size_t body_most)
{
    struct ws_held *held = c->held;
    struct ws_head head;

    if (c->state != WS_ASKED || c->lost)
        return;
    if (rc) {
        ws_http_unwanted(loop, c);
        return;
    }
    ws_http_head(loop, c, &head);
    held->cut = head.body_size > body_most || head.body_size > loop->body_bytes;
    held->body = held->cut ? 0 : head.body_size;
    held->last = held->cut || ws_head_lists(&head, "Connection", "close");
    held->head_only = chatroom_span_equal(head.method, chatroom_str("HEAD"));
    if (is_complete(held))
        complete(loop, c);
    else
        begin_body(loop, c, &head);
}

/* ---- the body ---------------------------------------------------------------------------------------------------- */

void ws_request_input(struct ws_loop *loop, struct ws_connection *c, const uint8_t *bytes, size_t size)
{
    static const struct ws_refusal busy = {503, "Retry-After: 1\r\n", "The server holds too much; try again."};
    int rc = ws_http_keep(loop, c, bytes, size);

    if (rc == CHATROOM_ELIMIT)
        ws_http_refuse(loop, c, busy, c->held->head_only);
    else if (rc)
        ws_connection_end(loop, c, true);
    else if (is_complete(c->held))
        complete(loop, c);
}

/* ---- the answer, and what follows it ----------------------------------------------------------------------------- */

/* Holds no more than what came behind the request. Errors: ENOMEM. */
static int hold_rest(struct ws_loop *loop, struct ws_connection *c)
{
    size_t done = c->held->taken + c->held->body, rest = c->held->size - done;
    struct ws_held *held = malloc(sizeof *held + rest);

    if (!held)
        return CHATROOM_ENOMEM;
    *held = (struct ws_held){.size = rest, .capacity = rest, .holder = c};
    memcpy(held->bytes, c->held->bytes + done, rest);
    ws_held_free(loop, c);
    c->held = held;
    return CHATROOM_OK;
}

static void await_next(struct ws_loop *loop, struct ws_connection *c)
{
    if (hold_rest(loop, c)) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    c->state = WS_HEAD;
    ws_output_due(loop, c);
}

void ws_request_answer(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_answer *answer)
{
    struct ws_answer a = {.status = ws_answer_status(answer->status),
                          .headers = answer->headers,
                          .header_count = answer->header_count,
                          .body = answer->body};

    if (c->state != WS_ASKED || c->lost)
        return;
    a.close = c->held->last || c->last;
    if (!ws_http_put(loop, c, &a, false, c->held->head_only))
        return;
    if (a.close)
        ws_connection_linger(loop, c);
    else
        await_next(loop, c);
}

void ws_request_written(struct ws_loop *loop, struct ws_connection *c)
{
    c->since = loop->now.mono_ns;
    if (c->last)
        ws_connection_end(loop, c, false); /* its place was wanted meanwhile */
    else if (c->held->size > 0)
        ws_list_add(loop, c, WS_READY);
    else
        ws_idles_add(&loop->idles, &c->held->idle);
    if (c->state != WS_DEAD)
        ws_connection_schedule(loop, c);
}

struct ws_connection *ws_request_idlest(const struct ws_loop *loop)
{
    const struct ws_idle *first = loop->idles.first;

    return first ? ((const struct ws_held *)((const char *)first - offsetof(struct ws_held, idle)))->holder : NULL;
}
