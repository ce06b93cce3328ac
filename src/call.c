/*
 * call.c: what other threads may ask for. A call is copied, travels through the inbox and is carried out by the owner.
 */
#include "commit.h"
#include "connection.h"
#include "memory.h"
#include "request.h"

#include <chatroom/utf8.h>

struct call {
    struct cr_inbox_node node;
    chatroom *c;
    chatroom_outcome_fn *done;
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

/* ---- post ---- */

static int send_text(chatroom *c, chatroom_span connection_id, chatroom_span text)
{
    chatroom_connection *to = cr_connection_find(c, connection_id);
    chatroom_frame *frame;
    int result;

    if (!to || !to->peer || !to->open)
        return CHATROOM_EGONE;
    frame = chatroom_frame_new(&c->alloc, CHATROOM_TEXT_MESSAGE, text, c->config.limits.frame_bytes);
    if (!frame)
        return CHATROOM_ENOMEM;
    result = c->transport.ops->send(c->transport.self, to->peer, frame);
    chatroom_frame_unref(frame);
    return result;
}

static void take_post(struct cr_inbox_node *node)
{
    struct call *call = call_of(node);

    end(call, call->c->dying ? CHATROOM_ECLOSED : send_text(call->c, call->parts[0], call->parts[1]));
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

static void take_disconnect(struct cr_inbox_node *node)
{
    struct call *call = call_of(node);
    chatroom_connection *connection = call->c->dying ? NULL : cr_connection_find(call->c, call->parts[0]);
    bool there = connection && connection->open && connection->peer;

    if (there)
        cr_connection_close(connection, call->code, call->parts[1]);
    end(call, there ? CHATROOM_OK : call->c->dying ? CHATROOM_ECLOSED : CHATROOM_EGONE);
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

/* ---- stop ---- */

void chatroom_ask_stop(chatroom *c)
{
    atomic_store(&c->asked_to_stop, true);
    if (c->transport.ops->wake)
        c->transport.ops->wake(c->transport.self);
}
