#include "defer.h"

#include "commit.h"
#include "request.h"

static struct cr_deferred *list_of(chatroom_request *request)
{
    return request->abandoned ? &request->c->abandoned : &request->route->deferred;
}

static void add(chatroom_request *request)
{
    struct cr_deferred *list = list_of(request);

    request->c->deferred += !request->abandoned;
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

    request->c->deferred -= !request->abandoned;
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

static bool copy_headers(chatroom_request *request, const struct chatroom_request_head *head,
                         struct chatroom_request_head *copy)
{
    struct chatroom_header *headers = chatroom_request_memory(request, (head->header_count + 1) * sizeof *headers);
    bool whole = headers;

    for (size_t i = 0; whole && i < head->header_count; i++) {
        headers[i].name = cr_request_copy(request, head->headers[i].name);
        headers[i].value = cr_request_copy(request, head->headers[i].value);
        whole = headers[i].name.bytes && headers[i].value.bytes;
    }
    copy->headers = headers;
    copy->header_count = head->header_count;
    return whole;
}

/* Of a request that opens a connection: who comes after the one that put it off wants to see it as well. */
static bool copy_head(chatroom_request *request, const struct chatroom_request_head *head)
{
    struct chatroom_request_head *copy = chatroom_request_memory(request, sizeof *copy);

    request->info.head = copy;
    if (!copy)
        return false;
    copy->target = cr_request_copy(request, head->target);
    copy->source_ip = request->info.source_ip;
    return copy->target.bytes && copy_headers(request, head, copy);
}

static void keep_what_is_borrowed(chatroom_request *request)
{
    const struct chatroom_request_head *head = request->info.head;

    if (request->body_kept)
        return;
    request->body_kept = true;
    request->body = cr_request_copy(request, request->body);
    request->body_lost = !request->body.bytes || (head && !copy_head(request, head));
}

void cr_defer(chatroom_request *request)
{
    chatroom *c = request->c;
    unsigned own_ms = request->route->options.timeout_ms;
    uint64_t ms = own_ms > 0 ? own_ms : c->config.limits.handler_timeout_ms;

    keep_what_is_borrowed(request);
    cr_request_forget_scan(request); /* what it found lay in the borrowed body */
    request->deadline_ns = c->now.mono_ns + ms * 1000000;
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
        request->ended(request, result);
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
    request->ended(other, CHATROOM_ETIMEDOUT);
    return true;
}

/* A server that stops waits for handlers half of its time; the other half is for what says that somebody has gone. */
static uint64_t deadline_of(const chatroom *c, const struct cr_route *route)
{
    uint64_t at = route->deferred.first ? route->deferred.first->deadline_ns : CHATROOM_NEVER;
    bool hurries = c->stopping && route->deferred.first && route != c->on_disconnect;

    return hurries && c->hurry_by_ns < at ? c->hurry_by_ns : at;
}

static bool expire(chatroom *c, struct cr_route *route)
{
    bool any = false;

    while (deadline_of(c, route) <= c->now.mono_ns && give_up(route->deferred.first))
        any = true;
    return any;
}

bool cr_defer_expire(chatroom *c)
{
    struct cr_map_node *node;
    bool any;

    if (c->deferred == 0)
        return false;
    any = expire(c, &c->authorizer);
    for (node = cr_map_first(&c->routes); node; node = cr_map_next(node))
        any |= expire(c, CR_CONTAINER(node, struct cr_route, node));
    return any;
}

uint64_t cr_defer_deadline(const chatroom *c)
{
    uint64_t at = c->deferred > 0 ? deadline_of(c, &c->authorizer) : CHATROOM_NEVER;

    for (struct cr_map_node *node = c->deferred > 0 ? cr_map_first(&c->routes) : NULL; node; node = cr_map_next(node)) {
        uint64_t own = deadline_of(c, CR_CONTAINER(node, const struct cr_route, node));

        at = own < at ? own : at;
    }
    return at;
}

void cr_defer_free_abandoned(chatroom *c)
{
    while (c->abandoned.first) {
        chatroom_request *request = c->abandoned.first;

        take_out(request);
        cr_request_free(request);
    }
}
