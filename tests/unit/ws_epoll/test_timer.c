#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "timer.h"

#define MANY 200

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525 + 1013904223;
}

/* The plain way: look at all that are in. */
static uint64_t least(const struct ws_timer *all, const bool *in)
{
    uint64_t due = CHATROOM_NEVER;

    for (size_t i = 0; i < MANY; i++)
        if (in[i] && all[i].due < due)
            due = all[i].due;
    return due;
}

static void timer__first_is_always_the_one_that_is_due_first(void **state)
{
    struct ws_timers timers = {0};
    struct ws_timer all[MANY] = {{0}};
    bool in[MANY] = {false};
    uint32_t seed = 7;

    (void)state;
    for (int turn = 0; turn < 20000; turn++) {
        size_t i = next(&seed) >> 8 & 0xFF;
        uint64_t due = (next(&seed) >> 8) % 1000;

        if (i >= MANY)
            continue;
        if (!in[i])
            assert_int_equal(ws_timer_add(&timers, &all[i], due), CHATROOM_OK);
        else if (due % 3 == 0)
            ws_timer_remove(&timers, &all[i]);
        else
            ws_timer_move(&timers, &all[i], due);
        in[i] = !in[i] || due % 3 != 0;
        if (ws_timers_first(&timers))
            assert_int_equal(ws_timers_first(&timers)->due, least(all, in));
        else
            assert_int_equal(least(all, in), CHATROOM_NEVER);
    }
    for (size_t i = 0; i < MANY; i++)
        if (in[i])
            ws_timer_remove(&timers, &all[i]);
    assert_null(ws_timers_first(&timers));
    ws_timers_fini(&timers);
}

static void timer__never_comes_last(void **state)
{
    struct ws_timers timers = {0};
    struct ws_timer never = {0}, late = {0};

    (void)state;
    assert_int_equal(ws_timer_add(&timers, &never, CHATROOM_NEVER), CHATROOM_OK);
    assert_int_equal(ws_timer_add(&timers, &late, CHATROOM_NEVER - 1), CHATROOM_OK);
    assert_ptr_equal(ws_timers_first(&timers), &late);
    ws_timer_remove(&timers, &late);
    assert_ptr_equal(ws_timers_first(&timers), &never);
    ws_timer_remove(&timers, &never);
    ws_timers_fini(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer__first_is_always_the_one_that_is_due_first),
        cmocka_unit_test(timer__never_comes_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
