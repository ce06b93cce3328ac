#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "id.h"

#include <stdlib.h>
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

/* ---- T18 ---- */

enum { MANY = 1000000, BITS = 8 * CR_ID_BYTES };

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, CR_ID_SIZE);
}

static unsigned digit(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return (unsigned)(strchr(alphabet, c) - alphabet);
}

/*
 * Each of the 88 bits is set in half of the ids, within five standard deviations. Of the sixth it is 1/64 more: where
 * the first character would be '-' it is '_'.
 */
static void T18_a_million_ids_are_distinct_and_use_every_bit(void **state)
{
    struct cr_id_source source = {.key = {42}};
    char(*ids)[CR_ID_SIZE] = malloc(MANY * sizeof *ids);
    unsigned set[BITS + 2] = {0};

    (void)state;
    assert_non_null(ids);
    for (size_t i = 0; i < MANY; i++) {
        cr_id_next(&source, ids[i]);
        assert_true(cr_id_is_valid(chatroom_bytes(ids[i], CR_ID_SIZE)));
        for (size_t bit = 0; bit < BITS; bit++)
            set[bit] += digit(ids[i][bit / 6]) >> (5 - bit % 6) & 1;
    }
    for (size_t bit = 0; bit < BITS; bit++)
        assert_in_range(set[bit], (bit == 5 ? 515625 : MANY / 2) - 2500, (bit == 5 ? 515625 : MANY / 2) + 2500);
    qsort(ids, MANY, sizeof *ids, compare);
    for (size_t i = 1; i < MANY; i++)
        assert_memory_not_equal(ids[i - 1], ids[i], CR_ID_SIZE);
    free(ids);
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
        cmocka_unit_test(T18_a_million_ids_are_distinct_and_use_every_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
