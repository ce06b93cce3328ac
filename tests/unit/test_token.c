#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "octet.h"
#include "token.h"

#include <ctype.h>
#include <string.h>

static void octet__every_octet_has_the_case_and_the_digit_of_ascii(void **state)
{
    static const char digits[] = "0123456789abcdef";

    (void)state;
    for (int i = 0; i < 256; i++) {
        char octet = (char)i, lower = i >= 'A' && i <= 'Z' ? (char)(i + 32) : octet;
        const char *digit = octet ? strchr(digits, lower) : NULL;

        assert_int_equal(cr_lower(octet), lower);
        assert_int_equal(cr_hex_digit(octet), digit ? digit - digits : -1);
    }
}

static void token__has_the_octets_of_rfc_9110_and_no_others(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char text[] = {'a', (char)i, 'a'};
        bool good = i > 0 && i < 128 && (isalnum(i) || strchr("!#$%&'*+-.^_`|~", i));

        assert_int_equal(cr_is_token(chatroom_bytes(text, 3)), good);
        assert_int_equal(cr_is_token(chatroom_bytes(text + 1, 1)), good);
        assert_int_equal(cr_is_token(chatroom_bytes(text, 2)), good);
    }
    assert_false(cr_is_token(chatroom_bytes(NULL, 0)));
}

static void token__words_are_the_same_but_for_case(void **state)
{
    (void)state;
    assert_true(cr_same_word(chatroom_str("X-Amz-Date@["), chatroom_str("x-aMZ-dATE@[")));
    assert_true(cr_same_word(chatroom_bytes(NULL, 0), chatroom_str("")));
    assert_false(cr_same_word(chatroom_str("ab"), chatroom_str("abc")));
    assert_false(cr_same_word(chatroom_str("abc"), chatroom_str("ab")));
    assert_false(cr_same_word(chatroom_str("a@"), chatroom_str("a`"))); /* which differ as 'A' and 'a' do */
    assert_false(cr_same_word(chatroom_str("a["), chatroom_str("a{")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octet__every_octet_has_the_case_and_the_digit_of_ascii),
        cmocka_unit_test(token__has_the_octets_of_rfc_9110_and_no_others),
        cmocka_unit_test(token__words_are_the_same_but_for_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
