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

static void id__the_one_beside_is_another_and_has_this_beside_it(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    (void)state;
    for (const char *first = alphabet; *first; first++) {
        char id[CR_ID_SIZE] = "xAAAAAAAAAAAAAA=", beside[CR_ID_SIZE], back[CR_ID_SIZE];

        id[0] = *first;
        cr_id_beside(id, beside);
        cr_id_beside(beside, back);
        assert_true(cr_id_is_valid(chatroom_bytes(beside, CR_ID_SIZE)));
        assert_int_not_equal(beside[0], id[0]);
        assert_memory_equal(beside + 1, id + 1, CR_ID_SIZE - 1);
        assert_memory_equal(back, id, CR_ID_SIZE);
    }
}

static void id__is_valid_if_and_only_if_11_octets_are_written_so(void **state)
{
    static const char last[] = "AEIMQUYcgkosw048";
    char id[CR_ID_SIZE + 1] = "AAAAAAAAAAAAAAA=";

    (void)state;
    assert_true(cr_id_is_valid(chatroom_bytes(id, CR_ID_SIZE)));
    assert_false(cr_id_is_valid(chatroom_bytes(id, CR_ID_SIZE - 1)));
    assert_false(cr_id_is_valid(chatroom_bytes(id, CR_ID_SIZE + 1)));
    assert_false(cr_id_is_valid(chatroom_bytes(NULL, 0)));
    for (size_t at = 0; at < CR_ID_SIZE; at++)
        for (int octet = 0; octet < 256; octet++) {
            bool in_alphabet = (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z') ||
                               (octet >= '0' && octet <= '9') || octet == '-' || octet == '_';
            bool good = at < CR_ID_SIZE - 2    ? in_alphabet
                        : at == CR_ID_SIZE - 2 ? octet != 0 && strchr(last, octet)
                                               : octet == '=';
            char kept = id[at];

            id[at] = (char)octet;
            assert_int_equal(cr_id_is_valid(chatroom_bytes(id, CR_ID_SIZE)), good);
            id[at] = kept;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id__has_the_form_of_api_gateway),
        cmocka_unit_test(id__is_url_safe_base64),
        cmocka_unit_test(id__next_is_another_one_and_another_key_gives_others),
        cmocka_unit_test(id__next_does_not_look_like_an_option),
        cmocka_unit_test(id__the_one_beside_is_another_and_has_this_beside_it),
        cmocka_unit_test(id__is_valid_if_and_only_if_11_octets_are_written_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
