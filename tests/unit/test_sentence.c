#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "place.h"

#include <chatroom/utf8.h>

#include <string.h>

static void sentence__one_that_runs_full_ends_between_characters(void **state)
{
    static const char *const characters[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t before = 0; before < 5; before++) {
            size_t size = strlen(characters[i]), most = sizeof((struct cr_sentence){0}).bytes - 1;
            struct cr_sentence sentence = {0};
            struct chatroom_error error = {0};

            for (size_t j = 0; j < before; j++)
                cr_sentence_add(&sentence, "-");
            for (size_t j = 0; j < most; j++)
                cr_sentence_quote(&sentence, chatroom_str(characters[i]));
            assert_int_equal(cr_sentence_end(&sentence, &error, CHATROOM_EINVAL), CHATROOM_EINVAL);
            assert_true(chatroom_utf8_valid(chatroom_str(error.text)));
            assert_in_range(strlen(error.text), most - size, most);
            assert_int_equal((strlen(error.text) - before) % size, 0);
        }
}

static void sentence__bytes_that_are_no_text_are_question_marks(void **state)
{
    static const char *const rows[][2] = {
        {"a\x01z\x1F\x20", "a?z? "}, {"\x7F~", "?~"}, {"\xFF\xC3\xA4\xC3", "?\xC3\xA4?"}, {"\xE2\x82", "??"}, {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cr_sentence sentence = {0};
        struct chatroom_error error = {0};

        cr_sentence_quote(&sentence, chatroom_str(rows[i][0]));
        cr_sentence_end(&sentence, &error, CHATROOM_EINVAL);
        assert_string_equal(error.text, rows[i][1]);
    }
}

static void sentence__a_refusal_counts_characters_and_shows_what_stands_there(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        const char *sentence;
    } rows[] = {
        {"abc", 0, "No, at character 1: \"abc\"."},
        {"\xC3\xA4"
         "bc",
         2, "No, at character 2: \"bc\"."},
        {"abc", 3, "No, at the end."},
        {"", 0, "No, at the end."},
        {"123456789012345678901234", 0, "No, at character 1: \"123456789012345678901234\"."},
        {"1234567890123456789012345", 0, "No, at character 1: \"123456789012345678901234...\"."},
        {"12345678901234567890123\xC3\xA4", 0, "No, at character 1: \"12345678901234567890123...\"."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct chatroom_error error = {0};

        assert_int_equal(cr_sentence_refuse(&error, CHATROOM_EINVAL, "No", chatroom_str(rows[i].text), rows[i].at),
                         CHATROOM_EINVAL);
        assert_string_equal(error.text, rows[i].sentence);
    }
}

static void sentence__numbers_and_places_are_written_whole(void **state)
{
    const struct cr_place root = {0}, member = {&root, {"a", 1}, 0}, element = {&member, {NULL, 0}, 18};
    struct cr_sentence sentence = {0};
    struct chatroom_error error = {0};

    (void)state;
    cr_sentence_number(&sentence, 0);
    cr_sentence_add(&sentence, " ");
    cr_sentence_number(&sentence, UINT64_MAX);
    cr_place_end(&element, &sentence, &error, CHATROOM_EINVAL);
    assert_string_equal(error.text, "0 18446744073709551615, at $.a[18].");
}

static void sentence__one_full_of_what_begins_no_character_is_empty(void **state)
{
    struct cr_sentence sentence = {0};
    struct chatroom_error error = {0};

    (void)state;
    for (size_t i = 0; i < sizeof sentence.bytes; i++)
        cr_sentence_add(&sentence, "\x80");
    cr_sentence_end(&sentence, &error, CHATROOM_EINVAL);
    assert_string_equal(error.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence__one_that_runs_full_ends_between_characters),
        cmocka_unit_test(sentence__bytes_that_are_no_text_are_question_marks),
        cmocka_unit_test(sentence__a_refusal_counts_characters_and_shows_what_stands_there),
        cmocka_unit_test(sentence__numbers_and_places_are_written_whole),
        cmocka_unit_test(sentence__one_full_of_what_begins_no_character_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
