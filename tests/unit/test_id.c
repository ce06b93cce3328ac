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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id__has_the_form_of_api_gateway),
        cmocka_unit_test(id__is_url_safe_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
