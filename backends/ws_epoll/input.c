#include "bucket.h"
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DRAIN_MOST    1048576 /* octets that are thrown away after our last word */
#define PING_BURST    20      /* T08 */
#define PING_EVERY_MS 100

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static void on_ping(struct ws_loop *loop, struct ws_connection *c, chatroom_span payload)
{
    if (c->state != WS_OPEN)
        return; /* nothing follows our Close */
    if (!ws_bucket_take(&c->pings_full, loop->now.mono_ns, ws_after(0, PING_EVERY_MS), PING_BURST))
        ws_connection_fail(loop, c, 1008, chatroom_str("too many pings"));
    else if (ws_queue_pong(&c->out, &loop->pool, payload, ws_blocked(c)))
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
    else
        ws_output_due(loop, c);
}

/* RFC 6455, 5.5.1: ours is the answer, or this one answers ours. */
static void on_close(struct ws_loop *loop, struct ws_connection *c, const struct ws_event *event)
{
    if (c->state == WS_CLOSING) {
        ws_connection_report_farewell(loop, c);
    } else if (ws_queue_close(&c->out, &loop->pool, event->code == 1005 ? 0 : event->code, chatroom_str(NULL))) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    } else {
        ws_connection_report(loop, c, event->code, event->bytes, CHATROOM_BY_CLIENT);
    }
    ws_connection_linger(loop, c);
}

static void on_failure(struct ws_loop *loop, struct ws_connection *c, const struct ws_event *event)
{
    if (c->state == WS_OPEN) {
        ws_connection_fail(loop, c, event->code, event->bytes);
        return;
    }
    ws_connection_report_farewell(loop, c);
    ws_connection_linger(loop, c);
}

static void end_of_input(struct ws_loop *loop, struct ws_connection *c);

static void on_event(struct ws_loop *loop, struct ws_connection *c, const struct ws_event *event)
{
    switch (event->kind) {
    case WS_MESSAGE:
        if (c->state != WS_OPEN)
            break; /* it was on its way when the core closed the connection */
        c->messaged_at = loop->now.mono_ns;
        c->told = true;
        loop->up->message(loop, c, event->message, event->bytes);
        break;
    case WS_PING:
        on_ping(loop, c, event->bytes);
        break;
    case WS_CLOSE:
        on_close(loop, c, event);
        break;
    case WS_FAIL:
        on_failure(loop, c, event);
        break;
    case WS_NO_MEMORY:
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        break;
    case WS_END:
        end_of_input(loop, c);
        break;
    case WS_MORE:
    case WS_FRAGMENT:
    case WS_PONG:
        break;
    }
}

static bool takes_frames(const struct ws_connection *c)
{
    return (c->state == WS_OPEN || c->state == WS_CLOSING) && !c->lost;
}

/* When did what is incomplete begin? After a message, or a control frame between messages, it is another one. */
static void note_partial(struct ws_loop *loop, struct ws_connection *c, bool ended)
{
    if (!ws_assembler_busy(&c->in)) {
        ws_assembler_fini(&c->in, &loop->readers);
        c->partial_at = 0;
    } else if (ended || !c->partial_at) {
        c->partial_at = loop->now.mono_ns;
        ws_connection_schedule(loop, c);
    }
}

/*
 * What the core answers to a message leaves when the step is over, or comes later from another thread. A pong, and even
 * more a Close, that the peer asked for behind that message goes behind that answer: it waits, and what follows it
 * waits with it.
 */
static bool goes_behind_answers(const struct ws_event *event)
{
    return event->kind == WS_PING || event->kind == WS_CLOSE || event->kind == WS_FAIL;
}

static void postpone(struct ws_loop *loop, struct ws_connection *c, const struct ws_event *event)
{
    c->postponed = malloc(sizeof *c->postponed);
    if (!c->postponed) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    *c->postponed = *event;
    if (event->kind != WS_FAIL && event->bytes.size > 0)
        c->postponed->bytes.bytes = (char *)c->postponed->control + (event->bytes.bytes - (char *)event->control);
    if (loop->up->fence)
        loop->up->fence(loop, c);
    else
        ws_list_add(loop, c, WS_READY);
}

static bool is_fenced(const struct ws_loop *loop, const struct ws_connection *c)
{
    return loop->up->fence && c->postponed && c->told;
}

void ws_input_go_on(struct ws_loop *loop, struct ws_connection *c)
{
    c->told = false;
    if (c->state != WS_DEAD)
        ws_list_add(loop, c, WS_READY);
}

static void take_postponed(struct ws_loop *loop, struct ws_connection *c)
{
    struct ws_event *event = c->postponed;

    c->postponed = NULL;
    if (event)
        on_event(loop, c, event);
    free(event);
}

/* A turn adds no more to one message than the longest has, so that one that goes is enough (P4). */
static void relieve(struct ws_loop *loop)
{
    struct ws_connection *longest = NULL;
    size_t most = 0;

    for (size_t i = 0; i < loop->timers.count; i++) {
        struct ws_connection *c = ws_connection_of(loop->timers.heap[i]);
        size_t size = c->lost ? 0 : ws_assembler_size(&c->in);

        longest = size > most ? c : longest;
        most = size > most ? size : most;
    }
    if (longest && longest->state == WS_OPEN)
        ws_connection_fail(loop, longest, 1013, chatroom_str("too many long messages at once"));
    else if (longest)
        ws_connection_lose(loop, longest, WS_LOST_NETWORK);
}

