#include "connection.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- lists ------------------------------------------------------------------------------------------------------- */

void ws_list_add(struct ws_loop *loop, struct ws_connection *c, enum ws_list_name list)
{
    if (c->listed[list])
        return;
    c->listed[list] = true;
    c->next[list] = loop->lists[list];
    loop->lists[list] = c;
}

struct ws_connection *ws_list_take(struct ws_loop *loop, enum ws_list_name list)
{
    struct ws_connection *taken = loop->lists[list];

    loop->lists[list] = NULL;
    return taken;
}

struct ws_connection *ws_list_pop(struct ws_connection **list, enum ws_list_name name)
{
    struct ws_connection *c = *list;

    if (c) {
        *list = c->next[name];
        c->listed[name] = false;
    }
    return c;
}

/* ---- the beginning ----------------------------------------------------------------------------------------------- */

static struct ws_connection *create(struct ws_loop *loop, int fd)
{
    struct ws_connection *c = calloc(1, sizeof *c);
    struct epoll_event event = {.events = EPOLLIN};

    if (!c || ws_timer_add(&loop->timers, &c->timer, CHATROOM_NEVER)) {
        free(c);
        return NULL;
    }
    c->source.kind = WS_SOURCE_CONNECTION;
    c->fd = fd;
    c->since = loop->now.mono_ns;
    c->interest = EPOLLIN;
    event.data.ptr = &c->source;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event)) {
        ws_timer_remove(&loop->timers, &c->timer);
        free(c);
        return NULL;
    }
    return c;
}

struct ws_connection *ws_connection_new(struct ws_loop *loop, int fd, void *pass)
{
    struct ws_connection *c = create(loop, fd);

    if (!c) {
        close(fd);
        return NULL;
    }
    c->pass = pass;
    ws_connection_schedule(loop, c);
    return c;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void ws_connection_lose(struct ws_loop *loop, struct ws_connection *c, enum ws_loss loss)
{
    if (c->lost || c->state == WS_DEAD)
        return;
    c->lost = (uint8_t)loss;
    ws_list_add(loop, c, WS_LOST);
}

void ws_connection_report(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason,
                          enum chatroom_party by)
{
    void *core = c->core;

    c->core = NULL;
    if (core)
        loop->up->closed(loop, core, code, reason, by);
}

void ws_connection_report_farewell(struct ws_loop *loop, struct ws_connection *c)
{
    chatroom_span reason = c->farewell ? chatroom_bytes(c->farewell->reason, c->farewell->size) : chatroom_str(NULL);

    ws_connection_report(loop, c, c->close_code, reason, CHATROOM_BY_SERVER);
}

void ws_held_free(struct ws_loop *loop, struct ws_connection *c)
{
    if (!c->held)
        return;
    ws_idles_remove(&loop->idles, &c->held->idle);
    loop->held_bytes -= c->held->charge;
    free(c->held);
    c->held = NULL;
}

void ws_connection_linger(struct ws_loop *loop, struct ws_connection *c)
{
    ws_assembler_fini(&c->in, &loop->readers);
    ws_held_free(loop, c);
    free(c->postponed);
    c->postponed = NULL;
    c->state = WS_LINGER;
    c->since = loop->now.mono_ns;
    ws_connection_schedule(loop, c);
    ws_output_due(loop, c);
}

static void log_end(struct ws_loop *loop, const struct ws_connection *c, const char *event, uint16_t code,
                    chatroom_span reason)
{
    const struct chatroom_log_field fields[] = {CHATROOM_NUMBER("code", code), CHATROOM_TEXT("reason", reason)};

    loop->up->log(loop, CHATROOM_LOG_INFO, event, c, fields, 2);
}

static void close_with(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason)
{
    if (ws_queue_close(&c->out, &loop->pool, code, reason)) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    ws_connection_report(loop, c, code, reason, CHATROOM_BY_SERVER);
    ws_connection_linger(loop, c);
}

void ws_connection_fail(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason)
{
    log_end(loop, c, "protocol_error", code, reason);
    close_with(loop, c, code, reason);
}

/* The peer did nothing wrong: it hears what it would hear of the cloud service, the log hears why. */
static void go_away(struct ws_loop *loop, struct ws_connection *c, const char *why)
{
    log_end(loop, c, "timed_out", 1001, chatroom_str(why));
    close_with(loop, c, 1001, chatroom_str("Going away"));
}

void ws_connection_end(struct ws_loop *loop, struct ws_connection *c, bool reset)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (c->state == WS_DEAD)
        return;
    if (c->state == WS_CLOSING)
        ws_connection_report_farewell(loop, c);
    else
        ws_connection_report(loop, c, 1006, chatroom_str(NULL), CHATROOM_BY_NETWORK);
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger); /* refused: it ends less abruptly */
    close(c->fd);
    c->state = WS_DEAD;
    ws_timer_remove(&loop->timers, &c->timer);
    ws_queue_clear(&c->out, &loop->pool);
    ws_assembler_fini(&c->in, &loop->readers);
    ws_held_free(loop, c);
    free(c->postponed);
    free(c->farewell);
    loop->writing_count -= c->writing;
    loop->up->left(loop, c);
    if (!c->named)
        ws_list_add(loop, c, WS_GRAVE);
}

