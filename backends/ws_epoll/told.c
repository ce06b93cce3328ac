/*
 * What happens to a connection on its worker, and what the owner makes of it. Functions named hear_ are the owner's,
 * the others the worker's.
 */
#include "copy.h"
#include "exchange.h"
#include "remote.h"

#include <stdlib.h>

static struct ws_worker *worker_of(struct ws_loop *loop)
{
    return (struct ws_worker *)((char *)loop - offsetof(struct ws_worker, loop));
}

static void tell(struct ws_worker *worker, struct ws_node *node, void (*hear)(struct ws_node *node))
{
    ws_nodes_add(&worker->told, node, hear, 1);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

struct opening {
    struct ws_node node;
    struct ws_remote *remote;
    struct chatroom_request_head head;
    struct chatroom_header headers[WS_FIELDS_MOST];
    char text[];
};

static void ask(struct ws_remote *remote, const struct chatroom_request_head *head)
{
    chatroom_connection *core = NULL;

    ws_idles_remove(&remote->worker->transport->idles, &remote->idle);
    remote->state = WS_REMOTE_OPENING;
    if (chatroom_transport_opening(remote->worker->transport->door.port, remote, head, &core))
        ws_remote_refuse_busy(remote);
    else if (remote->state != WS_REMOTE_REFUSED)
        remote->core = core;
}

static void hear_opening(struct ws_node *node)
{
    struct opening *o = (struct opening *)node;

    if (!o->remote->worker->transport->closing)
        ask(o->remote, &o->head);
    free(o);
}

static int tell_opening(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head,
                        void **ret_core)
{
    struct opening *o = malloc(sizeof *o + ws_head_size(head));
    char *at;

    if (!o)
        return CHATROOM_ENOMEM;
    at = o->text;
    o->remote = c->pass;
    o->head = ws_copy_head(&at, head, o->headers);
    tell(worker_of(loop), &o->node, hear_opening);
    *ret_core = c->pass;
    return CHATROOM_OK;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

struct message {
    struct ws_node node;
    struct ws_remote *remote;
    enum chatroom_message_kind kind;
    size_t size;
    char bytes[];
};

/* The worker may wait for that. */
static void note_heard(struct ws_worker *worker, size_t size)
{
    size_t before = atomic_fetch_sub(&worker->unheard, size);

    if (before >= WS_WAITING_MOST && before - size < WS_WAITING_MOST)
        ws_loop_wake(&worker->loop);
}

static void hear_message(struct ws_node *node)
{
    struct message *m = (struct message *)node;
    struct ws_worker *worker = m->remote->worker;
    size_t size = sizeof *m + m->size;

    /* What was on its way when the core closed the connection is not for it. */
    if (m->remote->state == WS_REMOTE_OPEN && !worker->transport->closing)
        chatroom_transport_message(m->remote->core, m->kind, chatroom_bytes(m->bytes, m->size));
    free(m);
    note_heard(worker, size);
}

static void tell_message(struct ws_loop *loop, struct ws_connection *c, enum chatroom_message_kind kind,
                         chatroom_span text)
{
    struct ws_worker *worker = worker_of(loop);
    struct message *m = malloc(sizeof *m + text.size);
    size_t size = sizeof *m + text.size;

    if (!m) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    *m = (struct message){.remote = c->pass, .kind = kind, .size = text.size};
    if (text.size > 0)
        memcpy(m->bytes, text.bytes, text.size);
    atomic_store_explicit(&m->remote->active_ns, loop->now.mono_ns, memory_order_relaxed);
    loop->full = atomic_fetch_add(&worker->unheard, size) + size >= WS_WAITING_MOST;
    tell(worker, &m->node, hear_message);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static struct ws_remote *remote_of_closed(struct ws_node *node)
{
    return (struct ws_remote *)((char *)node - offsetof(struct ws_remote, closed));
}

static void hear_closed(struct ws_node *node)
{
    struct ws_remote *remote = remote_of_closed(node);
    struct ws_reason *reason = remote->end.reason;
    chatroom_connection *core = remote->core;

    if (remote->state != WS_REMOTE_REFUSED)
        remote->state = WS_REMOTE_OVER;
    remote->core = NULL;
    if (core)
        chatroom_transport_closed(core, remote->end.code,
                                  reason ? chatroom_bytes(reason->bytes, reason->size) : chatroom_str(NULL),
                                  remote->end.by);
    free(reason);
}

/* NULL: it has none, or there is no memory for it, which is no reason to keep the end to ourselves. */
static struct ws_reason *copy_reason(chatroom_span text)
{
    struct ws_reason *reason = text.size > 0 ? malloc(sizeof *reason + text.size) : NULL;

    if (!reason)
        return NULL;
    reason->size = text.size;
    memcpy(reason->bytes, text.bytes, text.size);
    return reason;
}

static void tell_closed(struct ws_loop *loop, void *core, uint16_t code, chatroom_span reason, enum chatroom_party by)
{
    struct ws_remote *remote = core;

    remote->end.reason = copy_reason(reason);
    remote->end.code = code;
    remote->end.by = by;
    tell(worker_of(loop), &remote->closed, hear_closed);
}

/* The core knows it no more: this is the last that names it. */
static void hear_left(struct ws_node *node)
{
    struct ws_remote *remote = (struct ws_remote *)((char *)node - offsetof(struct ws_remote, life));
    struct ws_threaded *t = remote->worker->transport;

    ws_idles_remove(&t->idles, &remote->idle);
    ws_door_left(&t->door, remote->address, remote->opening, remote->refused);
    remote->worker->remotes--;
    ws_post(remote->worker, node, ws_remote_take_end, sizeof *remote);
}

void ws_remote_tell_left(struct ws_remote *remote)
{
    tell(remote->worker, &remote->life, hear_left);
}

static void tell_left(struct ws_loop *loop, struct ws_connection *c)
{
    (void)loop;
    ws_remote_tell_left(c->pass);
}

/* ---- logs -------------------------------------------------------------------------------------------------------- */

struct event {
    struct ws_node node;
    struct ws_remote *remote;
    enum chatroom_log_level level;
    const char *name;
    size_t count;
    struct chatroom_log_field fields[WS_LOG_FIELDS_MOST];
    char text[];
};

static void hear_event(struct ws_node *node)
{
    struct event *e = (struct event *)node;

    ws_log(e->remote->worker->transport->door.port, e->level, e->name, e->remote->core, e->fields, e->count);
    free(e);
}

/* Out of memory there is one line less. */
static void tell_event(struct ws_loop *loop, enum chatroom_log_level level, const char *name,
                       const struct ws_connection *c, const struct chatroom_log_field *fields, size_t count)
{
    size_t size = 0;
    struct event *e;
    char *at;

    for (size_t i = 0; i < count; i++)
        size += fields[i].text.size;
    e = malloc(sizeof *e + size);
    if (!e)
        return;
    at = e->text;
    *e = (struct event){.remote = c->pass, .level = level, .name = name, .count = count};
    for (size_t i = 0; i < count; i++)
        e->fields[i] = (struct chatroom_log_field){fields[i].key, ws_copy(&at, fields[i].text), fields[i].number};
    tell(worker_of(loop), &e->node, hear_event);
}

/* ---- fences ------------------------------------------------------------------------------------------------------ */

/* The answers of this step go with it: the worker acts on it in its next turn, when it has done all that came at once.
 */
static void hear_fence(struct ws_node *node)
{
    struct ws_remote *remote = (struct ws_remote *)((char *)node - offsetof(struct ws_remote, fence));

    ws_post(remote->worker, node, ws_remote_take_fence, 1);
}

static void tell_fence(struct ws_loop *loop, struct ws_connection *c)
{
    struct ws_remote *remote = c->pass;

    tell(worker_of(loop), &remote->fence, hear_fence);
}

/* ---- what is queued ---------------------------------------------------------------------------------------------- */

static void publish(struct ws_loop *loop, const struct ws_connection *c)
{
    struct ws_remote *remote = c->pass;

    (void)loop;
    atomic_store_explicit(&remote->queued, c->out.charge, memory_order_relaxed);
    atomic_store_explicit(&remote->active_ns, c->messaged_at, memory_order_relaxed);
}

const struct ws_up ws_remote_up = {
    .opening = tell_opening,
    .message = tell_message,
    .closed = tell_closed,
    .left = tell_left,
    .log = tell_event,
    .fence = tell_fence,
    .wanted = ws_exchange_wanted,
    .request = ws_exchange_request,
    .settled = publish,
};
