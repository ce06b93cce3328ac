/*
 * What an instance drives beside its transport.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate.h"

struct source {
    int fd;
    uint64_t deadline;
    unsigned steps, closes, order;
    struct chatroom_now now;
    struct act *resumes; /* goes on in the next step */
};

static unsigned closed;

static int source_fd(void *self)
{
    return ((struct source *)self)->fd;
}

static uint64_t source_deadline(void *self)
{
    return ((struct source *)self)->deadline;
}

static void source_step(void *self, struct chatroom_now now)
{
    struct source *source = self;

    source->steps++;
    source->now = now;
    if (source->resumes && source->resumes->calls == 1)
        gate_resume(source->resumes);
}

static void source_close(void *self)
{
    struct source *source = self;

    source->closes++;
    source->order = ++closed;
}

static const struct chatroom_source_ops ops = {CHATROOM_SOURCE_OPS, .fd = source_fd, .deadline = source_deadline,
                                               .step = source_step, .close = source_close};

static void begin(struct gate *g)
{
    gate_prepare(g);
    gate_new(g);
}

static void source__is_watched_stepped_and_closed_once(void **state)
{
    struct gate g;
    struct source a = {.fd = 101, .deadline = CHATROOM_NEVER}, b = {.fd = 102, .deadline = CHATROOM_NEVER};
    struct chatroom_source_ops copy = ops;

    (void)state;
    begin(&g);
    assert_int_equal(chatroom_add_source(g.c, &copy, &a), CHATROOM_OK);
    assert_int_equal(chatroom_add_source(g.c, &copy, &b), CHATROOM_OK);
    memset(&copy, 0, sizeof copy);
    assert_int_equal(wire_watched(g.wire, 101), 0);
    gate_start(&g);
    assert_int_equal(wire_watched(g.wire, 101), 1);
    assert_int_equal(wire_watched(g.wire, 102), 1);
    assert_int_equal(chatroom_step(g.c, g.now), CHATROOM_OK);
    assert_int_equal(a.steps, 1);
    assert_int_equal(b.steps, 1);
    assert_int_equal(a.now.mono_ns, g.now.mono_ns);
    assert_int_equal(a.closes + b.closes, 0);
    gate_end(&g);
    assert_int_equal(a.closes, 1);
    assert_int_equal(b.closes, 1);
}

static void source__deadline_is_the_instances(void **state)
{
    struct chatroom_source_ops without = ops;
    struct gate g;
    struct source a = {.deadline = CHATROOM_NEVER}, b = {.deadline = CHATROOM_NEVER}, c = {.deadline = 1};

    (void)state;
    begin(&g);
    without.deadline = NULL;
    assert_int_equal(chatroom_add_source(g.c, &ops, &a), CHATROOM_OK);
    assert_int_equal(chatroom_add_source(g.c, &ops, &b), CHATROOM_OK);
    assert_int_equal(chatroom_add_source(g.c, &without, &c), CHATROOM_OK);
    gate_start(&g);
    gate_step(&g);
    assert_int_equal(chatroom_deadline(g.c), CHATROOM_NEVER);
    b.deadline = 5000;
    assert_int_equal(chatroom_deadline(g.c), 5000);
    a.deadline = 4000;
    assert_int_equal(chatroom_deadline(g.c), 4000);
    gate_end(&g);
}

static void source__of_an_older_program_has_the_ops_that_were_there_then(void **state)
{
    struct chatroom_source_ops old = ops;
    struct gate g;
    struct source a = {.deadline = 7};

    (void)state;
    begin(&g);
    old.size = sizeof ops; /* the first form is the only one yet */
    assert_int_equal(chatroom_add_source(g.c, &old, &a), CHATROOM_OK);
    gate_start(&g);
    gate_step(&g);
    assert_int_equal(chatroom_deadline(g.c), 7);
    gate_end(&g);
    assert_int_equal(a.closes, 1);
}

