#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

void ws_output_due(struct ws_loop *loop, struct ws_connection *c)
{
    loop->due_count += !c->listed[WS_DUE];
    ws_list_add(loop, c, WS_DUE);
}

static ssize_t write_some(struct ws_loop *loop, const struct ws_connection *c)
{
    struct msghdr message = {.msg_iov = loop->pieces};
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT;

    if (c->state == WS_LINGER)
        flags |= MSG_MORE; /* the end of our side follows: both in one segment */
    message.msg_iovlen = ws_queue_gather(&c->out, loop->pieces, WS_IOV_MOST);
    if (message.msg_iovlen == 1)
        return send(c->fd, loop->pieces->iov_base, loop->pieces->iov_len, flags);
    return sendmsg(c->fd, &message, flags);
}

/* How it ended: OK all is written, or the kernel takes no more; ENOMEM; ESYSTEM the connection is broken. */
static int write_out(struct ws_loop *loop, struct ws_connection *c)
{
    while (!ws_queue_empty(&c->out)) {
        ssize_t written = write_some(loop, c);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EAGAIN ? CHATROOM_OK : CHATROOM_ESYSTEM;
        c->wrote_at = loop->now.mono_ns;
        if (ws_queue_advance(&c->out, &loop->pool, (size_t)written))
            return CHATROOM_ENOMEM;
    }
    return CHATROOM_OK;
}

static bool lose_if(struct ws_loop *loop, struct ws_connection *c, int rc)
{
    if (rc)
        ws_connection_lose(loop, c, rc == CHATROOM_ENOMEM ? WS_LOST_MEMORY : WS_LOST_NETWORK);
    return rc != CHATROOM_OK;
}

/* ---- one connection ---------------------------------------------------------------------------------------------- */

static bool has_place(const struct ws_loop *loop, const struct ws_connection *c, size_t octets)
{
    size_t queued = c->out.charge + ws_queue_following(&c->out), more = ws_queue_charge(octets);

    return more <= loop->options->queue_bytes && queued <= loop->options->queue_bytes - more;
}

/* What one step has for it may be more than the limit: it is slow only if the kernel does not take it. */
static bool make_place(struct ws_loop *loop, struct ws_connection *c, size_t octets)
{
    if (!has_place(loop, c, octets) && !ws_blocked(c) && lose_if(loop, c, write_out(loop, c)))
        return false;
    if (has_place(loop, c, octets))
        return true;
    ws_connection_lose(loop, c, WS_LOST_SLOW);
    return false;
}

int ws_output_send(struct ws_loop *loop, struct ws_connection *c, chatroom_frame *frame)
{
    if (c->state != WS_OPEN || c->lost)
        return CHATROOM_EGONE;
    if (!make_place(loop, c, chatroom_frame_wire(frame).size))
        return CHATROOM_EAGAIN;
    if (lose_if(loop, c, ws_queue_frame(&c->out, &loop->pool, frame))) /* it must not miss a frame and stay */
        return CHATROOM_ENOMEM;
    c->messaged_at = loop->now.mono_ns;
    ws_output_due(loop, c);
    return CHATROOM_OK;
}

/*
 * Less than has_place(), so that with what is offered alone a queue never stands above the soft limit for long. An
 * empty one takes what it takes of anybody.
 */
static bool has_place_to_offer(const struct ws_loop *loop, const struct ws_connection *c, size_t octets)
{
    size_t queued = c->out.charge + ws_queue_following(&c->out);

    if (queued == 0)
        return has_place(loop, c, octets);
    return ws_offer_fits(loop->options, queued, ws_queue_charge(octets));
}

/* Out of memory for the first it would miss what its groups got, and is lost: that is not about the offer. */
static bool stands_alone(struct ws_loop *loop, struct ws_connection *c)
{
    return !lose_if(loop, c, ws_queue_leave(&c->out, &loop->pool));
}

int ws_output_offer(struct ws_loop *loop, struct ws_connection *c, chatroom_frame *frame)
{
    size_t octets = chatroom_frame_wire(frame).size;

    if (c->state != WS_OPEN || c->lost)
        return CHATROOM_EGONE;
    if (!has_place_to_offer(loop, c, octets) && !ws_blocked(c) && lose_if(loop, c, write_out(loop, c)))
        return CHATROOM_EGONE;
    if (!has_place_to_offer(loop, c, octets))
        return CHATROOM_EAGAIN;
    if (!stands_alone(loop, c))
        return CHATROOM_EGONE;
    if (ws_queue_frame(&c->out, &loop->pool, frame))
        return CHATROOM_ENOMEM;
    c->messaged_at = loop->now.mono_ns;
    ws_output_due(loop, c);
    return CHATROOM_OK;
}

/* ---- a group ----------------------------------------------------------------------------------------------------- */

