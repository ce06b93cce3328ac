#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loose.h"

#include <string.h>

#define FFFD "\xEF\xBF\xBD"

static void assert_string(chatroom_span octets, chatroom_span expected)
{
    char text[2048], quoted[2048];
    struct chatroom_json json = chatroom_json_on(text, sizeof text), other = chatroom_json_on(quoted, sizeof quoted);

    cr_loose_string(&json, octets);
    chatroom_json_string(&other, expected);
    assert_int_equal(json.size, other.size);
    assert_memory_equal(text, quoted, json.size);
}

/* The Unicode Standard, 3.9, tables 3-8 to 3-11. */
static void loose__what_is_no_character_is_replaced_part_by_part(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"a\x80"
         "b",
         "a" FFFD "b"},
        {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
        {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
        {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", FFFD FFFD FFFD FFFD "A"},
        {"\xE2\x82", FFFD},
        {"\xE2\x82\xAC\xE2\x82", "\xE2\x82\xAC" FFFD},
        {"\xE2\"\\\n", FFFD "\"\\\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string(chatroom_str(rows[i][0]), chatroom_str(rows[i][1]));
}

/* What is written in pieces has no seam, wherever in a piece the character stands. */
static void loose__a_character_or_half_of_one_may_stand_anywhere(void **state)
{
    static const char *const pieces[][2] = {
        {"\xE2\x82\xAC", "\xE2\x82\xAC"}, {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xF0\x9F\x98", FFFD},           {"\x80", FFFD},
        {"\xE2\x80\xA8", "\xE2\x80\xA8"},
    };
    char octets[400], expected[400];

    (void)state;
    for (size_t before = 0; before < 270; before++)
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            size_t in = strlen(pieces[i][0]), out = strlen(pieces[i][1]);

            memset(octets, 'a', sizeof octets);
            memset(expected, 'a', sizeof expected);
            memcpy(octets + before, pieces[i][0], in);
            memcpy(expected + before, pieces[i][1], out);
            assert_string(chatroom_bytes(octets, before + in + 100), chatroom_bytes(expected, before + out + 100));
            assert_string(chatroom_bytes(octets, before + in), chatroom_bytes(expected, before + out));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loose__what_is_no_character_is_replaced_part_by_part),
        cmocka_unit_test(loose__a_character_or_half_of_one_may_stand_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
