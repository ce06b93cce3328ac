#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap.h"
#include "wire.h"

#include <chatroom/backend/memory.h>
#include <chatroom/chatroom.h>

#include <stdio.h>
#include <stdlib.h>

/*
 * F20: every allocation of a scenario fails, one after the other, once and for good, until the scenario runs through.
 * Ann does what the scenario is about; Bob is in the same room and only wants to be left alone.
 */

enum { MOST = 1000 }; /* allocations of one scenario */

struct world {
    struct heap heap;
    struct wire *wire;
    struct chatroom_now now;
    chatroom *c;
    size_t ann, bob;
    chatroom_request *deferred;
    unsigned outcomes, gone;
    bool may_be_silent; /* what ann does needs no answer */
};

struct scenario {
    const char *name;
    void (*act)(struct world *w);
};

/* ---- an instance ---- */

static chatroom_span value_of(chatroom_request *request)
{
    struct chatroom_json_value value = {0};

    (void)chatroom_request_field(request, "value", &value);
    return value.type == CHATROOM_JSON_STRING ? chatroom_bytes(value.raw.bytes + 1, value.raw.size - 2)
                                              : chatroom_bytes(NULL, 0);
}

static int done(chatroom_request *request)
{
    return chatroom_request_reply(request, chatroom_str("done"));
}

static int on_name(chatroom_request *request, void *arg)
{
    int result = chatroom_request_set_name(request, value_of(request));

    (void)arg;
    return result ? result : done(request);
}

static int on_create(chatroom_request *request, void *arg)
{
    int result = chatroom_request_create_room(request, value_of(request));

    (void)arg;
    return result ? result : done(request);
}

static int on_join(chatroom_request *request, void *arg)
{
    int result = chatroom_request_join(request, value_of(request));

    (void)arg;
    return result ? result : done(request);
}

static int on_leave(chatroom_request *request, void *arg)
{
    int result = chatroom_request_leave(request, value_of(request));

    (void)arg;
    return result ? result : done(request);
}

static int on_delete(chatroom_request *request, void *arg)
{
    int result = chatroom_request_delete_room(request, value_of(request));

    (void)arg;
    return result ? result : done(request);
}

static int say(chatroom_request *request)
{
    int result = chatroom_request_publish(request, chatroom_str("den"), chatroom_str("\"hi\""), value_of(request));

    return result ? result : done(request);
}

static int on_say(chatroom_request *request, void *arg)
{
    (void)arg;
    return say(request);
}

static int give_page(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    char text[64];

    (void)arg;
    snprintf(text, sizeof text, "page %zu", history->count);
    return chatroom_request_reply(request, chatroom_str(text));
}

static int on_enter(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {0};
    int result = chatroom_request_join(request, value_of(request));

    return result ? result : chatroom_request_history(request, value_of(request), &query, give_page, arg);
}

static int on_wait(chatroom_request *request, void *arg)
{
    struct world *w = arg;

    w->deferred = request; /* from here on another thread might resume it */
    chatroom_request_defer(request);
    return CHATROOM_OK;
}

static int resumed(chatroom_request *request, void *arg)
{
    (void)arg;
    return say(request);
}

static int on_tell_all(chatroom_request *request, void *arg)
{
    int result = chatroom_request_broadcast(request, chatroom_str("all"));

    (void)arg;
    if (result == CHATROOM_OK)
        result = chatroom_request_tell(request, chatroom_str("den"), chatroom_str("den"));
    return result ? result : done(request);
}

static int on_gone(chatroom_request *request, void *arg)
{
    struct world *w = arg;

    w->gone++;
    return chatroom_request_publish(request, chatroom_str("den"), chatroom_str("\"gone\""), chatroom_str(""));
}

static int bind_routes(struct world *w)
{
    static const struct {
        const char *key;
        chatroom_handler_fn *handler;
    } routes[] = {{"name", on_name},     {"create", on_create},   {"join", on_join},   {"leave", on_leave},
                  {"delete", on_delete}, {"say", on_say},         {"enter", on_enter}, {"wait", on_wait},
                  {"tell", on_tell_all}, {"$disconnect", on_gone}};
    int result = CHATROOM_OK;

    for (size_t i = 0; i < sizeof routes / sizeof *routes && result == CHATROOM_OK; i++)
        result = chatroom_route(w->c, routes[i].key, routes[i].handler, w);
    return result;
}

static int fixed_random(void *arg, void *ret_bytes, size_t size)
{
    (void)arg;
    memset(ret_bytes, 7, size);
    return CHATROOM_OK;
}

