#include "connection.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- lists ------------------------------------------------------------------------------------------------------- */

void ws_list_add(struct ws_transport *t, struct ws_connection *c, enum ws_list_name list)
{
    if (c->listed[list])
        return;
    c->listed[list] = true;
    c->next[list] = t->lists[list];
    t->lists[list] = c;
}

struct ws_connection *ws_list_take(struct ws_transport *t, enum ws_list_name list)
{
    struct ws_connection *taken = t->lists[list];

    t->lists[list] = NULL;
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

static struct ws_connection *create(struct ws_transport *t, int fd)
{
    struct ws_connection *c = calloc(1, sizeof *c);
    struct epoll_event event = {.events = EPOLLIN};

    if (!c || ws_timer_add(&t->timers, &c->timer, CHATROOM_NEVER)) {
        free(c);
        return NULL;
    }
    c->source.kind = WS_SOURCE_CONNECTION;
    c->fd = fd;
    c->since = t->now.mono_ns;
    c->interest = EPOLLIN;
    event.data.ptr = &c->source;
    if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event)) {
        ws_timer_remove(&t->timers, &c->timer);
        free(c);
        return NULL;
    }
    return c;
}

void ws_connection_new(struct ws_transport *t, int fd, struct ws_address *address)
{
    struct ws_connection *c = create(t, fd);

    if (!c) {
        close(fd);
        ws_address_leave(&t->addresses, address);
        return;
    }
    c->address = address;
    c->opening = true;
    t->opening_count++;
    ws_connection_schedule(t, c);
}

/* A line a second, with how many there were: those who are refused may be many. */
static void log_refusal(struct ws_transport *t, uint16_t status)
{
    const struct chatroom_log_field fields[] = {CHATROOM_NUMBER("status", status),
                                                CHATROOM_NUMBER("total", t->refusals)};

    if (t->refusals > 1 && t->now.mono_ns < ws_after(t->refusals_logged_at, 1000))
        return;
    t->refusals_logged_at = t->now.mono_ns;
    chatroom_transport_log(t->port, CHATROOM_LOG_WARN, "refused_opening", fields, 2);
}

void ws_connection_refuse(struct ws_transport *t, int fd, uint16_t status, const char *message)
{
    static const char *const later[] = {"Retry-After: 1\r\n", "Retry-After: 2\r\n", "Retry-After: 3\r\n",
                                        "Retry-After: 4\r\n", "Retry-After: 5\r\n"};
    struct ws_connection *c;

    t->refusals++;
    log_refusal(t, status);
    c = t->refused_count < t->options.opening_most ? create(t, fd) : NULL;
    if (!c) {
        close(fd);
        return;
    }
    c->refused = true;
    t->refused_count++;
    /* Spread over some seconds, so that those who obey do not come back together. */
    ws_http_refuse(t, c, (struct ws_refusal){status, later[t->refusals % 5], message}, false);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void ws_connection_lose(struct ws_transport *t, struct ws_connection *c, enum ws_loss loss)
{
    if (c->lost || c->state == WS_DEAD)
        return;
    c->lost = (uint8_t)loss;
    ws_list_add(t, c, WS_LOST);
}

void ws_connection_report(struct ws_connection *c, uint16_t code, chatroom_span reason, enum chatroom_party by)
{
    chatroom_connection *core = c->core;

    c->core = NULL;
    if (core)
        chatroom_transport_closed(core, code, reason, by);
}

void ws_connection_report_farewell(struct ws_connection *c)
{
    chatroom_span reason = c->farewell ? chatroom_bytes(c->farewell->reason, c->farewell->size) : chatroom_str(NULL);

    ws_connection_report(c, c->close_code, reason, CHATROOM_BY_SERVER);
}

void ws_connection_linger(struct ws_transport *t, struct ws_connection *c)
{
    ws_assembler_fini(&c->in, &t->readers);
    free(c->held);
    free(c->postponed);
    c->held = NULL;
    c->postponed = NULL;
    c->state = WS_LINGER;
    c->since = t->now.mono_ns;
    ws_connection_schedule(t, c);
    ws_output_due(t, c);
}

void ws_connection_fail(struct ws_transport *t, struct ws_connection *c, uint16_t code, chatroom_span reason)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", c->core ? chatroom_transport_connection_id(c->core) : chatroom_str("")),
        CHATROOM_NUMBER("code", code),
        CHATROOM_TEXT("reason", reason),
    };

    chatroom_transport_log(t->port, CHATROOM_LOG_INFO, code == 1001 ? "timed_out" : "protocol_error", fields, 3);
    if (ws_queue_close(&c->out, &t->pool, code, reason)) {
        ws_connection_lose(t, c, WS_LOST_MEMORY);
        return;
    }
    ws_connection_report(c, code, reason, CHATROOM_BY_SERVER);
    ws_connection_linger(t, c);
}

static void uncount(struct ws_transport *t, struct ws_connection *c)
{
    t->opening_count -= c->opening;
    t->refused_count -= c->refused;
    t->writing_count -= c->writing;
    ws_address_leave(&t->addresses, c->address);
}

void ws_connection_end(struct ws_transport *t, struct ws_connection *c, bool reset)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (c->state == WS_DEAD)
        return;
    if (c->state == WS_CLOSING)
        ws_connection_report_farewell(c);
    else
        ws_connection_report(c, 1006, chatroom_str(NULL), CHATROOM_BY_NETWORK);
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger); /* refused: it ends less abruptly */
    close(c->fd);
    c->state = WS_DEAD;
    ws_timer_remove(&t->timers, &c->timer);
    ws_queue_clear(&c->out, &t->pool);
    ws_assembler_fini(&c->in, &t->readers);
    free(c->held);
    free(c->postponed);
    free(c->farewell);
    uncount(t, c);
    ws_list_add(t, c, WS_GRAVE);
}