/* Acts on the frames in input until it is used up, the connection's turn is over or it takes no more. */
static void take_frames(struct ws_loop *loop, struct ws_connection *c, struct ws_input *input)
{
    struct ws_event event;
    bool ended = false;

    if (!loop->up->fence)
        c->told = false;
    for (unsigned frames = 0; frames < WS_TURN_FRAMES && takes_frames(c) && !c->postponed; frames++) {
        ws_assembler_next(&c->in, &loop->readers, &loop->limits, input, &event);
        if (event.kind == WS_MORE)
            break;
        ended |= event.kind != WS_FRAGMENT && !ws_assembler_in_message(&c->in);
        if (c->told && goes_behind_answers(&event))
            postpone(loop, c, &event);
        else
            on_event(loop, c, &event);
    }
    if (takes_frames(c))
        note_partial(loop, c, ended);
    if (loop->readers.unfinished > loop->input_bytes)
        relieve(loop);
}

/* ---- octets ------------------------------------------------------------------------------------------------------ */

static void hold(struct ws_loop *loop, struct ws_connection *c, const struct ws_input *input)
{
    size_t size = (size_t)(input->end - input->at);

    c->held = malloc(sizeof *c->held + size);
    if (!c->held) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    *c->held = (struct ws_held){.size = size, .capacity = size};
    memcpy(c->held->bytes, input->at, size);
    ws_list_add(loop, c, WS_READY);
}

static void hear(struct ws_loop *loop, struct ws_connection *c, size_t size)
{
    struct ws_input input = {loop->input, loop->input + size};

    c->heard_at = loop->now.mono_ns;
    c->pinged = false;
    take_frames(loop, c, &input);
    if (input.at < input.end && takes_frames(c))
        hold(loop, c, &input);
}

void ws_input_held(struct ws_loop *loop, struct ws_connection *c)
{
    struct ws_input input;

    if (!(c->interest & EPOLLIN))
        ws_output_due(loop, c); /* it may have been put off while the loop was full */
    if (c->state == WS_HEAD && c->held && c->held->size > 0 && ws_queue_empty(&c->out))
        ws_http_go_on(loop, c);
    if (is_fenced(loop, c))
        return;
    if (takes_frames(c))
        take_postponed(loop, c);
    if (!c->held || !takes_frames(c))
        return;
    input = (struct ws_input){c->held->bytes + c->held->taken, c->held->bytes + c->held->size};
    take_frames(loop, c, &input);
    if (!c->held)
        return; /* it lingers */
    c->held->taken = (size_t)(input.at - c->held->bytes);
    if (input.at < input.end) {
        ws_list_add(loop, c, WS_READY);
        return;
    }
    ws_held_free(loop, c);
}

/* The peer sends no more. */
static void end_of_input(struct ws_loop *loop, struct ws_connection *c)
{
    c->input_ended = true;
    if (c->state == WS_HEAD || c->state == WS_BODY) {
        ws_connection_end(loop, c, false);
        return;
    }
    if (c->state == WS_CLOSING)
        ws_connection_report_farewell(loop, c);
    else
        ws_connection_report(loop, c, 1006, chatroom_str(NULL), CHATROOM_BY_NETWORK);
    if (c->state == WS_LINGER)
        ws_output_due(loop, c);
    else
        ws_connection_linger(loop, c);
}

/* The same, but for the answers to what the peer said last, which it may still be reading. */
static void end_of_input_later(struct ws_loop *loop, struct ws_connection *c)
{
    const struct ws_event event = {.kind = WS_END};

    c->input_ended = true;
    postpone(loop, c, &event);
    ws_output_due(loop, c);
}

/* Of a head no more than it may have, of a body no more than belongs to it: so what is held is bounded. */
static size_t turn(const struct ws_loop *loop, const struct ws_connection *c)
{
    size_t left = sizeof loop->input;

    if (c->state == WS_HEAD)
        left = loop->options->head_bytes - (c->held ? c->held->size : 0);
    else if (c->state == WS_BODY)
        left = c->held->taken + c->held->body - c->held->size;
    return left < sizeof loop->input ? left : sizeof loop->input;
}

static void drain(struct ws_loop *loop, struct ws_connection *c, size_t size)
{
    c->drained += (uint32_t)size;
    if (c->drained > DRAIN_MOST)
        ws_connection_end(loop, c, true);
}

static void receive(struct ws_loop *loop, struct ws_connection *c)
{
    ssize_t got = recv(c->fd, loop->input, turn(loop, c), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0)
        ws_connection_end(loop, c, false);
    else if (got == 0 && loop->up->fence && c->told && c->state == WS_OPEN)
        end_of_input_later(loop, c);
    else if (got == 0)
        end_of_input(loop, c);
    else if (c->state == WS_HEAD)
        ws_http_input(loop, c, loop->input, (size_t)got);
    else if (c->state == WS_BODY)
        ws_request_input(loop, c, loop->input, (size_t)got);
    else if (c->state == WS_LINGER)
        drain(loop, c, (size_t)got);
    else
        hear(loop, c, (size_t)got);
}

/* It has its turn when what was told is heard. */
static void put_off(struct ws_loop *loop, struct ws_connection *c)
{
    ws_list_add(loop, c, WS_READY);
    ws_output_ignore_input(loop, c);
}

void ws_input_event(struct ws_loop *loop, struct ws_connection *c, uint32_t events)
{
    if (c->state == WS_DEAD || c->lost)
        return;
    if (events & EPOLLOUT) {
        c->writable = true;
        ws_output_due(loop, c);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    if (!ws_reads(loop, c)) {
        if (events & (EPOLLHUP | EPOLLERR))
            ws_connection_end(loop, c, false);
        else
            ws_output_ignore_input(loop, c);
    } else if (loop->full && c->state != WS_LINGER && !(events & (EPOLLHUP | EPOLLERR))) {
        put_off(loop, c);
    } else if (c->state == WS_HEAD || c->state == WS_BODY || (!c->held && !c->postponed)) {
        receive(loop, c);
    }
}