/* A new tape with that frame, which everyone has yet to be told of. Errors: ENOMEM. */
static int begin_tape(struct ws_loop *loop, struct ws_group *group, chatroom_frame *frame)
{
    group->tape = ws_tape_new(frame);
    if (!group->tape)
        return CHATROOM_ENOMEM;
    group->following = 0;
    group->self = &loop->taped;
    group->next = loop->taped;
    if (group->next)
        group->next->self = &group->next;
    loop->taped = group;
    return CHATROOM_OK;
}

static void end_tape(struct ws_group *group)
{
    *group->self = group->next;
    if (group->next)
        group->next->self = group->self;
    ws_tape_unref(group->tape);
    group->tape = NULL;
}

/* Nobody follows the tape any more: what was not written is a piece of the queue. */
static void cut_tape(struct ws_loop *loop, struct ws_group *group)
{
    for (size_t i = 0; i < group->following; i++) {
        struct ws_connection *c = group->members[i].connection;

        if (c->out.tape == group->tape)
            lose_if(loop, c, ws_queue_cut(&c->out, &loop->pool));
    }
    end_tape(group);
}

/* Puts the frame on the tape, on a new one if need be; *ret_from: where. Errors: ENOMEM. */
static int record(struct ws_loop *loop, struct ws_group *group, chatroom_frame *frame, size_t *ret_from)
{
    *ret_from = group->tape ? group->tape->size : 0;
    if (group->tape && ws_tape_takes(group->tape, chatroom_frame_wire(frame).size) &&
        ws_tape_append(group->tape, frame) == CHATROOM_OK)
        return CHATROOM_OK;
    if (group->tape)
        cut_tape(loop, group);
    *ret_from = 0;
    return begin_tape(loop, group, frame);
}

static void follow(struct ws_loop *loop, const struct ws_member *member, size_t from)
{
    struct ws_connection *c = member->connection;

    if (c->state != WS_OPEN || c->lost || lose_if(loop, c, ws_queue_leave(&c->out, &loop->pool)) ||
        !make_place(loop, c, 0))
        return;
    ws_queue_follow(&c->out, member->seat, from);
    c->messaged_at = loop->now.mono_ns;
    ws_output_due(loop, c);
}

/* Nobody must miss a frame and stay. */
static void lose_members(struct ws_loop *loop, struct ws_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        ws_connection_lose(loop, group->members[i].connection, WS_LOST_MEMORY);
}

void ws_output_send_group(struct ws_loop *loop, struct ws_group *group, chatroom_frame *frame)
{
    const struct ws_member *member;
    size_t from;

    if (record(loop, group, frame, &from)) {
        lose_members(loop, group);
        return;
    }
    while ((member = ws_group_gather(group)))
        follow(loop, member, from);
}

void ws_output_leave_group(struct ws_loop *loop, struct ws_connection *c, struct chatroom_seat *seat)
{
    if (c->out.tape && c->out.seat == seat)
        lose_if(loop, c, ws_queue_leave(&c->out, &loop->pool));
    ws_group_remove(seat);
}

void ws_output_free_group(struct ws_group *group)
{
    if (group->tape)
        end_tape(group);
    ws_group_free(group);
}

/* ---- closing ------------------------------------------------------------------------------------------------------
 */

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

void ws_output_close(struct ws_loop *loop, struct ws_connection *c, uint16_t code, chatroom_span reason)
{
    if (c->state != WS_OPEN || c->lost)
        return;
    c->farewell = farewell_new(reason);
    if (!c->farewell || ws_queue_close(&c->out, &loop->pool, code, reason)) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    c->state = WS_CLOSING;
    c->close_code = code;
    c->since = loop->now.mono_ns;
    ws_connection_schedule(loop, c);
    ws_output_due(loop, c);
}

/* ---- the end of a tick --------------------------------------------------------------------------------------------
 */

/* Everything is written: the time to wait for the peer begins; when there is nothing to wait for, it ends. */
static void written(struct ws_loop *loop, struct ws_connection *c)
{
    loop->writing_count -= c->writing;
    c->writing = false;
    if (c->state == WS_HEAD)
        ws_request_written(loop, c);
    if (c->state != WS_CLOSING && c->state != WS_LINGER)
        return;
    c->since = loop->now.mono_ns;
    ws_connection_schedule(loop, c);
}

/* Something is left, for when the peer has read: how long that may take is counted from here. */
static void unwritten(struct ws_loop *loop, struct ws_connection *c)
{
    if (c->writing)
        return;
    c->writing = true;
    loop->writing_count++;
    c->wrote_at = loop->now.mono_ns;
    ws_connection_schedule(loop, c);
}

static void note_fullness(struct ws_loop *loop, struct ws_connection *c)
{
    if (c->out.charge <= loop->options->queue_soft_bytes) {
        c->full_at = 0;
    } else if (!c->full_at) {
        c->full_at = loop->now.mono_ns;
        ws_connection_schedule(loop, c);
    }
}