static void source__what_it_resumes_goes_on_in_the_same_step(void **state)
{
    struct gate g;
    struct act slow = {.defer = true, .reply = "done"};
    struct source source = {.deadline = CHATROOM_NEVER, .resumes = &slow};

    (void)state;
    begin(&g);
    gate_route(&g, "slow", &slow);
    assert_int_equal(chatroom_add_source(g.c, &ops, &source), CHATROOM_OK);
    gate_start(&g);
    size_t ann = gate_connected(&g);
    wire_send(g.wire, ann, "{\"action\":\"slow\"}");
    assert_int_equal(chatroom_step(g.c, g.now), CHATROOM_OK);
    gate_hears_nothing(&g, ann);
    assert_int_equal(chatroom_step(g.c, g.now), CHATROOM_OK);
    gate_hears(&g, ann, "done", NULL);
    gate_end(&g);
}

static void source__may_leave_requests_that_nobody_resumes(void **state)
{
    struct gate g;
    struct act slow = {.defer = true};
    struct source source = {.deadline = CHATROOM_NEVER};

    (void)state;
    begin(&g);
    gate_route(&g, "slow", &slow);
    assert_int_equal(chatroom_authorizer(g.c, gate_act, &slow, 0), CHATROOM_OK);
    assert_int_equal(chatroom_add_source(g.c, &ops, &source), CHATROOM_OK);
    gate_start(&g);
    wire_connect(g.wire, "/dev");
    gate_step(&g);
    gate_end(&g);
    assert_int_equal(source.closes, 1);
}

static void source__that_cannot_be_added_is_closed(void **state)
{
    struct chatroom_transport_ops table;
    struct gate g;
    struct source a = {0}, b = {0}, c = {0};

    (void)state;
    gate_prepare(&g);
    table = *g.config.transport.ops;
    table.watch = NULL;
    g.config.transport.ops = &table;
    gate_new(&g);
    assert_int_equal(chatroom_add_source(g.c, &ops, &a), CHATROOM_EINVAL);
    assert_int_equal(a.closes, 1);
    gate_end(&g);
    assert_int_equal(a.closes, 1);

    begin(&g);
    heap_fail(&g.heap, 1, 1);
    assert_int_equal(chatroom_add_source(g.c, &ops, &b), CHATROOM_ENOMEM);
    heap_heal(&g.heap);
    assert_int_equal(b.closes, 1);
    gate_start(&g);
    assert_int_equal(chatroom_add_source(g.c, &ops, &c), CHATROOM_EINVAL);
    assert_int_equal(c.closes, 1);
    gate_step(&g);
    assert_int_equal(b.steps + c.steps, 0);
    gate_end(&g);
    assert_int_equal(b.closes, 1);
    assert_int_equal(c.closes, 1);
}

static bool yes(void *arg)
{
    (void)arg;
    return true;
}

static void source__that_cannot_be_watched_fails_the_start_and_is_closed_with_the_instance(void **state)
{
    struct chatroom_error error = {0, ""};
    struct gate g;
    struct source a = {0};

    (void)state;
    begin(&g);
    assert_int_equal(chatroom_add_source(g.c, &ops, &a), CHATROOM_OK);
    wire_set_fault(g.wire, yes, NULL);
    assert_int_equal(chatroom_start(g.c, g.now, &error), CHATROOM_ENOMEM);
    assert_string_not_equal(error.text, "");
    assert_false(chatroom_is_started(g.c));
    assert_int_equal(a.closes, 0);
    gate_end(&g);
    assert_int_equal(a.closes, 1);
}

static void source__is_closed_by_the_end_also_without_a_start(void **state)
{
    struct gate g;
    struct source a = {0};

    (void)state;
    begin(&g);
    assert_int_equal(chatroom_add_source(g.c, &ops, &a), CHATROOM_OK);
    gate_end(&g);
    assert_int_equal(a.closes, 1);
    assert_int_equal(a.steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source__is_watched_stepped_and_closed_once),
        cmocka_unit_test(source__deadline_is_the_instances),
        cmocka_unit_test(source__of_an_older_program_has_the_ops_that_were_there_then),
        cmocka_unit_test(source__what_it_resumes_goes_on_in_the_same_step),
        cmocka_unit_test(source__may_leave_requests_that_nobody_resumes),
        cmocka_unit_test(source__that_cannot_be_added_is_closed),
        cmocka_unit_test(source__that_cannot_be_watched_fails_the_start_and_is_closed_with_the_instance),
        cmocka_unit_test(source__is_closed_by_the_end_also_without_a_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
