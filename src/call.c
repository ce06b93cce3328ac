#include "call.h"

#include "commit.h"
#include "connection.h"
#include "memory.h"
#include "request.h"

#include <chatroom/utf8.h>

struct call {
    struct cr_inbox_node node;
    chatroom *c;
    chatroom_outcome_fn *done;
    chatroom_connection_fn *get;
    void *arg;
    uint16_t code;
    chatroom_span parts[3]; /* of bytes */
    size_t size;
    char bytes[];
};

static void end(struct call *call, int status)
{
    const struct chatroom_alloc *alloc = &call->c->alloc;

    if (call->done)
        call->done(call->arg, status);
    cr_free(alloc, call, sizeof *call + call->size);
}

/* NULL: out of memory. */
static struct call *make(chatroom *c, void (*take)(struct cr_inbox_node *node), const chatroom_span parts[3],
                         chatroom_outcome_fn *done, void *arg)
{
    size_t size = parts[0].size + parts[1].size + parts[2].size;
    struct call *call = cr_resize(&c->alloc, NULL, 0, sizeof *call + size);
    char *at;

    if (!call)
        return NULL;
    *call = (struct call){.node = {.take = take}, .c = c, .done = done, .arg = arg, .size = size};
    at = call->bytes;
    for (size_t i = 0; i < 3; i++) {
        call->parts[i] = chatroom_bytes(at, parts[i].size);
        if (parts[i].size > 0)
            memcpy(at, parts[i].bytes, parts[i].size);
        at += parts[i].size;
    }
    return call;
}

static int push(struct call *call)
{
    chatroom *c;

    if (!call)
        return CHATROOM_ENOMEM;
    c = call->c;    /* once it is pushed the call is the owner's */
    if (c->dying) { /* asked for by what hears of the end: nobody takes it any more */
        call->done = NULL;
        end(call, CHATROOM_ECLOSED);
        return CHATROOM_ECLOSED;
    }
    if (cr_inbox_push(&c->inbox, &call->node) && c->transport.ops->wake)
        c->transport.ops->wake(c->transport.self);
    return CHATROOM_OK;
}

static struct call *call_of(struct cr_inbox_node *node)
{
    return CR_CONTAINER(node, struct call, node);
}

/* Somebody who is there, and can be spoken to. */
static chatroom_connection *find_open(const chatroom *c, chatroom_span connection_id)
{
    chatroom_connection *connection = cr_connection_find(c, connection_id);

    return connection && connection->open && connection->peer && !connection->closing ? connection : NULL;
}

/* ---- post ---- */

/* Who posts can be told that the queue is full; who reads need not go for it. */
static int offer(chatroom *c, chatroom_connection *to, chatroom_frame *frame)
{
    const struct chatroom_transport_ops *ops = c->transport.ops;

    return ops->offer ? ops->offer(c->transport.self, to->peer, frame) : ops->send(c->transport.self, to->peer, frame);
}

int cr_call_post(chatroom *c, chatroom_span connection_id, chatroom_span text)
{
    chatroom_connection *to = find_open(c, connection_id);
    chatroom_frame *frame;
    int result;

    if (!to)
        return CHATROOM_EGONE;
    frame = chatroom_frame_new(&c->alloc, CHATROOM_TEXT_MESSAGE, text, c->config.limits.frame_bytes);
    if (!frame)
        return CHATROOM_ENOMEM;
    result = offer(c, to, frame);
    c->counters.messages += result == CHATROOM_OK;
    chatroom_frame_unref(frame);
    return result;
}

static void take_post(struct cr_inbox_node *node)
{
    struct call *call = call_of(node);

    end(call, call->c->dying ? CHATROOM_ECLOSED : cr_call_post(call->c, call->parts[0], call->parts[1]));
}

int chatroom_post(chatroom *c, chatroom_span connection_id, chatroom_span text, chatroom_outcome_fn *done, void *arg)
{
    const chatroom_span parts[3] = {connection_id, text};

    if (!chatroom_utf8_valid(text))
        return CHATROOM_EINVAL;
    return push(make(c, take_post, parts, done, arg));
}

/* ---- publish ---- */

