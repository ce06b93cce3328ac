#include "worker.h"

#include "remote.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>

#define PARTS_MOST 32 /* in a turn */

void ws_worker_init(struct ws_worker *worker, struct ws_threaded *transport)
{
    worker->transport = transport;
    ws_mailbox_init(&worker->in);
    ws_loop_init(&worker->loop, &ws_remote_up, &transport->door.options, transport->count);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

/* The owner's clock, as far as it is known here. It does not go back. */
static uint64_t clock_of(const struct ws_worker *worker)
{
    long long skew = atomic_load_explicit(&worker->transport->skew_ns, memory_order_relaxed);
    uint64_t now = ws_system_ns() + (uint64_t)skew;

    return now > worker->loop.now.mono_ns ? now : worker->loop.now.mono_ns;
}

static struct chatroom_now now_of(const struct ws_worker *worker)
{
    uint64_t mono_ns = clock_of(worker);
    long long wall_ms = atomic_load_explicit(&worker->transport->wall_ms, memory_order_relaxed);

    return (struct chatroom_now){mono_ns, wall_ms + (long long)(mono_ns / 1000000)};
}

static int wait_ms(struct ws_worker *worker)
{
    uint64_t now, due = ws_loop_deadline(&worker->loop);

    if (due == 0 || !ws_mailbox_sleep(&worker->in))
        return 0;
    if (due == CHATROOM_NEVER)
        return -1;
    now = clock_of(worker);
    if (due <= now)
        return 0;
    return (due - now) / 1000000 < INT_MAX ? (int)((due - now) / 1000000) + 1 : INT_MAX;
}

/*
 * So much is done and, but for what the kernel did not take, written. The owner is woken if it waits for that: because
 * there was too much, or because it wants to end.
 */
static void note_done(struct ws_worker *worker, size_t charge)
{
    struct ws_threaded *t = worker->transport;
    bool writing = ws_loop_busy(&worker->loop);
    bool news = atomic_exchange(&worker->writing, writing) != writing || charge > 0;
    size_t before = atomic_fetch_sub(&worker->pending, charge);

    if ((before >= WS_WAITING_MOST && before - charge < WS_WAITING_MOST) || (news && atomic_load(&t->stopping)))
        ws_threaded_wake(t);
}

static void tell_owner(struct ws_worker *worker)
{
    if (worker->told.first && ws_mailbox_put(&worker->transport->in, &worker->told))
        ws_threaded_wake(worker->transport);
}

/* A part at a time, as a loop looks at it, so that what leaves at the end leaves together. */
static void take_input(struct ws_worker *worker)
{
    struct ws_loop *loop = &worker->loop;

    ws_loop_wait(loop, wait_ms(worker));
    for (unsigned parts = 1;; parts++) {
        loop->full = atomic_load(&worker->unheard) >= WS_WAITING_MOST;
        ws_loop_step(loop, now_of(worker), NULL);
        if (loop->event_count < WS_EVENTS_MOST || parts == PARTS_MOST)
            return;
        ws_loop_wait(loop, 0);
    }
}

static void turn(struct ws_worker *worker)
{
    struct ws_nodes nodes = {NULL, NULL, 0};
    size_t charge;

    take_input(worker);
    ws_mailbox_take(&worker->in, &nodes, false);
    charge = nodes.charge;
    ws_nodes_run(&nodes);
    ws_loop_flush(&worker->loop);
    tell_owner(worker);
    note_done(worker, charge);
}

static void *run(void *arg)
{
    struct ws_worker *worker = arg;

    while (!worker->ended)
        turn(worker);
    ws_loop_end(&worker->loop);
    tell_owner(worker);
    return NULL;
}

static void take_end(struct ws_node *node)
{
    ((struct ws_worker *)((char *)node - offsetof(struct ws_worker, end)))->ended = true;
}

/* ---- the owner's side -------------------------------------------------------------------------------------------- */

static int start_blocked(struct ws_worker *worker)
{
    sigset_t all, before;
    int why;

    sigfillset(&all);
    why = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (why)
        return why;
    why = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

int ws_worker_start(struct ws_worker *worker, size_t number, struct chatroom_error *error)
{
    char name[16];

    if (ws_loop_open(&worker->loop))
        return ws_fail_system(error, "open an epoll descriptor");
    errno = start_blocked(worker);
    if (errno)
        return ws_fail_system(error, "start a thread");
    worker->started = true;
    snprintf(name, sizeof name, "ws-%zu", number);
    pthread_setname_np(worker->thread, name); /* without it, it has that of the program */
    return CHATROOM_OK;
}

void ws_worker_flush(struct ws_worker *worker)
{
    if (!worker->out.first)
        return;
    atomic_fetch_add(&worker->pending, worker->out.charge);
    if (ws_mailbox_put(&worker->in, &worker->out))
        ws_loop_wake(&worker->loop);
}

bool ws_worker_busy(const struct ws_worker *worker)
{
    return worker->out.first || atomic_load(&worker->pending) > 0 || atomic_load(&worker->writing);
}

bool ws_worker_behind(const struct ws_worker *worker)
{
    return atomic_load(&worker->pending) >= WS_WAITING_MOST;
}

void ws_worker_end(struct ws_worker *worker)
{
    if (!worker->started)
        return;
    ws_nodes_add(&worker->out, &worker->end, take_end, 1);
    ws_worker_flush(worker);
    pthread_join(worker->thread, NULL);
}

void ws_worker_fini(struct ws_worker *worker)
{
    ws_loop_fini(&worker->loop);
    ws_mailbox_fini(&worker->in);
}