void ws_connection_forget(struct ws_loop *loop, struct ws_connection *c)
{
    c->named = false;
    if (c->state == WS_DEAD)
        ws_list_add(loop, c, WS_GRAVE);
}

static void log_slow(struct ws_loop *loop, const struct ws_connection *c)
{
    const struct chatroom_log_field fields[] = {CHATROOM_NUMBER("queued", c->out.charge),
                                                CHATROOM_NUMBER("total", loop->slow_consumers)};

    loop->up->log(loop, CHATROOM_LOG_WARN, "slow_consumer", c, fields, 2);
}

void ws_connections_end_lost(struct ws_loop *loop)
{
    struct ws_connection *lost = ws_list_take(loop, WS_LOST), *c;

    while ((c = ws_list_pop(&lost, WS_LOST))) {
        if (c->state == WS_DEAD)
            continue;
        if (c->lost == WS_LOST_SLOW) {
            loop->slow_consumers++;
            log_slow(loop, c);
        }
        ws_connection_end(loop, c, true);
    }
}

void ws_connections_bury(struct ws_loop *loop)
{
    struct ws_connection *dead = ws_list_take(loop, WS_GRAVE), *c;

    while ((c = ws_list_pop(&dead, WS_GRAVE))) {
        if (c->listed[WS_DUE] || c->listed[WS_READY] || c->listed[WS_LOST])
            ws_list_add(loop, c, WS_GRAVE);
        else
            free(c);
    }
}

/* ---- deadlines --------------------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ms after at; 0 in either says that there is no such deadline. */
static uint64_t maybe_after(uint64_t at, unsigned ms)
{
    return at && ms ? ws_after(at, ms) : CHATROOM_NEVER;
}

static uint64_t liveness_deadline(const struct ws_loop *loop, const struct ws_connection *c)
{
    uint64_t ping = maybe_after(c->heard_at, loop->options->ping_ms);

    return c->pinged ? ws_after(ping, loop->options->pong_ms) : ping;
}

static uint64_t stall_deadline(const struct ws_loop *loop, const struct ws_connection *c)
{
    return maybe_after(c->writing ? c->wrote_at : 0, loop->options->write_ms);
}

static uint64_t open_deadline(const struct ws_loop *loop, const struct ws_connection *c)
{
    uint64_t due = liveness_deadline(loop, c);

    due = earlier(due, maybe_after(c->messaged_at, loop->options->idle_ms));
    due = earlier(due, maybe_after(c->since, loop->options->life_ms));
    due = earlier(due, maybe_after(c->partial_at, loop->options->message_ms));
    due = earlier(due, stall_deadline(loop, c));
    return earlier(due, maybe_after(c->full_at, loop->options->queue_soft_ms));
}

