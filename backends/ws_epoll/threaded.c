#include "threaded.h"

#include "remote.h"
#include "spread.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SKEW_MOST 1000000 /* that a change of the clock is not worth waking everybody */
#define EVENTS    64

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int open_descriptors(struct ws_threaded *t, struct chatroom_error *error)
{
    if (ws_poll_open(&t->wake, &t->epoll, &t->wake_fd))
        return ws_fail_system(error, "open an epoll descriptor");
    return CHATROOM_OK;
}

static int open_transport(void *self, chatroom_transport_port *port, struct chatroom_error *error)
{
    struct ws_threaded *t = self;
    int rc = open_descriptors(t, error);

    for (size_t i = 0; !rc && i < t->count; i++)
        rc = ws_worker_start(&t->workers[i], i, error);
    return rc ? rc : ws_door_open(&t->door, port, t->epoll, error);
}

static bool admit(struct ws_door *door, int fd, struct ws_address *address, bool apart)
{
    return ws_remote_let_in((struct ws_threaded *)door, fd, address, apart, (struct ws_refusal){0});
}

static bool refuse(struct ws_door *door, int fd, struct ws_refusal refusal)
{
    return ws_remote_let_in((struct ws_threaded *)door, fd, NULL, false, refusal);
}

static bool make_room(struct ws_door *door)
{
    return ws_remote_make_room((struct ws_threaded *)door);
}

static const struct ws_door_ops door_ops = {admit, refuse, make_room};

/* ---- connections ------------------------------------------------------------------------------------------------- */

void ws_post(struct ws_worker *worker, struct ws_node *node, void (*take)(struct ws_node *node), size_t charge)
{
    ws_nodes_add(&worker->out, node, take, charge);
}

static void accept_peer(void *self, void *peer, const struct chatroom_answer *answer)
{
    (void)self;
    ws_remote_accept(peer, answer);
}

static int send_frame(void *self, void *peer, chatroom_frame *frame)
{
    (void)self;
    return ws_remote_send(peer, frame);
}

static int offer_frame(void *self, void *peer, chatroom_frame *frame)
{
    (void)self;
    return ws_remote_offer(peer, frame);
}

static uint64_t active_at(void *self, void *peer)
{
    (void)self;
    return ws_remote_active_at(peer);
}

static int watch(void *self, int fd)
{
    return ws_poll_watch(((struct ws_threaded *)self)->epoll, fd);
}

static void close_peer(void *self, void *peer, uint16_t code, chatroom_span reason)
{
    (void)self;
    ws_remote_close(peer, code, reason);
}

static int group_new(void *self, void **ret_group)
{
    *ret_group = ws_spread_new(self);
    return *ret_group ? CHATROOM_OK : CHATROOM_ENOMEM;
}

static int group_add(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self;
    return ws_spread_add(group, peer, seat);
}

static void group_remove(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self;
    (void)group;
    ws_spread_remove(peer, seat);
}

static void group_send(void *self, void *group, chatroom_frame *frame)
{
    (void)self;
    ws_spread_send(group, frame);
}

static void group_free(void *self, void *group)
{
    (void)self;
    ws_spread_free(group);
}

/* ---- the owner's loop -------------------------------------------------------------------------------------------- */

static int epoll_of(void *self)
{
    return ((struct ws_threaded *)self)->epoll;
}

static uint64_t deadline(void *self)
{
    return ws_door_deadline(self);
}

static void run_events(struct ws_threaded *t)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(t->epoll, events, EVENTS, 0);

    for (int i = 0; i < count; i++) {
        struct ws_source *source = events[i].data.ptr;

        if (source->kind == WS_SOURCE_WAKE)
            ws_poll_clear(t->wake_fd);
        else if (source->kind == WS_SOURCE_LISTENER)
            ws_door_accept(&t->door, (struct ws_listener *)source);
    }
}

uint64_t ws_system_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* now was read a while ago, so the greatest difference is the best. If it jumps, the workers' deadlines have come near.
 */
