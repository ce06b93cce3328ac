#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"

struct budget {
    size_t allowed; /* calls that succeed from now on */
    size_t held;    /* bytes */
};

static void *limited_resize(void *arg, void *memory, size_t old_size, size_t size)
{
    struct budget *budget = arg;

    if (size > 0 && budget->allowed == 0)
        return NULL;
    budget->allowed -= size > 0;
    budget->held += size - old_size;
    return cr_default_alloc.resize(NULL, memory, old_size, size);
}

static void memory__array_grows_by_doubling_and_keeps_what_it_has(void **state)
{
    struct budget budget = {100, 0};
    struct chatroom_alloc alloc = {limited_resize, &budget};
    size_t capacity = 0;
    uint64_t *items = NULL;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        items = cr_reserve(&alloc, items, &capacity, i + 1, sizeof *items);
        assert_non_null(items);
        items[i] = i;
    }
    assert_int_equal(capacity, 1024);
    assert_int_equal(budget.allowed, 100 - 9);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    cr_free(&alloc, items, capacity * sizeof *items);
    assert_int_equal(budget.held, 0);
}

static void memory__array_stays_as_it_was_when_it_cannot_grow(void **state)
{
    struct budget budget = {1, 0};
    struct chatroom_alloc alloc = {limited_resize, &budget};
    size_t capacity = 0;
    uint64_t *items = cr_reserve(&alloc, NULL, &capacity, 1, sizeof *items);

    (void)state;
    assert_non_null(items);
    assert_int_equal(capacity, 4);
    assert_null(cr_reserve(&alloc, items, &capacity, 5, sizeof *items));
    budget.allowed = 9;
    assert_null(cr_reserve(&alloc, items, &capacity, SIZE_MAX, sizeof *items)); /* more than can be asked for */
    assert_null(cr_reserve(&alloc, items, &capacity, SIZE_MAX / sizeof *items, sizeof *items));
    assert_int_equal(budget.allowed, 9);
    assert_int_equal(capacity, 4);
    cr_free(&alloc, items, capacity * sizeof *items);
    assert_int_equal(budget.held, 0);
}

static void memory__copies_end_with_nul_and_new_memory_is_zero(void **state)
{
    struct budget budget = {3, 0};
    struct chatroom_alloc alloc = {limited_resize, &budget};
    char *copy = cr_copy(&alloc, chatroom_str("tea")), *empty = cr_copy(&alloc, (chatroom_span){NULL, 0});
    uint8_t *zeros = cr_new(&alloc, 64);

    (void)state;
    assert_string_equal(copy, "tea");
    assert_string_equal(empty, "");
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(zeros[i], 0);
    assert_null(cr_copy(&alloc, chatroom_str("tea"))); /* the budget is spent */
    assert_null(cr_new(&alloc, 64));
    cr_free(&alloc, copy, 4);
    cr_free(&alloc, empty, 1);
    cr_free(&alloc, zeros, 64);
    cr_free(&alloc, NULL, 0);
    assert_int_equal(budget.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__array_grows_by_doubling_and_keeps_what_it_has),
        cmocka_unit_test(memory__array_stays_as_it_was_when_it_cannot_grow),
        cmocka_unit_test(memory__copies_end_with_nul_and_new_memory_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
