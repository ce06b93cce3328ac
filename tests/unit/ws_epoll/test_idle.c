#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "idle.h"

/* That they stand in this order, forwards and backwards; -1 ends it. */
static void assert_line(const struct ws_idles *idles, const struct ws_idle *all, const int *wanted)
{
    const struct ws_idle *at = idles->first, *before = NULL;

    for (; *wanted >= 0; wanted++) {
        assert_ptr_equal(at, &all[*wanted]);
        assert_ptr_equal(at->previous, before);
        assert_true(at->waits);
        before = at;
        at = at->next;
    }
    assert_null(at);
    assert_ptr_equal(idles->last, before);
}

static void idles__keep_the_order_in_which_they_came(void **state)
{
    struct ws_idles idles = {NULL, NULL};
    struct ws_idle all[4] = {{NULL, NULL, false}};

    (void)state;
    for (int i = 0; i < 4; i++)
        ws_idles_add(&idles, &all[i]);
    assert_line(&idles, all, (const int[]){0, 1, 2, 3, -1});
    ws_idles_add(&idles, &all[1]); /* it waits anew */
    assert_line(&idles, all, (const int[]){0, 2, 3, 1, -1});
    ws_idles_remove(&idles, &all[0]);
    ws_idles_remove(&idles, &all[0]);
    assert_false(all[0].waits);
    assert_line(&idles, all, (const int[]){2, 3, 1, -1});
    ws_idles_remove(&idles, &all[3]);
    ws_idles_remove(&idles, &all[1]);
    assert_line(&idles, all, (const int[]){2, -1});
    ws_idles_remove(&idles, &all[2]);
    assert_line(&idles, all, (const int[]){-1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(idles__keep_the_order_in_which_they_came)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
