#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "id.h"

#include <string.h>

static void id__has_the_form_of_api_gateway(void **state)
{
    const uint8_t zero[CR_ID_BYTES] = {0};
    uint8_t ones[CR_ID_BYTES];
    char id[CR_ID_SIZE];

    (void)state;
    cr_id_encode(zero, id);
    assert_memory_equal(id, "AAAAAAAAAAAAAAA=", CR_ID_SIZE);
    memset(ones, 0xff, sizeof ones);
    cr_id_encode(ones, id);
    assert_memory_equal(id, "______________8=", CR_ID_SIZE);
}

static void id__is_url_safe_base64(void **state)
{
    char id[CR_ID_SIZE];

    (void)state;
    cr_id_encode((const uint8_t *)"hello world", id);
    assert_memory_equal(id, "aGVsbG8gd29ybGQ=", CR_ID_SIZE);
}

static void id__next_is_another_one_and_another_key_gives_others(void **state)
{
    struct cr_id_source source = {{1}, 0}, other = {{2}, 0};
    char ids[200][CR_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < 200; i++)
        cr_id_next(i < 100 ? &source : &other, ids[i]);
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(ids[i], ids[j], CR_ID_SIZE);
}

static void id__next_does_not_look_like_an_option(void **state)
{
    struct cr_id_source source = {{1}, 0};
    char id[CR_ID_SIZE];
    bool any = false;

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        cr_id_next(&source, id);
        assert_int_not_equal(id[0], '-');
        any |= memchr(id, '-', CR_ID_SIZE) != NULL;
    }
    assert_true(any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id__has_the_form_of_api_gateway),
        cmocka_unit_test(id__is_url_safe_base64),
        cmocka_unit_test(id__next_is_another_one_and_another_key_gives_others),
        cmocka_unit_test(id__next_does_not_look_like_an_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
