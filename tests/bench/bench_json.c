/*
 * bench_json.c: what it takes to scan a message once and look up its action, for ordinary messages and for the worst
 * that 128 KiB can hold; and what a selection expression takes that is more than one member.
 */
#include <chatroom/json.h>

#include "expression.h"
#include "measure.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { LARGEST = 128 * 1024 };

static int route(chatroom_span message)
{
    struct chatroom_json_member members[16];
    struct chatroom_json_value action;
    size_t count;
    int result = chatroom_json_scan(message, NULL, members, 16, &count);

    return result ? result : chatroom_json_get(message, chatroom_str("action"), &action);
}

static void route_often(void *arg, unsigned times)
{
    const chatroom_span *message = arg;

    for (unsigned i = 0; i < times; i++)
        (void)route(*message); /* EJSON takes time as well */
}

static void measure_text(const char *name, chatroom_span message)
{
    char line[64];

    snprintf(line, sizeof line, "%s, %zu B: %s", name, message.size, chatroom_errword(route(message)));
    measure(line, route_often, &message, (unsigned)message.size);
}

/* head, then unit as often as it fits before tail, in size bytes. */
static void measure_filled(const char *name, size_t size, const char *head, const char *unit, const char *tail)
{
    size_t used = strlen(head);
    char *text = malloc(size);

    if (!text)
        abort();
    memcpy(text, head, used);
    for (; used + strlen(unit) + strlen(tail) <= size; used += strlen(unit))
        memcpy(text + used, unit, strlen(unit));
    memcpy(text + used, tail, strlen(tail));
    measure_text(name, chatroom_bytes(text, used + strlen(tail)));
    free(text);
}

struct selection {
    struct cr_expression *expression;
    chatroom_span message;
};

static void select_often(void *arg, unsigned times)
{
    const struct selection *selection = arg;
    char key[1024];
    chatroom_span value;

    for (unsigned i = 0; i < times; i++)
        if (cr_expression_evaluate(selection->expression, selection->message, key, sizeof key, &value) != CHATROOM_OK)
            abort();
}

static void measure_selection(const char *text)
{
    struct selection selection = {
        NULL,
        chatroom_str("{\"svc\":\"chat\",\"op\":\"join\",\"meta\":{\"room\":\"r1\",\"tags\":[\"x\",\"y\"]},\"value\":\""
                     "What is written here is 120 bytes in all, more or less.\"}")};

    if (cr_expression_compile(&cr_default_alloc, chatroom_str(text), &selection.expression, NULL) != CHATROOM_OK)
        abort();
    measure(text, select_often, &selection, (unsigned)selection.message.size);
    cr_expression_free(selection.expression);
}

int main(void)
{
    static const char text[] = "{\"action\":\"dispatch\",\"room\":\"tea\",\"value\":\"";

    measure_filled("text", 120, text, "x", "\"}");
    measure_filled("text", 1024, text, "x", "\"}");
    measure_filled("text", 32 * 1024, text, "x", "\"}");
    measure_filled("text, not ASCII", LARGEST, text, "\xd0\xb6", "\"}");
    measure_filled("text, escaped", LARGEST, text, "\\u0416", "\"}");
    measure_filled("numbers", LARGEST, "{\"action\":\"a\",\"value\":[0", ",1", "]}");
    measure_filled("empty arrays", LARGEST, "{\"action\":\"a\",\"value\":[[]", ",[]", "]}");
    measure_filled("members", LARGEST, "{\"action\":\"a\"", ",\"\":0", "}");
    measure_filled("members, escaped", LARGEST, "{\"action\":\"a\"", ",\"\\u0061ctiom\":0", "}");
    measure_filled("bomb of arrays", LARGEST, "{\"action\":", "[", "");
    measure_selection("$request.body.op");
    measure_selection("${request.body.svc}/${request.body.op}");
    measure_selection("$request.body.meta.tags");
    return 0;
}
