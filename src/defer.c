#include "defer.h"

#include "commit.h"
#include "request.h"

static struct cr_deferred *list_of(chatroom_request *request)
{
    return request->abandoned ? &request->c->abandoned : &request->c->deferred;
}

static void add(chatroom_request *request)
{
    struct cr_deferred *list = list_of(request);

    request->next_deferred = NULL;
    request->previous_deferred = list->last;
    if (list->last)
        list->last->next_deferred = request;
    else
        list->first = request;
    list->last = request;
}

static void take_out(chatroom_request *request)
{
    struct cr_deferred *list = list_of(request);

    if (request->previous_deferred)
        request->previous_deferred->next_deferred = request->next_deferred;
    else
        list->first = request->next_deferred;
    if (request->next_deferred)
        request->next_deferred->previous_deferred = request->previous_deferred;
    else
        list->last = request->previous_deferred;
}

void chatroom_request_defer(chatroom_request *request)
{
    if (request->state == CR_RUNNING && !request->stored)
        request->state = CR_DEFERRED;
}

static void keep_body(chatroom_request *request)
{
    if (request->body_kept)
        return;
    request->body_kept = true;
    request->body = cr_request_copy(request, request->body);
    request->body_lost = !request->body.bytes;
}

void cr_defer(chatroom_request *request)
{
    chatroom *c = request->c;

    keep_body(request);
    cr_request_forget_scan(request); /* what it found lay in the borrowed body */
    request->info.head = NULL;
    request->deadline_ns = c->now.mono_ns + (uint64_t)c->config.limits.handler_timeout_ms * 1000000;
    cr_commit_take_barrier(request);
    add(request);
}

static int call(chatroom_request *request)
{
    if (request->c->dying)
        return CHATROOM_ECLOSED;
    return request->body_lost ? CHATROOM_ENOMEM : request->resume(request, request->resume_arg);
}

static void resumed(struct cr_inbox_node *node)
{
    chatroom_request *request = CR_CONTAINER(node, chatroom_request, resumed);
    int result;

    take_out(request);
    if (request->abandoned) {
        cr_request_free(request);
        return;
    }
    request->state = CR_RUNNING;
    result = call(request);
    if (request->state == CR_DEFERRED && result == CHATROOM_OK)
        cr_defer(request); /* put off once more */
    else
        cr_commit(request, result);
}

void chatroom_request_resume(chatroom_request *request, chatroom_handler_fn *resume, void *arg)
{
    chatroom *c = request->c;

    request->resume = resume;
    request->resume_arg = arg;
    request->resumed.take = resumed;
    if (cr_inbox_push(&c->inbox, &request->resumed) && c->transport.ops->wake)
        c->transport.ops->wake(c->transport.self);
}

/* Another one takes its place and its id, and is refused. */
static bool give_up(chatroom_request *request)
{
    chatroom_request *other = cr_request_stand_in(request);

    if (!other)
        return false;
    take_out(request);
    request->abandoned = true;
    add(request);
    cr_request_drop(request);
    cr_commit(other, CHATROOM_ETIMEDOUT);
    return true;
}

bool cr_defer_expire(chatroom *c)
{
    bool any = false;

    while (c->deferred.first && c->deferred.first->deadline_ns <= c->now.mono_ns && give_up(c->deferred.first))
        any = true;
    return any;
}

uint64_t cr_defer_deadline(const chatroom *c)
{
    return c->deferred.first ? c->deferred.first->deadline_ns : CHATROOM_NEVER;
}

void cr_defer_free_abandoned(chatroom *c)
{
    while (c->abandoned.first) {
        chatroom_request *request = c->abandoned.first;

        take_out(request);
        cr_request_free(request);
    }
}