static int open_instance(struct world *w)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    const struct chatroom_alloc alloc = heap_alloc(&w->heap);
    struct chatroom_error error;
    int result;

    config.alloc = &alloc;
    config.random = fixed_random;
    config.stage = "dev";
    config.limits.messages_per_second = 0;
    config.transport = wire_transport(w->wire);
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    result = chatroom_new(&config, &w->c, &error);
    if (result == CHATROOM_OK)
        result = bind_routes(w);
    return result ? result : chatroom_start(w->c, w->now, &error);
}

static void steps(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        w->now.mono_ns += 1000000;
        assert_int_equal(chatroom_step(w->c, w->now), CHATROOM_OK);
    }
}

static void says(struct world *w, size_t client, const char *text)
{
    wire_send(w->wire, client, text);
    steps(w);
}

static void prepare(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->now = (struct chatroom_now){1000000000, 1795467901000};
    w->wire = wire_new(true);
}

static void begin(struct world *w)
{
    prepare(w);
    assert_int_equal(open_instance(w), CHATROOM_OK);
    w->ann = wire_connect(w->wire, "/dev");
    w->bob = wire_connect(w->wire, "/dev");
    steps(w);
    says(w, w->bob, "{\"action\":\"join\",\"value\":\"den\"}");
    says(w, w->bob, "{\"action\":\"say\"}");
    wire_drain(w->wire, w->bob);
}

static void end(struct world *w)
{
    chatroom_free(w->c);
    wire_free(w->wire);
    assert_int_equal(w->heap.blocks, 0);
}

/* ---- scenarios ---- */

static void act_connect(struct world *w)
{
    w->ann = wire_connect(w->wire, "/dev");
    w->may_be_silent = true;
    steps(w);
}

static void act_name(struct world *w)
{
    says(w, w->ann, "{\"action\":\"name\",\"value\":\"ann\"}");
}

static void act_escaped(struct world *w)
{
    says(w, w->ann, "{\"\\u0061ction\":\"n\\u0061me\",\"value\":\"ann\"}");
}

static void act_create(struct world *w)
{
    says(w, w->ann, "{\"action\":\"create\",\"value\":\"attic\"}");
}

static void act_join(struct world *w)
{
    says(w, w->ann, "{\"action\":\"join\",\"value\":\"den\"}");
}

static void act_join_new(struct world *w)
{
    says(w, w->ann, "{\"action\":\"join\",\"value\":\"attic\"}");
}

static void act_enter(struct world *w)
{
    says(w, w->ann, "{\"action\":\"enter\",\"value\":\"den\"}");
}

static void act_enter_while_others_talk(struct world *w)
{
    wire_send(w->wire, w->ann, "{\"action\":\"enter\",\"value\":\"den\"}");
    wire_send(w->wire, w->bob, "{\"action\":\"say\"}");
    steps(w);
}

static void act_say(struct world *w)
{
    says(w, w->ann, "{\"action\":\"say\",\"value\":\"1\"}");
}

static void act_join_and_leave(struct world *w)
{
    wire_send(w->wire, w->ann, "{\"action\":\"join\",\"value\":\"attic\"}");
    wire_send(w->wire, w->ann, "{\"action\":\"leave\",\"value\":\"attic\"}");
    steps(w);
}

static void act_delete(struct world *w)
{
    wire_send(w->wire, w->ann, "{\"action\":\"create\",\"value\":\"attic\"}");
    wire_send(w->wire, w->ann, "{\"action\":\"delete\",\"value\":\"attic\"}");
    steps(w);
}

/* Longer than what a request has room for from the start. */
static void act_defer(struct world *w)
{
    char long_wait[2048];

    snprintf(long_wait, sizeof long_wait, "{\"action\":\"wait\",\"value\":\"\",\"rest\":\"%01500d\"}", 0);
    says(w, w->ann, long_wait);
    if (w->deferred)
        chatroom_request_resume(w->deferred, resumed, w);
    steps(w);
}

static void act_defer_too_long(struct world *w)
{
    says(w, w->ann, "{\"action\":\"wait\"}");
    w->now.mono_ns += 30000000000;
    steps(w);
}

static void act_tell(struct world *w)
{
    says(w, w->ann, "{\"action\":\"tell\"}");
}

static void act_nonsense(struct world *w)
{
    says(w, w->ann, "{\"action\":\"nonsense\"}");
}

static void act_close(struct world *w)
{
    wire_close(w->wire, w->ann, 1000);
    steps(w);
}

static void heard(void *arg, int status)
{
    struct world *w = arg;

    assert_true(status == CHATROOM_OK || status == CHATROOM_ENOMEM);
    w->outcomes++;
}

static void act_host(struct world *w)
{
    chatroom_span id = wire_id(w->wire, w->ann);
    unsigned calls = 0;

    calls += chatroom_post(w->c, id, chatroom_str("post"), heard, w) == CHATROOM_OK;
    calls +=
        chatroom_publish(w->c, chatroom_str("den"), chatroom_str("host"), chatroom_str("1"), heard, w) == CHATROOM_OK;
    calls += chatroom_disconnect(w->c, id, 4000, chatroom_str("bye"), heard, w) == CHATROOM_OK;
    steps(w);
    assert_int_equal(w->outcomes, calls);
    w->may_be_silent = true;
}

