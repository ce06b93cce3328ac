#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "character.h"

#include <chatroom/utf8.h>

/* clang-format off */
static const char *const valid[] = {
    "",
    "\x61""",
    "\x7f""",
    "\xc2""\x80""",
    "\xdf""\xbf""",
    "\xe0""\xa0""\x80""",
    "\xed""\x9f""\xbf""",
    "\xee""\x80""\x80""",
    "\xef""\xbf""\xbf""",
    "\xf0""\x90""\x80""\x80""",
    "\xf4""\x8f""\xbf""\xbf""",
    "\xce""\xba""\xcf""\x8c""\xcf""\x83""\xce""\xbc""\xce""\xb5""",
    "\x31""\x32""\x33""\x34""\x35""\x36""\x37""\x38""\xc3""\xa9""\x31""\x32""\x33""\x34""\x35""\x36""\x37""\x38""",
};

static const char *const invalid[] = {
    "\x80""",
    "\xbf""",
    "\xc0""\xaf""",
    "\xc1""\xbf""",
    "\xe0""\x9f""\xbf""",
    "\xed""\xa0""\x80""",
    "\xed""\xbf""\xbf""",
    "\xf0""\x8f""\xbf""\xbf""",
    "\xf4""\x90""\x80""\x80""",
    "\xf5""\x80""\x80""\x80""",
    "\xfe""",
    "\xff""",
    "\xc3""",
    "\xe2""\x82""",
    "\xf0""\x9d""\x84""",
    "\x31""\x32""\x33""\x34""\x35""\x36""\x37""\x38""\xff""",
    "\xc3""\x61""",
    "\xf8""\x88""\x80""\x80""\x80""",
};
/* clang-format on */

static bool octet_by_octet(chatroom_span text)
{
    struct chatroom_utf8 state = {0};

    for (size_t i = 0; i < text.size; i++)
        if (!chatroom_utf8_feed(&state, text.bytes + i, 1))
            return false;
    return chatroom_utf8_complete(&state);
}

static void utf8__valid_text_is_valid_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        assert_true(chatroom_utf8_valid(chatroom_str(valid[i])));
        assert_true(octet_by_octet(chatroom_str(valid[i])));
    }
}

static void utf8__invalid_text_is_invalid_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        assert_false(chatroom_utf8_valid(chatroom_str(invalid[i])));
        assert_false(octet_by_octet(chatroom_str(invalid[i])));
    }
}

/* All of the 2^16 beginnings of two octets, against the table of RFC 3629. */
static void utf8__fails_at_the_first_octet_that_cannot_be_right(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        const uint8_t first = (uint8_t)(pair >> 8), second = (uint8_t)pair, octets[2] = {first, second};
        bool tail = second >= 0x80 && second <= 0xBF;
        bool right = first < 0x80                   ? second < 0x80 || (second >= 0xC2 && second <= 0xF4)
                     : first < 0xC2 || first > 0xF4 ? false
                     : first == 0xE0                ? tail && second >= 0xA0
                     : first == 0xED                ? tail && second < 0xA0
                     : first == 0xF0                ? tail && second >= 0x90
                     : first == 0xF4                ? tail && second < 0x90
                                                    : tail;
        struct chatroom_utf8 check = {0};

        assert_int_equal(chatroom_utf8_feed(&check, octets, 2), right);
    }
}

static void character__the_front_of_a_text_has_none_in_half(void **state)
{
    static const struct {
        const char *text;
        size_t most, size;
    } rows[] = {
        {"abc", 3, 3},
        {"abc", 4, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"", 3, 0},
        {"a\xE2\x82\xAC", 4, 4},
        {"a\xE2\x82\xAC", 3, 1},
        {"a\xE2\x82\xAC", 2, 1},
        {"a\xE2\x82\xAC", 1, 1},
        {"\xE2\x82\xAC", 2, 0},
        {"\x80\x80\x80", 2, 0},
        {"\x80\x80\x80", 3, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cr_character_front(chatroom_str(rows[i].text), rows[i].most).size, rows[i].size);
}

static void character__its_size_is_that_of_valid_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } rows[] = {{"", 0},
                {"a", 1},
                {"\xC3\xA4"
                 "a",
                 2},
                {"\xE2\x82\xAC", 3},
                {"\xF0\x9F\x98\x80z", 4},
                {"\xC3", 0},
                {"\xE2\x82", 0},
                {"\xF0\x9F\x98", 0},
                {"\x80", 0},
                {"\xFF", 0},
                {"\xF8\x88\x80\x80\x80", 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cr_character_size(chatroom_str(rows[i].text)), rows[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8__valid_text_is_valid_however_it_is_cut),
        cmocka_unit_test(utf8__invalid_text_is_invalid_however_it_is_cut),
        cmocka_unit_test(utf8__fails_at_the_first_octet_that_cannot_be_right),
        cmocka_unit_test(character__the_front_of_a_text_has_none_in_half),
        cmocka_unit_test(character__its_size_is_that_of_valid_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