static void set_clock(struct ws_threaded *t, struct chatroom_now now)
{
    long long skew = (long long)(now.mono_ns - ws_system_ns());

    atomic_store_explicit(&t->wall_ms, now.wall_ms - (long long)(now.mono_ns / 1000000), memory_order_relaxed);
    if (t->clock_set && skew <= atomic_load_explicit(&t->skew_ns, memory_order_relaxed) + SKEW_MOST)
        return;
    t->clock_set = true;
    atomic_store_explicit(&t->skew_ns, skew, memory_order_relaxed);
    for (size_t i = 0; i < t->count; i++)
        ws_loop_wake(&t->workers[i].loop);
}

static bool any(const struct ws_threaded *t, bool (*is)(const struct ws_worker *worker))
{
    for (size_t i = 0; i < t->count; i++)
        if (is(&t->workers[i]))
            return true;
    return false;
}

static void step(void *self, struct chatroom_now now)
{
    struct ws_threaded *t = self;

    set_clock(t, now);
    ws_door_step(&t->door, now.mono_ns);
    run_events(t);
    ws_mailbox_take(&t->in, &t->heard, true);
    if (!any(t, ws_worker_behind)) /* else one of them wakes us */
        ws_nodes_run(&t->heard);
}

static void flush(void *self)
{
    struct ws_threaded *t = self;

    for (size_t i = 0; i < t->count; i++)
        ws_worker_flush(&t->workers[i]);
}

void ws_threaded_wake(const struct ws_threaded *t)
{
    ws_poll_wake(t->wake_fd);
}

static void wake(void *self)
{
    ws_threaded_wake(self);
}

static bool busy(void *self)
{
    return any(self, ws_worker_busy);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void stop(void *self)
{
    struct ws_threaded *t = self;

    ws_door_stop(&t->door);
    atomic_store(&t->stopping, true);
}

/* The workers have ended: what they told last, and what comes of it, is done here. */
static void finish(struct ws_threaded *t)
{
    do {
        ws_mailbox_take(&t->in, &t->heard, false);
        ws_nodes_run(&t->heard);
        for (size_t i = 0; i < t->count; i++) {
            ws_nodes_run(&t->workers[i].out);
            ws_nodes_move(&t->workers[i].told, &t->heard);
        }
    } while (t->heard.first);
}

static void close_all(void *self)
{
    struct ws_threaded *t = self;

    t->closing = true;
    for (size_t i = 0; i < t->count; i++)
        ws_worker_end(&t->workers[i]);
    finish(t);
    for (size_t i = 0; i < t->count; i++)
        ws_worker_fini(&t->workers[i]);
    ws_mailbox_fini(&t->in);
    ws_door_fini(&t->door);
    ws_poll_close(t->epoll, t->wake_fd);
    free(t->workers);
    free(t);
}

/* ---- making one -------------------------------------------------------------------------------------------------- */

static const struct chatroom_transport_ops ops = {
    CHATROOM_TRANSPORT_OPS,
    .name = "ws_epoll",
    .open = open_transport,
    .accept = accept_peer,
    .send = send_frame,
    .close = close_peer,
    .group_new = group_new,
    .group_add = group_add,
    .group_remove = group_remove,
    .group_send = group_send,
    .group_free = group_free,
    .fd = epoll_of,
    .deadline = deadline,
    .step = step,
    .flush = flush, /* it writes to nobody: there is no due() */
    .wake = wake,
    .stop = stop,
    .busy = busy,
    .close_all = close_all,
    .offer = offer_frame,
    .active_at = active_at,
    .watch = watch,
};

int ws_threaded_new(const struct chatroom_ws_epoll_options *options, struct chatroom_transport *ret_transport)
{
    struct ws_threaded *t = calloc(1, sizeof *t);
    struct ws_worker *workers = calloc(options->threads, sizeof *workers);

    if (!t || !workers || ws_door_init(&t->door, &door_ops, options)) {
        free(workers);
        free(t);
        return CHATROOM_ENOMEM;
    }
    t->epoll = t->wake_fd = -1;
    t->workers = workers;
    t->count = options->threads;
    ws_mailbox_init(&t->in);
    for (size_t i = 0; i < t->count; i++)
        ws_worker_init(&workers[i], t);
    *ret_transport = (struct chatroom_transport){&ops, t};
    return CHATROOM_OK;
}
