#include "loop.h"

#include "door.h"

void ws_loop_init(struct ws_loop *loop, const struct ws_up *up, const struct chatroom_ws_epoll_options *options,
                  size_t shares)
{
    loop->up = up;
    loop->options = options;
    loop->limits = (struct ws_limits){options->message_bytes, options->frame_bytes, options->message_frames};
    loop->origins = (struct ws_origins){options->origins, options->origin_count};
    loop->output_bytes = options->output_bytes / shares;
    loop->input_bytes = options->input_bytes / shares;
    loop->body_bytes = options->body_bytes / shares;
    loop->epoll = loop->wake_fd = -1;
}

int ws_loop_open(struct ws_loop *loop)
{
    return ws_poll_open(&loop->wake, &loop->epoll, &loop->wake_fd);
}

/* ---- a turn ------------------------------------------------------------------------------------------------------ */

uint64_t ws_loop_deadline(const struct ws_loop *loop)
{
    const struct ws_timer *first = ws_timers_first(&loop->timers);

    if (loop->lists[WS_LOST] || (loop->lists[WS_READY] && !loop->full))
        return 0;
    return first ? first->due : CHATROOM_NEVER;
}

void ws_loop_wait(struct ws_loop *loop, int most_ms)
{
    int count = epoll_wait(loop->epoll, loop->events, WS_EVENTS_MOST, most_ms);

    loop->event_count = count > 0 ? (size_t)count : 0;
}

/*
 * F41: when the process stood still, what peers sent meanwhile waits beside what is due by the clock. So what is due
 * waits for a turn without input, but not for long: who never stops sending is not to keep others alive.
 */
static bool puts_off(struct ws_loop *loop)
{
    const struct ws_timer *first = ws_timers_first(&loop->timers);

    if (!first || first->due > loop->now.mono_ns || loop->event_count == 0) {
        loop->put_off_at = 0;
        return false;
    }
    if (loop->put_off_at == 0)
        loop->put_off_at = loop->now.mono_ns;
    return loop->now.mono_ns < ws_after(loop->put_off_at, WS_PUT_OFF_MS);
}

static void run_timers(struct ws_loop *loop)
{
    struct ws_timer *first;

    if (puts_off(loop))
        return;
    while ((first = ws_timers_first(&loop->timers)) && first->due <= loop->now.mono_ns)
        ws_connection_expire(loop, ws_connection_of(first));
}

static void run_held(struct ws_loop *loop, struct ws_connection *ready)
{
    struct ws_connection *c;

    while ((c = ws_list_pop(&ready, WS_READY)))
        ws_input_held(loop, c);
}

static void run_event(struct ws_loop *loop, const struct epoll_event *event, struct ws_door *door)
{
    struct ws_source *source = event->data.ptr;

    switch ((enum ws_source_kind)source->kind) {
    case WS_SOURCE_WAKE:
        ws_poll_clear(loop->wake_fd);
        break;
    case WS_SOURCE_WATCHED:
        break; /* the core looks after it */
    case WS_SOURCE_LISTENER:
        ws_door_accept(door, (struct ws_listener *)source);
        break;
    case WS_SOURCE_CONNECTION:
        ws_input_event(loop, (struct ws_connection *)source, event->events);
        break;
    }
}

void ws_loop_step(struct ws_loop *loop, struct chatroom_now now, struct ws_door *door)
{
    struct ws_connection *ready;

    loop->now = now;
    ws_connections_end_lost(loop);
    ready = loop->full ? NULL : ws_list_take(loop, WS_READY); /* who holds input receives none: nobody has two turns */
    for (size_t i = 0; i < loop->event_count; i++)
        run_event(loop, &loop->events[i], door);
    run_held(loop, ready);
    run_timers(loop);
    ws_connections_end_lost(loop);
    ws_connections_bury(loop);
}

void ws_loop_flush(struct ws_loop *loop)
{
    ws_output_flush(loop);
    ws_connections_bury(loop);
}

void ws_loop_wake(const struct ws_loop *loop)
{
    ws_poll_wake(loop->wake_fd);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void empty(struct ws_connection *list, enum ws_list_name name)
{
    while (ws_list_pop(&list, name))
        continue;
}

void ws_loop_end(struct ws_loop *loop)
{
    struct ws_timer *first;

    while ((first = ws_timers_first(&loop->timers)))
        ws_connection_end(loop, ws_connection_of(first), false);
    for (int list = 0; list < WS_GRAVE; list++)
        empty(ws_list_take(loop, list), list);
    ws_connections_bury(loop);
}

void ws_loop_fini(struct ws_loop *loop)
{
    ws_connections_bury(loop);
    ws_poll_close(loop->epoll, loop->wake_fd);
    ws_timers_fini(&loop->timers);
    ws_readers_fini(&loop->readers);
    ws_pool_fini(&loop->pool);
}
