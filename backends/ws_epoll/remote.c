/* What the owner wants of a connection, and what its worker does about it. Functions named take_ are the worker's. */
#include "remote.h"

#include "copy.h"

#include <stdlib.h>
#include <unistd.h>

static struct ws_loop *loop_of(const struct ws_remote *remote)
{
    return &remote->worker->loop;
}

/* ---- letting in -------------------------------------------------------------------------------------------------- */

static void take_life(struct ws_node *node)
{
    struct ws_remote *remote = (struct ws_remote *)((char *)node - offsetof(struct ws_remote, life));
    struct ws_connection *c = ws_connection_new(loop_of(remote), remote->given.fd, remote);
    struct ws_refusal refusal = remote->given.refusal;

    remote->connection = c;
    if (!c) {
        ws_remote_tell_left(remote);
        return;
    }
    c->named = true;
    c->apart = remote->apart;
    if (refusal.status)
        ws_http_refuse(loop_of(remote), c, refusal, false);
}

static struct ws_worker *least_busy(struct ws_threaded *t)
{
    struct ws_worker *least = &t->workers[0];

    for (size_t i = 1; i < t->count; i++)
        if (t->workers[i].remotes < least->remotes)
            least = &t->workers[i];
    return least;
}

bool ws_remote_let_in(struct ws_threaded *t, int fd, struct ws_address *address, bool apart, struct ws_refusal refusal)
{
    struct ws_remote *remote = calloc(1, sizeof *remote);

    if (!remote) {
        close(fd);
        return false;
    }
    remote->worker = least_busy(t);
    remote->worker->remotes++;
    remote->address = address;
    remote->apart = apart;
    remote->opening = refusal.status == 0;
    remote->refused = refusal.status != 0;
    remote->given.fd = fd;
    remote->given.refusal = refusal;
    ws_post(remote->worker, &remote->life, take_life, sizeof *remote);
    return true;
}

/* ---- making room ------------------------------------------------------------------------------------------------- */

static void take_yield(struct ws_node *node)
{
    struct ws_remote *remote = (struct ws_remote *)((char *)node - offsetof(struct ws_remote, yield));
    struct ws_connection *c = remote->connection;

    if (ws_idle(c) && ws_queue_empty(&c->out))
        ws_connection_end(loop_of(remote), c, false);
    else
        c->last = true; /* its next request came meanwhile, or the last answer is still to be read */
}

bool ws_remote_make_room(struct ws_threaded *t)
{
    struct ws_remote *remote;

    if (!t->idles.first)
        return false;
    remote = (struct ws_remote *)((char *)t->idles.first - offsetof(struct ws_remote, idle));
    ws_idles_remove(&t->idles, &remote->idle);
    remote->opening = false; /* it does not come into the line again: it yields once */
    ws_door_opened(&t->door);
    ws_post(remote->worker, &remote->yield, take_yield, sizeof *remote);
    return true;
}

/* ---- losing ------------------------------------------------------------------------------------------------------ */

static struct ws_remote *remote_of_lose(struct ws_node *node)
{
    return (struct ws_remote *)((char *)node - offsetof(struct ws_remote, lose));
}

static void take_lose(struct ws_node *node)
{
    struct ws_remote *remote = remote_of_lose(node);

    ws_connection_lose(loop_of(remote), remote->connection, remote->loss);
}

static void take_busy(struct ws_node *node)
{
    struct ws_remote *remote = remote_of_lose(node);

    ws_http_busy(loop_of(remote), remote->connection);
}

void ws_remote_lose(struct ws_remote *remote, enum ws_loss loss)
{
    if (remote->state != WS_REMOTE_OPENING && remote->state != WS_REMOTE_OPEN)
        return;
    remote->state = WS_REMOTE_OVER;
    remote->loss = (uint8_t)loss;
    ws_post(remote->worker, &remote->lose, take_lose, sizeof *remote);
}

void ws_remote_refuse_busy(struct ws_remote *remote)
{
    remote->state = WS_REMOTE_REFUSED;
    ws_post(remote->worker, &remote->lose, take_busy, sizeof *remote);
}

/* ---- the core's answer ------------------------------------------------------------------------------------------- */

struct answer {
    struct ws_node node;
    struct ws_remote *remote;
    struct chatroom_answer answer;
    char text[];
};

static void take_answer(struct ws_node *node)
{
    struct answer *a = (struct answer *)node;

    ws_http_accept(loop_of(a->remote), a->remote->connection, &a->answer);
    free(a);
}

/* NULL: out of memory. */
static struct answer *copy_answer(struct ws_remote *remote, const struct chatroom_answer *of, size_t size)
{
    struct answer *a = malloc(sizeof *a + size);
    char *at;

    if (!a)
        return NULL;
    at = a->text;
    a->remote = remote;
    a->answer.status = of->status;
    a->answer.subprotocol = ws_copy(&at, of->subprotocol);
    a->answer.error_type = ws_copy(&at, of->error_type);
    a->answer.body = ws_copy(&at, of->body);
    return a;
}

