#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "query.h"

#include <stdio.h>
#include <string.h>

static void query__is_what_follows_the_first_question_mark(void **state)
{
    static const char *const rows[][2] = {{"/a?b=c", "b=c"}, {"/a?b?c", "b?c"}, {"/a?", ""},
                                          {"/a", ""},        {"", ""},          {"?a", "a"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(chatroom_span_equal(cr_query_of(chatroom_str(rows[i][0])), chatroom_str(rows[i][1])));
    assert_int_equal(cr_query_of(chatroom_bytes(NULL, 0)).size, 0);
}

/* Every parameter as "NAME>VALUE ". */
static const char *list(const char *text)
{
    static char out[256];
    chatroom_span query = chatroom_str(text);
    struct chatroom_header p;
    int size = 0;

    out[0] = '\0';
    while (cr_query_next(&query, &p))
        size += snprintf(out + size, sizeof out - (size_t)size, "%.*s>%.*s ", (int)p.name.size,
                         p.name.size ? p.name.bytes : "", (int)p.value.size, p.value.size ? p.value.bytes : "");
    return out;
}

static void query__parameters_come_in_their_order_and_empty_ones_are_passed_over(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"&", ""},
        {"&&&", ""},
        {"a", "a> "},
        {"a=", "a> "},
        {"=", "> "},
        {"=b", ">b "},
        {"a=b=c", "a>b=c "},
        {"a&b", "a> b> "},
        {"&a&&b&", "a> b> "},
        {"a=1&a=2", "a>1 a>2 "},
        {"a=%26&+=", "a>%26 +> "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(list(rows[i][0]), rows[i][1]);
}

static const char *decoded(const char *text)
{
    static char out[64];
    chatroom_span encoded = chatroom_str(text);
    size_t size = 0;

    while (cr_query_octet(&encoded, &out[size]))
        size++;
    out[size] = '\0';
    return out;
}

static void query__an_escape_is_a_percent_sign_and_two_hexadecimal_digits(void **state)
{
    static const char *const rows[][2] = {
        {"%41%4a%4A", "AJJ"}, {"a+b", "a b"},     {"%2B", "+"},   {"%", "%"},       {"%4", "%4"},
        {"%4g", "%4g"},       {"%g4", "%g4"},     {"%%41", "%A"}, {"%4%41", "%4A"}, {"%fF", "\xff"},
        {"%+1", "% 1"},       {"%e2%82%ac", "€"}, {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(decoded(rows[i][0]), rows[i][1]);
}

static void query__texts_are_the_same_as_they_are_decoded(void **state)
{
    static const struct {
        const char *a, *b;
        bool same, is; /* is: b as it stands there */
    } rows[] = {
        {"abc", "abc", true, true},    {"%61bc", "abc", true, true}, {"abc", "%61bc", true, false},
        {"a", "ab", false, false},     {"ab", "a", false, false},    {"", "", true, true},
        {"", "a", false, false},       {"a", "", false, false},      {"a+b", "a b", true, true},
        {"a+b", "a%20b", true, false}, {"a", "A", false, false},     {"a%00", "a", false, false},
        {"a", "a%00", false, false},   {"%2", "%2", true, true},     {"%252", "%2", true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(cr_query_same(chatroom_str(rows[i].a), chatroom_str(rows[i].b)), rows[i].same);
        assert_int_equal(cr_query_same(chatroom_str(rows[i].b), chatroom_str(rows[i].a)), rows[i].same);
        assert_int_equal(cr_query_is(chatroom_str(rows[i].a), chatroom_str(rows[i].b)), rows[i].is);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query__is_what_follows_the_first_question_mark),
        cmocka_unit_test(query__parameters_come_in_their_order_and_empty_ones_are_passed_over),
        cmocka_unit_test(query__an_escape_is_a_percent_sign_and_two_hexadecimal_digits),
        cmocka_unit_test(query__texts_are_the_same_as_they_are_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