static void act_stop(struct world *w)
{
    chatroom_stop(w->c);
    steps(w);
    heap_heal(&w->heap);
    for (int i = 0; i < 1000 && !chatroom_stopped(w->c); i++)
        steps(w);
    assert_true(chatroom_stopped(w->c));
    w->may_be_silent = true;
}

/* ---- afterwards ---- */

static bool count_member(void *arg, chatroom_span id, chatroom_span name)
{
    (void)id, (void)name;
    ++*(size_t *)arg;
    return true;
}

static void check_room(struct world *w, const char *name)
{
    size_t count = 0;

    chatroom_each_member(w->c, chatroom_str(name), count_member, &count);
    assert_int_equal(chatroom_room_members(w->c, chatroom_str(name)), count);
}

/* Bob is still heard, unless he was told to come back: there was no memory for what his room was told. */
static void check_bob(struct world *w)
{
    const char *text, *last = NULL;

    if (!wire_is_open(w->wire, w->bob)) {
        assert_int_equal(wire_close_code(w->wire, w->bob), 1013);
        return;
    }
    wire_drain(w->wire, w->bob);
    says(w, w->bob, "{\"action\":\"say\"}");
    while ((text = wire_take(w->wire, w->bob))) {
        last = last ? last : "";
        assert_true(strcmp(text, "\"hi\"") == 0 || strcmp(text, "done") == 0);
        last = text[0] == 'd' ? "done" : last;
    }
    assert_non_null(last);
    assert_string_equal(last, "done");
}

/* Ann was answered, or sent away. */
static void check_ann(struct world *w)
{
    assert_true(w->may_be_silent || wire_take(w->wire, w->ann) || !wire_is_open(w->wire, w->ann));
}

static bool is_over(const struct world *w)
{
    return w->heap.failed == 0;
}

/* Runs the scenario once. True: nothing failed any more. */
static bool try_once(const struct scenario *scenario, uint64_t n, uint64_t count)
{
    struct world w;
    bool over;

    begin(&w);
    heap_fail(&w.heap, n, count);
    scenario->act(&w);
    heap_heal(&w.heap);
    over = is_over(&w);
    w.now.mono_ns += 200000000; /* what was put off for want of memory is tried again */
    steps(&w);
    check_ann(&w);
    check_room(&w, "den");
    check_room(&w, "attic");
    if (scenario->act != act_stop)
        check_bob(&w);
    end(&w);
    return over;
}

static void sweep(const struct scenario *scenario, uint64_t count)
{
    uint64_t n = 1;

    while (!try_once(scenario, n, count))
        assert_true(++n < MOST);
    assert_true(n > 1); /* else nothing was tried */
}

static void memory__F20_every_allocation_may_fail_once(void **state)
{
    sweep(*state, 1);
}

static void memory__F20_every_allocation_may_fail_from_one_on(void **state)
{
    sweep(*state, UINT64_MAX);
}

static void check_opening(uint64_t count)
{
    uint64_t n = 1;
    int result = CHATROOM_ENOMEM;

    for (; result != CHATROOM_OK; n++) {
        struct world w;

        assert_true(n < MOST);
        prepare(&w);
        heap_fail(&w.heap, n, count);
        result = open_instance(&w);
        assert_int_equal(result, w.heap.failed > 0 ? CHATROOM_ENOMEM : CHATROOM_OK);
        end(&w);
    }
    assert_true(n > 2);
}

static void memory__F20_opening_may_fail_anywhere_and_leaves_nothing(void **state)
{
    (void)state;
    check_opening(1);
    check_opening(UINT64_MAX);
}

#define SCENARIO(what) ((void *)&(struct scenario){#what, act_##what})
#define BOTH(what)                                                                                                    \
    {"memory__F20_once: " #what, memory__F20_every_allocation_may_fail_once, NULL, NULL, SCENARIO(what)},             \
    {                                                                                                                 \
        "memory__F20_for_good: " #what, memory__F20_every_allocation_may_fail_from_one_on, NULL, NULL, SCENARIO(what) \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__F20_opening_may_fail_anywhere_and_leaves_nothing),
        BOTH(connect),
        BOTH(name),
        BOTH(escaped),
        BOTH(create),
        BOTH(join),
        BOTH(join_new),
        BOTH(enter),
        BOTH(enter_while_others_talk),
        BOTH(say),
        BOTH(join_and_leave),
        BOTH(delete),
        BOTH(defer),
        BOTH(defer_too_long),
        BOTH(tell),
        BOTH(nonsense),
        BOTH(close),
        BOTH(host),
        BOTH(stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
