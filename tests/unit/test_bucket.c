#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bucket.h"

static const uint64_t SECOND = 1000000000;

static void bucket__gives_its_burst_and_then_its_rate(void **state)
{
    struct cr_bucket bucket = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_true(cr_bucket_take(&bucket, SECOND, 1, SECOND / 10, 20));
    assert_false(cr_bucket_take(&bucket, SECOND, 1, SECOND / 10, 20));
    assert_true(cr_bucket_take(&bucket, SECOND + SECOND / 10, 1, SECOND / 10, 20));
    assert_false(cr_bucket_take(&bucket, SECOND + SECOND / 10, 1, SECOND / 10, 20));
}

static void bucket__refusal_costs_nothing(void **state)
{
    struct cr_bucket bucket = {0};

    (void)state;
    assert_false(cr_bucket_take(&bucket, 0, 6, SECOND, 5));
    assert_true(cr_bucket_take(&bucket, 0, 5, SECOND, 5));
}

static void bucket__is_full_again_after_a_rest_and_no_fuller(void **state)
{
    struct cr_bucket bucket = {0};

    (void)state;
    assert_true(cr_bucket_take(&bucket, 0, 5, SECOND, 5));
    assert_false(cr_bucket_take(&bucket, 3600 * SECOND, 6, SECOND, 5));
    assert_true(cr_bucket_take(&bucket, 3600 * SECOND, 5, SECOND, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket__gives_its_burst_and_then_its_rate),
        cmocka_unit_test(bucket__refusal_costs_nothing),
        cmocka_unit_test(bucket__is_full_again_after_a_rest_and_no_fuller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
