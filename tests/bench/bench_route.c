/*
 * bench_route.c: what it costs to find the route of a message of 120 bytes: the JSON is scanned, the selection
 * expression evaluated, the route looked up among 300.
 */
#include "expression.h"
#include "measure.h"
#include "memory.h"
#include "request.h"
#include "route.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUTES = 300 };

static const char message[] =
    "{\"action\":\"route123\",\"svc\":\"chat\",\"op\":\"route\",\"room\":\"a-room-of-some-name\","
    "\"value\":\"hello, everybody in here..\",\"n\":17}";
_Static_assert(sizeof message - 1 == 120, "the message has 120 bytes");

struct bench {
    chatroom c;
    chatroom_request request;
};

static int nothing(chatroom_request *request, void *arg)
{
    (void)request, (void)arg;
    return CHATROOM_OK;
}

static void bind(chatroom *c)
{
    char key[32];

    for (int i = 0; i < ROUTES - 1; i++) {
        snprintf(key, sizeof key, "route%d", i);
        if (chatroom_route(c, key, nothing, NULL))
            abort();
    }
    if (chatroom_route(c, "chat/route", nothing, NULL))
        abort();
}

static void select_routes(void *arg, unsigned times)
{
    struct bench *b = arg;

    for (unsigned i = 0; i < times; i++) {
        b->request.body = chatroom_bytes(message, sizeof message - 1);
        if (!cr_route_select(&b->request))
            abort();
        cr_request_forget_scan(&b->request);
    }
}

static void measure_selection(const char *name, const char *expression)
{
    struct bench *b = calloc(1, sizeof *b);
    struct chatroom_error error = {0};
    chatroom_span field;

    if (!b)
        abort();
    b->c.alloc = cr_default_alloc;
    b->c.routes.alloc = &b->c.alloc;
    b->request.c = &b->c;
    b->request.free = b->request.arena;
    b->request.end = b->request.arena + sizeof b->request.arena;
    if (cr_expression_compile(&b->c.alloc, chatroom_str(expression), &b->c.selection, &error))
        abort();
    if (cr_expression_is_member(b->c.selection, &field))
        b->c.selection_field = field.bytes;
    bind(&b->c);
    measure(name, select_routes, b, 1);
    cr_routes_free(&b->c);
    free(b);
}

int main(void)
{
    measure_selection("select and route 120 B: one member", "$request.body.action");
    measure_selection("select and route 120 B: two, and text", "${request.body.svc}/${request.body.op}");
    return 0;
}
