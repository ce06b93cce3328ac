/*
 * What routing costs: a message is scanned once and its action is looked up. Processor time, the best of several
 * rounds, for ordinary messages and for the worst that 128 KiB can hold.
 */
#include <chatroom/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 7, ROUND_NS = 50 * 1000 * 1000, LARGEST = 128 * 1024 };

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int route(chatroom_span message)
{
    struct chatroom_json_member members[16];
    struct chatroom_json_value action;
    size_t count;
    int result = chatroom_json_scan(message, NULL, members, 16, &count);

    return result ? result : chatroom_json_get(message, chatroom_str("action"), &action);
}

static double ns_each(chatroom_span message)
{
    uint64_t start = cpu_ns(), spent;
    size_t times = 0;

    do {
        (void)route(message);
        times++;
    } while ((spent = cpu_ns() - start) < ROUND_NS);
    return (double)spent / (double)times;
}

static void measure(const char *name, chatroom_span message)
{
    double best = ns_each(message);

    for (int i = 1; i < ROUNDS; i++) {
        double again = ns_each(message);

        best = again < best ? again : best;
    }
    printf("%-22s %7zu B  %-9s %12.0f ns  %6.2f ns/B\n", name, message.size, chatroom_errword(route(message)), best,
           best / (double)message.size);
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
    measure(name, chatroom_bytes(text, used + strlen(tail)));
    free(text);
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
    return 0;
}