void ws_remote_accept(struct ws_remote *remote, const struct chatroom_answer *answer)
{
    size_t size = answer->subprotocol.size + answer->error_type.size + answer->body.size;
    struct answer *copy;

    if (remote->state != WS_REMOTE_OPENING)
        return;
    copy = copy_answer(remote, answer, size);
    if (!copy)
        ws_remote_lose(remote, WS_LOST_MEMORY);
    else
        ws_post(remote->worker, &copy->node, take_answer, sizeof *copy + size);
    if (answer->status != 101) {
        remote->state = WS_REMOTE_REFUSED;
        remote->core = NULL;
        return;
    }
    if (copy)
        remote->state = WS_REMOTE_OPEN;
    if (remote->opening)
        ws_door_opened(&remote->worker->transport->door);
    remote->opening = false;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

struct frame {
    struct ws_node node;
    struct ws_remote *remote;
    chatroom_frame *frame;
};

static size_t charge_of(const chatroom_frame *frame)
{
    return sizeof(struct frame) + chatroom_frame_wire(frame).size;
}

static void take_frame(struct ws_node *node)
{
    struct frame *sent = (struct frame *)node;
    struct ws_remote *remote = sent->remote;

    (void)ws_output_send(loop_of(remote), remote->connection, sent->frame); /* it is lost if that failed */
    atomic_store_explicit(&remote->queued, remote->connection->out.charge, memory_order_relaxed);
    atomic_fetch_sub_explicit(&remote->in_flight, charge_of(sent->frame), memory_order_release);
    chatroom_frame_unref(sent->frame);
    free(sent);
}

/*
 * The worker's queue has its own limit. Until it gets there, as much may be on its way as that queue and the kernel
 * would take: what one step has for a peer may be more than the limit.
 */
static bool has_place(const struct ws_remote *remote, size_t charge)
{
    size_t most = remote->worker->loop.options->queue_bytes + WS_SEND_BUFFER;
    size_t in_flight = atomic_load_explicit(&remote->in_flight, memory_order_relaxed);

    return charge <= most && in_flight <= most - charge;
}

static int post_frame(struct ws_remote *remote, chatroom_frame *frame)
{
    struct frame *sent = malloc(sizeof *sent);
    size_t charge = charge_of(frame);

    if (!sent)
        return CHATROOM_ENOMEM;
    *sent = (struct frame){.remote = remote, .frame = chatroom_frame_ref(frame)};
    atomic_fetch_add_explicit(&remote->in_flight, charge, memory_order_relaxed);
    remote->sent_ns = remote->worker->transport->door.now_ns;
    ws_post(remote->worker, &sent->node, take_frame, charge);
    return CHATROOM_OK;
}

int ws_remote_send(struct ws_remote *remote, chatroom_frame *frame)
{
    if (remote->state != WS_REMOTE_OPEN)
        return CHATROOM_EGONE;
    if (!has_place(remote, charge_of(frame))) {
        ws_remote_lose(remote, WS_LOST_SLOW);
        return CHATROOM_EAGAIN;
    }
    if (post_frame(remote, frame)) {
        ws_remote_lose(remote, WS_LOST_MEMORY);
        return CHATROOM_ENOMEM;
    }
    return CHATROOM_OK;
}

/*
 * The worker's queue as it was, and what is on its way there; a frame that arrives just now may be counted twice, but
 * none is missed.
 */
static bool has_place_to_offer(const struct ws_remote *remote, size_t charge)
{
    size_t waiting = atomic_load_explicit(&remote->in_flight, memory_order_acquire);

    waiting += atomic_load_explicit(&remote->queued, memory_order_relaxed);
    return waiting == 0 ? has_place(remote, charge)
                        : ws_offer_fits(&remote->worker->transport->door.options, waiting, charge);
}

int ws_remote_offer(struct ws_remote *remote, chatroom_frame *frame)
{
    if (remote->state != WS_REMOTE_OPEN)
        return CHATROOM_EGONE;
    return has_place_to_offer(remote, charge_of(frame)) ? post_frame(remote, frame) : CHATROOM_EAGAIN;
}

uint64_t ws_remote_active_at(const struct ws_remote *remote)
{
    uint64_t worker = atomic_load_explicit(&remote->active_ns, memory_order_relaxed);

    return worker > remote->sent_ns ? worker : remote->sent_ns;
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

struct farewell {
    struct ws_node node;
    struct ws_remote *remote;
    uint16_t code;
    size_t size;
    char reason[];
};

static void take_farewell(struct ws_node *node)
{
    struct farewell *f = (struct farewell *)node;

    ws_output_close(loop_of(f->remote), f->remote->connection, f->code, chatroom_bytes(f->reason, f->size));
    free(f);
}

void ws_remote_close(struct ws_remote *remote, uint16_t code, chatroom_span reason)
{
    struct farewell *f;

    if (remote->state != WS_REMOTE_OPEN)
        return;
    f = malloc(sizeof *f + reason.size);
    if (!f) {
        ws_remote_lose(remote, WS_LOST_MEMORY);
        return;
    }
    *f = (struct farewell){.remote = remote, .code = code, .size = reason.size};
    if (reason.size > 0)
        memcpy(f->reason, reason.bytes, reason.size);
    remote->state = WS_REMOTE_OVER;
    ws_post(remote->worker, &f->node, take_farewell, sizeof *f + reason.size);
}

/* ---- what goes back ---------------------------------------------------------------------------------------------- */

void ws_remote_take_fence(struct ws_node *node)
{
    struct ws_remote *remote = (struct ws_remote *)((char *)node - offsetof(struct ws_remote, fence));

    ws_input_go_on(loop_of(remote), remote->connection);
}

void ws_remote_take_end(struct ws_node *node)
{
    struct ws_remote *remote = (struct ws_remote *)((char *)node - offsetof(struct ws_remote, life));

    if (remote->connection)
        ws_connection_forget(loop_of(remote), remote->connection);
    free(remote);
}