static void publish(struct call *call)
{
    chatroom_request *request = cr_request_new(call->c, NULL, CHATROOM_MESSAGE);
    int result;

    if (!request) {
        end(call, CHATROOM_ENOMEM);
        return;
    }
    result =
        cr_request_append(request, call->parts[0], call->parts[1], call->parts[2]); /* scanned by chatroom_publish() */
    request->outcome = call->done;
    request->outcome_arg = call->arg;
    call->done = NULL; /* hears it from the request */
    end(call, CHATROOM_OK);
    cr_commit(request, result);
}

static void take_publish(struct cr_inbox_node *node)
{
    struct call *call = call_of(node);

    if (call->c->dying)
        end(call, CHATROOM_ECLOSED);
    else
        publish(call);
}

int chatroom_publish(chatroom *c, chatroom_span room, chatroom_span author, chatroom_span payload,
                     chatroom_outcome_fn *done, void *arg)
{
    const chatroom_span parts[3] = {room, author, payload};
    size_t count;

    if (!chatroom_utf8_valid(author) || author.size > CHATROOM_KEY_MAX)
        return CHATROOM_EINVAL;
    if (payload.size > c->config.limits.message_bytes)
        return CHATROOM_ETOOBIG;
    if (chatroom_json_scan(payload, NULL, NULL, 0, &count) != CHATROOM_OK)
        return CHATROOM_EJSON;
    return push(make(c, take_publish, parts, done, arg));
}

/* ---- disconnect ---- */

int cr_call_disconnect(chatroom *c, chatroom_span connection_id, uint16_t code, chatroom_span reason)
{
    chatroom_connection *connection = find_open(c, connection_id);

    if (!connection)
        return CHATROOM_EGONE;
    cr_connection_close(connection, code, reason);
    return CHATROOM_OK;
}

static void take_disconnect(struct cr_inbox_node *node)
{
    struct call *call = call_of(node);

    end(call,
        call->c->dying ? CHATROOM_ECLOSED : cr_call_disconnect(call->c, call->parts[0], call->code, call->parts[1]));
}

int chatroom_disconnect(chatroom *c, chatroom_span connection_id, uint16_t code, chatroom_span reason,
                        chatroom_outcome_fn *done, void *arg)
{
    const chatroom_span parts[3] = {connection_id, reason};
    struct call *call;

    if (!cr_close_is_valid(code, reason))
        return CHATROOM_EINVAL;
    call = make(c, take_disconnect, parts, done, arg);
    if (call)
        call->code = code;
    return push(call);
}

/* ---- get ---- */

/* A transport with threads may have looked at the clock a little later than the host. */
static int64_t last_active_ms(const chatroom *c, const chatroom_connection *connection)
{
    const struct chatroom_transport_ops *ops = c->transport.ops;
    uint64_t at_ns = ops->active_at ? ops->active_at(c->transport.self, connection->peer) : 0;

    if (at_ns == 0)
        return connection->connected_at_ms;
    return at_ns < c->now.mono_ns ? c->now.wall_ms - (int64_t)((c->now.mono_ns - at_ns) / 1000000) : c->now.wall_ms;
}

int cr_call_get(const chatroom *c, chatroom_span connection_id, struct chatroom_connection_info *ret_info)
{
    const chatroom_connection *connection = find_open(c, connection_id);

    if (!connection)
        return CHATROOM_EGONE;
    *ret_info = (struct chatroom_connection_info){
        .connected_at_ms = connection->connected_at_ms,
        .last_active_ms = last_active_ms(c, connection),
        .source_ip = cr_connection_source(connection),
        .user_agent = cr_connection_agent(connection),
    };
    return CHATROOM_OK;
}

static void take_get(struct cr_inbox_node *node)
{
    struct call *call = call_of(node);
    struct chatroom_connection_info info;
    int status = call->c->dying ? CHATROOM_ECLOSED : cr_call_get(call->c, call->parts[0], &info);

    call->get(call->arg, status, status == CHATROOM_OK ? &info : NULL);
    end(call, status);
}

int chatroom_get_connection(chatroom *c, chatroom_span connection_id, chatroom_connection_fn *done, void *arg)
{
    const chatroom_span parts[3] = {connection_id};
    struct call *call = make(c, take_get, parts, NULL, arg);

    if (call)
        call->get = done;
    return push(call);
}

/* ---- stop ---- */

void chatroom_ask_stop(chatroom *c)
{
    atomic_store(&c->asked_to_stop, true);
    if (c->transport.ops->wake)
        c->transport.ops->wake(c->transport.self);
}
