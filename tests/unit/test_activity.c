#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "activity.h"
#include "memory.h"
#include "request.h"

/* Of every connection here: kept for good. */
static struct cr_facts facts;

static const uint64_t second_ns = 1000000000;

static int blocks;

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    blocks += (memory == NULL && size > 0) - (memory != NULL && size == 0);
    return cr_default_alloc.resize(NULL, memory, old_size, size);
}

enum { PEOPLE = 600, ROUTES = 2 };

static chatroom_connection *person(chatroom *c)
{
    chatroom_connection *connection = cr_new(&c->alloc, sizeof *connection);

    assert_non_null(connection);
    facts = (struct cr_facts){.c = c, .count = SIZE_MAX};
    connection->facts = &facts;
    return connection;
}

static void start(chatroom *c)
{
    memset(c, 0, sizeof *c);
    blocks = 0;
    c->alloc = (struct chatroom_alloc){counting, NULL};
    c->now.mono_ns = second_ns;
    c->route_count = ROUTES;
}

static void part(chatroom_connection *connection)
{
    cr_activity_end(connection);
    cr_free(&facts.c->alloc, connection, sizeof *connection);
}

static bool take(chatroom *c, struct cr_bucket *bucket, uint64_t interval_ns)
{
    return cr_bucket_take(bucket, c->now.mono_ns, 1, interval_ns, 3);
}

/* Beside one that is kept for good, with pauses of all lengths. */
static void activity__giving_it_back_changes_no_rate(void **state)
{
    struct cr_bucket kept = {0}, kept_of_route = {0};
    uint64_t random = 1, begun = 0;
    chatroom_connection *ann;
    chatroom c;

    (void)state;
    start(&c);
    ann = person(&c);
    for (int i = 0; i < 20000; i++) {
        struct cr_activity *activity;

        random = random * 6364136223846793005u + 1442695040888963407u;
        c.now.mono_ns += (random >> 20) % (i % 10 == 0 ? 60 * second_ns : 4 * second_ns);
        cr_activity_sweep(&c);
        begun += !ann->activity;
        activity = cr_activity_begin(ann);
        assert_non_null(activity);
        assert_int_equal(take(&c, &activity->messages, second_ns), take(&c, &kept, second_ns));
        if (i % 3 > 0)
            continue;
        if (!activity->routes)
            activity->routes = cr_new(&c.alloc, ROUTES * sizeof *activity->routes);
        assert_int_equal(take(&c, &activity->routes[1], 10 * second_ns), take(&c, &kept_of_route, 10 * second_ns));
    }
    assert_in_range(begun, 1000, 10000); /* both ways are seen often */
    part(ann);
    cr_activity_free_spares(&c);
    assert_int_equal(blocks, 0);
}

/* Ten seconds of messages that come too fast are counted from the first. */
static void activity__who_was_limited_a_moment_ago_is_remembered(void **state)
{
    chatroom_connection *ann;
    chatroom c;

    (void)state;
    start(&c);
    ann = person(&c);
    cr_activity_begin(ann)->limited_since_ns = c.now.mono_ns;
    ann->activity->limited_last_ns = c.now.mono_ns + second_ns / 2;
    c.now.mono_ns += second_ns;
    cr_activity_sweep(&c);
    assert_non_null(ann->activity);
    c.now.mono_ns += second_ns;
    cr_activity_sweep(&c);
    assert_null(ann->activity);
    part(ann);
    cr_activity_free_spares(&c);
    assert_int_equal(blocks, 0);
}

static void activity__stays_while_a_request_is_under_way(void **state)
{
    chatroom_connection *ann;
    chatroom_request *request;
    chatroom c;

    (void)state;
    start(&c);
    ann = person(&c);
    request = cr_request_new(&c, ann, CHATROOM_MESSAGE);
    assert_non_null(request);
    for (int i = 0; i < 100; i++) {
        c.now.mono_ns += second_ns;
        cr_activity_sweep(&c);
        assert_ptr_equal(ann->activity->requests, request);
        assert_int_equal(cr_activity_deadline(&c), c.now.mono_ns + second_ns);
    }
    ann->activity->requests = NULL;
    cr_request_free(request);
    c.now.mono_ns += second_ns;
    cr_activity_sweep(&c);
    assert_null(ann->activity);
    assert_int_equal(cr_activity_deadline(&c), CHATROOM_NEVER);
    part(ann);
    cr_activity_free_spares(&c);
    assert_int_equal(blocks, 0);
}

/* Not all in one step; those who leave meanwhile are in nobody's way. */
static void activity__many_are_given_back_bit_by_bit(void **state)
{
    chatroom_connection *people[PEOPLE];
    size_t steps = 0;
    chatroom c;

    (void)state;
    start(&c);
    for (size_t i = 0; i < PEOPLE; i++)
        assert_non_null(cr_activity_begin(people[i] = person(&c)));
    part(people[0]);
    part(people[300]);
    part(people[PEOPLE - 1]);
    c.now.mono_ns += second_ns;
    for (; cr_activity_deadline(&c) <= c.now.mono_ns; steps++)
        cr_activity_sweep(&c);
    assert_int_equal(steps, 3);
    for (size_t i = 1; i < PEOPLE - 1; i++)
        if (i != 300) {
            assert_null(people[i]->activity);
            part(people[i]);
        }
    cr_activity_free_spares(&c);
    assert_int_equal(blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activity__giving_it_back_changes_no_rate),
        cmocka_unit_test(activity__who_was_limited_a_moment_ago_is_remembered),
        cmocka_unit_test(activity__stays_while_a_request_is_under_way),
        cmocka_unit_test(activity__many_are_given_back_bit_by_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