static void log_slow(struct ws_transport *t, const struct ws_connection *c)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", c->core ? chatroom_transport_connection_id(c->core) : chatroom_str("")),
        CHATROOM_NUMBER("queued", c->out.charge),
        CHATROOM_NUMBER("total", t->slow_consumers),
    };

    chatroom_transport_log(t->port, CHATROOM_LOG_WARN, "slow_consumer", fields, 3);
}

void ws_connections_end_lost(struct ws_transport *t)
{
    struct ws_connection *lost = ws_list_take(t, WS_LOST), *c;

    while ((c = ws_list_pop(&lost, WS_LOST))) {
        if (c->state == WS_DEAD)
            continue;
        if (c->lost == WS_LOST_SLOW) {
            t->slow_consumers++;
            log_slow(t, c);
        }
        ws_connection_end(t, c, true);
    }
}

void ws_connections_bury(struct ws_transport *t)
{
    struct ws_connection *dead = ws_list_take(t, WS_GRAVE), *c;

    while ((c = ws_list_pop(&dead, WS_GRAVE))) {
        if (c->listed[WS_DUE] || c->listed[WS_READY] || c->listed[WS_LOST])
            ws_list_add(t, c, WS_GRAVE);
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

static uint64_t liveness_deadline(const struct ws_transport *t, const struct ws_connection *c)
{
    uint64_t ping = maybe_after(c->heard_at, t->options.ping_ms);

    return c->pinged ? ws_after(ping, t->options.pong_ms) : ping;
}

static uint64_t stall_deadline(const struct ws_transport *t, const struct ws_connection *c)
{
    return maybe_after(c->writing ? c->wrote_at : 0, t->options.write_ms);
}

static uint64_t open_deadline(const struct ws_transport *t, const struct ws_connection *c)
{
    uint64_t due = liveness_deadline(t, c);

    due = earlier(due, maybe_after(c->messaged_at, t->options.idle_ms));
    due = earlier(due, maybe_after(c->since, t->options.life_ms));
    due = earlier(due, maybe_after(c->partial_at, t->options.message_ms));
    due = earlier(due, stall_deadline(t, c));
    return earlier(due, maybe_after(c->full_at, t->options.queue_soft_ms));
}

static uint64_t deadline(const struct ws_transport *t, const struct ws_connection *c)
{
    switch ((enum ws_state)c->state) {
    case WS_HEAD:
        return ws_after(c->since, t->options.handshake_ms);
    case WS_OPEN:
        return open_deadline(t, c);
    case WS_CLOSING:
    case WS_LINGER:
        /* While there is output a peer has the time of a slow reader. */
        return ws_after(c->since, ws_queue_empty(&c->out) ? t->options.close_ms : t->options.queue_soft_ms);
    default:
        return CHATROOM_NEVER;
    }
}

/* A timer that rings too early costs little, moving one at each message would cost more: it is only ever moved forward.
 */
void ws_connection_schedule(struct ws_transport *t, struct ws_connection *c)
{
    uint64_t due = deadline(t, c);

    if (due < c->timer.due)
        ws_timer_move(&t->timers, &c->timer, due);
}

static void ping(struct ws_transport *t, struct ws_connection *c)
{
    if (ws_queue_ping(&c->out, &t->pool, ws_blocked(c))) {
        ws_connection_lose(t, c, WS_LOST_MEMORY);
        return;
    }
    c->pinged = true;
    c->heard_at = t->now.mono_ns - (uint64_t)t->options.ping_ms * 1000000; /* so that pong_ms count from now */
    ws_output_due(t, c);
}

static bool passed(const struct ws_transport *t, uint64_t at, unsigned ms)
{
    return maybe_after(at, ms) <= t->now.mono_ns;
}

static void expire_open(struct ws_transport *t, struct ws_connection *c)
{
    if (passed(t, c->full_at, t->options.queue_soft_ms) || stall_deadline(t, c) <= t->now.mono_ns)
        ws_connection_lose(t, c, WS_LOST_SLOW);
    else if (passed(t, c->partial_at, t->options.message_ms))
        ws_connection_fail(t, c, 1008, chatroom_str("a message that took too long"));
    else if (passed(t, c->since, t->options.life_ms))
        ws_connection_fail(t, c, 1001, chatroom_str("the connection is too old"));
    else if (passed(t, c->messaged_at, t->options.idle_ms))
        ws_connection_fail(t, c, 1001, chatroom_str("the connection was idle"));
    else if (liveness_deadline(t, c) > t->now.mono_ns)
        return;
    else if (c->pinged)
        ws_connection_lose(t, c, WS_LOST_NETWORK);
    else
        ping(t, c);
}

static void expire_head(struct ws_transport *t, struct ws_connection *c)
{
    if (c->held)
        ws_http_refuse(t, c, (struct ws_refusal){408, "", "The request took too long."}, false);
    else
        ws_connection_end(t, c, false);
}

void ws_connection_expire(struct ws_transport *t, struct ws_connection *c)
{
    uint64_t due = deadline(t, c);

    if (due <= t->now.mono_ns) {
        if (c->state == WS_HEAD)
            expire_head(t, c);
        else if (c->state == WS_OPEN)
            expire_open(t, c);
        else
            ws_connection_end(t, c, !ws_queue_empty(&c->out));
        if (c->state == WS_DEAD)
            return;
        due = c->lost ? CHATROOM_NEVER : deadline(t, c);
    }
    ws_timer_move(&t->timers, &c->timer, due);
}