/* Of a request, or of the time between two; an answer has the time of a slow reader. */
static uint64_t request_deadline(const struct ws_loop *loop, const struct ws_connection *c)
{
    if (c->state == WS_HEAD && !ws_queue_empty(&c->out))
        return stall_deadline(loop, c);
    return ws_after(c->since, ws_idle(c) ? loop->options->keep_alive_ms : loop->options->handshake_ms);
}

static uint64_t deadline(const struct ws_loop *loop, const struct ws_connection *c)
{
    switch ((enum ws_state)c->state) {
    case WS_HEAD:
    case WS_BODY:
        return request_deadline(loop, c);
    case WS_OPEN:
        return open_deadline(loop, c);
    case WS_CLOSING:
    case WS_LINGER:
        /* While there is output a peer has the time of a slow reader. */
        return ws_after(c->since, ws_queue_empty(&c->out) ? loop->options->close_ms : loop->options->queue_soft_ms);
    default:
        return CHATROOM_NEVER;
    }
}

/* A timer that rings too early costs little, moving one at each message would cost more: it is only ever moved forward.
 */
void ws_connection_schedule(struct ws_loop *loop, struct ws_connection *c)
{
    uint64_t due = deadline(loop, c);

    if (due < c->timer.due)
        ws_timer_move(&loop->timers, &c->timer, due);
}

static void ping(struct ws_loop *loop, struct ws_connection *c)
{
    if (ws_queue_ping(&c->out, &loop->pool, ws_blocked(c))) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    c->pinged = true;
    c->heard_at = loop->now.mono_ns - (uint64_t)loop->options->ping_ms * 1000000; /* so that pong_ms count from now */
    ws_output_due(loop, c);
}

static bool passed(const struct ws_loop *loop, uint64_t at, unsigned ms)
{
    return maybe_after(at, ms) <= loop->now.mono_ns;
}

static void expire_open(struct ws_loop *loop, struct ws_connection *c)
{
    if (passed(loop, c->full_at, loop->options->queue_soft_ms) || stall_deadline(loop, c) <= loop->now.mono_ns)
        ws_connection_lose(loop, c, WS_LOST_SLOW);
    else if (passed(loop, c->partial_at, loop->options->message_ms))
        ws_connection_fail(loop, c, 1008, chatroom_str("a message that took too long"));
    else if (passed(loop, c->since, loop->options->life_ms))
        go_away(loop, c, "the connection is too old");
    else if (passed(loop, c->messaged_at, loop->options->idle_ms))
        go_away(loop, c, "the connection was idle");
    else if (liveness_deadline(loop, c) > loop->now.mono_ns)
        return;
    else if (c->pinged)
        ws_connection_lose(loop, c, WS_LOST_NETWORK);
    else
        ping(loop, c);
}

static void expire_request(struct ws_loop *loop, struct ws_connection *c)
{
    if (c->state == WS_HEAD && !ws_queue_empty(&c->out))
        ws_connection_lose(loop, c, WS_LOST_SLOW);
    else if (c->held && !ws_idle(c))
        ws_http_refuse(loop, c, (struct ws_refusal){408, "", "The request took too long."}, false);
    else
        ws_connection_end(loop, c, false);
}

void ws_connection_expire(struct ws_loop *loop, struct ws_connection *c)
{
    uint64_t due = deadline(loop, c);

    if (due <= loop->now.mono_ns) {
        if (c->state == WS_HEAD || c->state == WS_BODY)
            expire_request(loop, c);
        else if (c->state == WS_OPEN)
            expire_open(loop, c);
        else
            ws_connection_end(loop, c, !ws_queue_empty(&c->out));
        if (c->state == WS_DEAD)
            return;
        due = c->lost ? CHATROOM_NEVER : deadline(loop, c);
    }
    ws_timer_move(&loop->timers, &c->timer, due);
}
