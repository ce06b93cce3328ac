#include "connection.h"

#include <errno.h>
#include <stdlib.h>

void ws_output_due(struct ws_transport *t, struct ws_connection *c)
{
    ws_list_add(t, c, WS_DUE);
    if (!c->writing && !ws_queue_empty(&c->out)) {
        c->writing = true;
        t->writing_count++;
    }
}

/* False: the connection is broken. */
static bool write_out(struct ws_transport *t, struct ws_connection *c)
{
    while (!ws_queue_empty(&c->out)) {
        struct msghdr message = {.msg_iov = t->pieces};
        ssize_t written;

        message.msg_iovlen = ws_queue_gather(&c->out, t->pieces, WS_IOV_MOST);
        written = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EAGAIN;
        ws_queue_advance(&c->out, &t->spares, (size_t)written);
    }
    return true;
}

static bool has_place(const struct ws_transport *t, const struct ws_connection *c, size_t charge)
{
    return charge <= t->options.queue_bytes && c->out.charge <= t->options.queue_bytes - charge;
}

/* What one step has for it may be more than the limit: it is slow only if the kernel does not take it. */
static bool make_place(struct ws_transport *t, struct ws_connection *c, size_t charge)
{
    if (!has_place(t, c, charge) && !ws_blocked(c) && !write_out(t, c)) {
        ws_connection_lose(t, c, WS_LOST_NETWORK);
        return false;
    }
    if (has_place(t, c, charge))
        return true;
    ws_connection_lose(t, c, WS_LOST_SLOW);
    return false;
}

int ws_output_send(struct ws_transport *t, struct ws_connection *c, chatroom_frame *frame)
{
    if (c->state != WS_OPEN || c->lost)
        return CHATROOM_EGONE;
    if (!make_place(t, c, ws_queue_charge(chatroom_frame_wire(frame).size)))
        return CHATROOM_EAGAIN;
    if (ws_queue_frame(&c->out, &t->spares, frame)) {
        ws_connection_lose(t, c, WS_LOST_MEMORY); /* it must not miss a frame and stay */
        return CHATROOM_ENOMEM;
    }
    c->messaged_at = t->now.mono_ns;
    ws_output_due(t, c);
    return CHATROOM_OK;
}

static struct ws_farewell *farewell_new(chatroom_span reason)
{
    struct ws_farewell *farewell = malloc(sizeof *farewell + reason.size);

    if (!farewell)
        return NULL;
    farewell->size = reason.size;
    if (reason.size > 0)
        memcpy(farewell->reason, reason.bytes, reason.size);
    return farewell;
}

void ws_output_close(struct ws_transport *t, struct ws_connection *c, uint16_t code, chatroom_span reason)
{
    if (c->state != WS_OPEN || c->lost)
        return;
    c->farewell = farewell_new(reason);
    if (!c->farewell || ws_queue_close(&c->out, code, reason)) {
        ws_connection_lose(t, c, WS_LOST_MEMORY);
        return;
    }
    c->state = WS_CLOSING;
    c->close_code = code;
    c->since = t->now.mono_ns;
    ws_connection_schedule(t, c);
    ws_output_due(t, c);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Everything is written: the time to wait for the peer begins; when there is nothing to wait for, it ends. */
static void written(struct ws_transport *t, struct ws_connection *c)
{
    c->writing = false;
    t->writing_count--;
    if (c->state != WS_CLOSING && c->state != WS_LINGER)
        return;
    c->since = t->now.mono_ns;
    ws_connection_schedule(t, c);
}

static void note_fullness(struct ws_transport *t, struct ws_connection *c)
{
    if (c->out.charge <= t->options.queue_soft_bytes) {
        c->full_at = 0;
    } else if (!c->full_at) {
        c->full_at = t->now.mono_ns;
        ws_connection_schedule(t, c);
    }
}

/*
 * A peer whose output stands above the soft limit is not read from: it would only make more. That is not so while it
 * closes, since its Close may be what we wait for.
 */
bool ws_reads(const struct ws_transport *t, const struct ws_connection *c)
{
    if (c->input_ended || c->lost || c->state == WS_OPENING)
        return false;
    return c->state != WS_OPEN || c->out.charge <= t->options.queue_soft_bytes;
}

static void watch(struct ws_transport *t, struct ws_connection *c)
{
    uint8_t interest = (ws_reads(t, c) ? EPOLLIN : 0) | (ws_queue_empty(&c->out) ? 0 : EPOLLOUT);
    struct epoll_event event = {.events = interest, .data.ptr = &c->source};

    if (interest == c->interest)
        return;
    if (epoll_ctl(t->epoll, EPOLL_CTL_MOD, c->fd, &event))
        ws_connection_lose(t, c, WS_LOST_MEMORY);
    c->interest = interest;
}

void ws_output_settle(struct ws_transport *t, struct ws_connection *c)
{
    if (c->state == WS_DEAD || c->lost)
        return;
    if (!write_out(t, c)) {
        ws_connection_lose(t, c, WS_LOST_NETWORK);
        return;
    }
    if (c->writing && ws_queue_empty(&c->out))
        written(t, c);
    if (c->state == WS_LINGER && ws_queue_empty(&c->out)) {
        if (c->input_ended) {
            ws_connection_end(t, c, false);
            return;
        }
        if (!c->output_ended && shutdown(c->fd, SHUT_WR)) {
            ws_connection_lose(t, c, WS_LOST_NETWORK);
            return;
        }
        c->output_ended = true;
    }
    note_fullness(t, c);
    watch(t, c);
}
