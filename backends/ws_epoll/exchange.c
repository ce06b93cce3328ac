/* Functions named hear_ are the owner's, the others the worker's. */
#include "exchange.h"

#include "copy.h"
#include "remote.h"

#include <stdlib.h>

/* The core's answer, for the worker. */
struct reply {
    struct chatroom_http_answer answer;
    struct chatroom_header headers[];
};

struct exchange {
    struct ws_node node;
    struct ws_remote *remote;
    struct chatroom_http_request request;
    struct chatroom_header headers[WS_FIELDS_MOST];
    int rc; /* is it wanted? */
    size_t body_most;
    struct reply *reply; /* NULL: out of memory */
    char text[];
};

static struct ws_worker *worker_of(struct ws_loop *loop)
{
    return (struct ws_worker *)((char *)loop - offsetof(struct ws_worker, loop));
}

static void tell(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_request *request,
                 void (*hear)(struct ws_node *node))
{
    size_t size = request->method.size + request->body.size + ws_head_size(&request->head);
    struct exchange *e = malloc(sizeof *e + size);
    char *at;

    if (!e) {
        ws_connection_lose(loop, c, WS_LOST_MEMORY);
        return;
    }
    at = e->text;
    e->remote = c->pass;
    e->reply = NULL;
    e->request = (struct chatroom_http_request){.cut = request->cut};
    e->request.method = ws_copy(&at, request->method);
    e->request.head = ws_copy_head(&at, &request->head, e->headers);
    e->request.body = ws_copy(&at, request->body);
    ws_nodes_add(&worker_of(loop)->told, &e->node, hear, 1);
}

/* ---- is it wanted? ----------------------------------------------------------------------------------------------- */

static void take_wanted(struct ws_node *node)
{
    struct exchange *e = (struct exchange *)node;

    ws_request_wanted(&e->remote->worker->loop, e->remote->connection, e->rc, e->body_most);
    free(e);
}

static void hear_wanted(struct ws_node *node)
{
    struct exchange *e = (struct exchange *)node;
    struct ws_threaded *t = e->remote->worker->transport;

    if (t->closing) {
        free(e);
        return;
    }
    ws_idles_remove(&t->idles, &e->remote->idle);
    e->body_most = 0;
    e->rc = chatroom_transport_http_wanted(t->door.port, &e->request.head, &e->body_most);
    ws_post(e->remote->worker, node, take_wanted, sizeof *e);
}

void ws_exchange_wanted(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_request_head *head)
{
    const struct chatroom_http_request request = {.head = *head};

    tell(loop, c, &request, hear_wanted);
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

static struct reply *copy_reply(const struct chatroom_http_answer *answer)
{
    size_t headers = answer->header_count * sizeof(struct chatroom_header);
    size_t size = headers + ws_headers_size(answer->headers, answer->header_count) + answer->body.size;
    struct reply *reply = malloc(sizeof *reply + size);
    char *at;

    if (!reply)
        return NULL;
    at = (char *)reply->headers + headers;
    reply->answer = (struct chatroom_http_answer){
        .status = answer->status, .headers = reply->headers, .header_count = answer->header_count};
    ws_copy_headers(&at, answer->headers, answer->header_count, reply->headers);
    reply->answer.body = ws_copy(&at, answer->body);
    return reply;
}

static void take_answer(struct ws_node *node)
{
    struct exchange *e = (struct exchange *)node;
    struct ws_loop *loop = &e->remote->worker->loop;

    if (e->reply)
        ws_request_answer(loop, e->remote->connection, &e->reply->answer);
    else
        ws_connection_lose(loop, e->remote->connection, WS_LOST_MEMORY);
    free(e->reply);
    free(e);
}

/* It waits for its next request from now on, as far as the owner can know. */
static void hear_request(struct ws_node *node)
{
    struct exchange *e = (struct exchange *)node;
    struct ws_threaded *t = e->remote->worker->transport;
    struct chatroom_http_answer answer = {.status = 500};

    if (t->closing) {
        free(e);
        return;
    }
    chatroom_transport_http(t->door.port, &e->request, &answer);
    e->reply = copy_reply(&answer);
    ws_post(e->remote->worker, node, take_answer, sizeof *e + answer.body.size);
    if (e->remote->opening)
        ws_idles_add(&t->idles, &e->remote->idle);
}

void ws_exchange_request(struct ws_loop *loop, struct ws_connection *c, const struct chatroom_http_request *request)
{
    tell(loop, c, request, hear_request);
}