/*
 * A peer whose output stands above the soft limit is not read from: it would only make more. That is not so while it
 * closes, since its Close may be what we wait for.
 */
bool ws_reads(const struct ws_loop *loop, const struct ws_connection *c)
{
    if (c->input_ended || c->lost || c->state == WS_OPENING || c->state == WS_ASKED)
        return false;
    if (c->state == WS_HEAD)
        return ws_queue_empty(&c->out);
    return c->state != WS_OPEN || c->out.charge <= loop->options->queue_soft_bytes;
}

/* While the loop is full, those are not watched who wait for that to be over. */
static bool reads_now(const struct ws_loop *loop, const struct ws_connection *c)
{
    return ws_reads(loop, c) && !(loop->full && c->listed[WS_READY]);
}

static void set_interest(struct ws_loop *loop, struct ws_connection *c, uint8_t interest)
{
    struct epoll_event event = {.events = interest, .data.ptr = &c->source};

    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, c->fd, &event))
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
    c->interest = interest;
}

/* Input that is not wanted may be watched until some comes: most peers say nothing then. */
static void watch(struct ws_loop *loop, struct ws_connection *c)
{
    uint8_t interest = (reads_now(loop, c) ? EPOLLIN : 0) | (ws_queue_empty(&c->out) ? 0 : EPOLLOUT);

    if (interest != c->interest && (interest | EPOLLIN) != c->interest)
        set_interest(loop, c, interest);
}

void ws_output_ignore_input(struct ws_loop *loop, struct ws_connection *c)
{
    set_interest(loop, c, c->interest & EPOLLOUT);
}

/* Our side of a connection that is over. */
static void shut_down(struct ws_loop *loop, struct ws_connection *c)
{
    if (c->input_ended)
        ws_connection_end(loop, c, false);
    else if (!c->output_ended && shutdown(c->fd, SHUT_WR))
        ws_connection_lose(loop, c, WS_LOST_NETWORK);
    c->output_ended = true;
}

/*
 * Writes what the kernel takes. Who was blocked is tried again when epoll says so, not each time that there is more for
 * it. False: the connection is lost.
 */
static bool write_tick(struct ws_loop *loop, struct ws_connection *c)
{
    if (ws_queue_following(&c->out) > 0)
        c->messaged_at = loop->now.mono_ns; /* it may have come on a tape that was begun earlier */
    if ((!ws_blocked(c) || c->writable) && lose_if(loop, c, write_out(loop, c)))
        return false;
    c->writable = false;
    if (c->out.charge + ws_queue_following(&c->out) > loop->options->queue_bytes) {
        ws_connection_lose(loop, c, WS_LOST_SLOW);
        return false;
    }
    return !lose_if(loop, c, ws_queue_cut(&c->out, &loop->pool));
}

static void settle(struct ws_loop *loop, struct ws_connection *c)
{
    bool had = !ws_queue_empty(&c->out);

    if (!write_tick(loop, c))
        return;
    if (!ws_queue_empty(&c->out))
        unwritten(loop, c);
    else if (had)
        written(loop, c);
    if (c->state == WS_LINGER && ws_queue_empty(&c->out))
        shut_down(loop, c);
    if (c->state == WS_DEAD || c->lost)
        return;
    note_fullness(loop, c);
    watch(loop, c);
    if (loop->up->settled)
        loop->up->settled(loop, c);
}

/* The most that all connections together may have us keep: beyond it the one with the most goes (P4). */
static void relieve(struct ws_loop *loop)
{
    while (loop->pool.charge > loop->output_bytes) {
        struct ws_connection *most = NULL;
        size_t going = 0;

        for (size_t i = 0; i < loop->timers.count; i++) {
            struct ws_connection *c = ws_connection_of(loop->timers.heap[i]);

            if (c->lost)
                going += c->out.charge;
            else if (!most || c->out.charge > most->out.charge)
                most = c;
        }
        if (!most || loop->pool.charge - going <= loop->output_bytes)
            return;
        ws_connection_lose(loop, most, WS_LOST_SLOW);
    }
}

static void prefetch(const struct ws_connection *c)
{
    __builtin_prefetch(c);
    __builtin_prefetch((const char *)c + 64);
}

void ws_output_flush(struct ws_loop *loop)
{
    struct ws_connection *due = ws_list_take(loop, WS_DUE), *c;

    loop->due_count = 0;
    while ((c = ws_list_pop(&due, WS_DUE))) {
        prefetch(due); /* it comes while the kernel works on this one */
        if (c->state != WS_DEAD && !c->lost)
            settle(loop, c);
        c->out.tape = NULL; /* if it is lost: nobody needs what it follows */
    }
    while (loop->taped)
        end_tape(loop->taped);
    relieve(loop);
}
