#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "inbox.h"

#include <pthread.h>

enum { THREADS = 3, PUSHES = 2000 };

struct item {
    struct cr_inbox_node node;
    int thread, number;
};

static int last[THREADS];
static int taken;

static void take(struct cr_inbox_node *node)
{
    struct item *item = (struct item *)node;

    assert_int_equal(item->number, last[item->thread] + 1);
    last[item->thread] = item->number;
    taken++;
}

static void inbox__wakes_a_sleeper_once_and_keeps_order(void **state)
{
    struct cr_inbox inbox = {.newest = NULL};
    struct item items[3];

    (void)state;
    taken = last[0] = 0;
    assert_false(cr_inbox_take(&inbox));
    for (int i = 0; i < 3; i++) {
        items[i] = (struct item){.node = {.take = take}, .thread = 0, .number = i + 1};
        assert_int_equal(cr_inbox_push(&inbox, &items[i].node), i == 0);
    }
    assert_true(cr_inbox_take(&inbox));
    assert_int_equal(taken, 3);
    assert_false(cr_inbox_take(&inbox));
}

static void inbox__nobody_wakes_who_is_awake_and_who_goes_to_sleep_looks_again(void **state)
{
    struct cr_inbox inbox = {.newest = NULL};
    struct item item = {.node = {.take = take}, .thread = 0, .number = 1};

    (void)state;
    taken = last[0] = 0;
    cr_inbox_wake(&inbox);
    assert_false(cr_inbox_push(&inbox, &item.node));
    assert_false(cr_inbox_sleep(&inbox));
    assert_true(cr_inbox_take(&inbox));
    assert_true(cr_inbox_sleep(&inbox));
    item.number = 2;
    assert_true(cr_inbox_push(&inbox, &item.node));
    assert_true(cr_inbox_take(&inbox));
    assert_int_equal(taken, 2);
}

static struct cr_inbox shared;
static struct item shared_items[THREADS][PUSHES];

static void *push_all(void *arg)
{
    struct item *items = arg;

    for (int i = 0; i < PUSHES; i++)
        cr_inbox_push(&shared, &items[i].node);
    return NULL;
}

static void inbox__loses_nothing_between_threads(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    taken = 0;
    for (int t = 0; t < THREADS; t++) {
        last[t] = 0;
        for (int i = 0; i < PUSHES; i++)
            shared_items[t][i] = (struct item){.node = {.take = take}, .thread = t, .number = i + 1};
        assert_int_equal(pthread_create(&threads[t], NULL, push_all, shared_items[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        cr_inbox_take(&shared);
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    }
    cr_inbox_take(&shared);
    assert_int_equal(taken, THREADS * PUSHES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbox__wakes_a_sleeper_once_and_keeps_order),
        cmocka_unit_test(inbox__nobody_wakes_who_is_awake_and_who_goes_to_sleep_looks_again),
        cmocka_unit_test(inbox__loses_nothing_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
