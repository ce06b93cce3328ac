#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/json.h>

#include <stdlib.h>

/* clang-format off */
static const char *const accepted[] = {
    "{}",
    "[]",
    "0",
    "-0",
    "-1.5e+10",
    "1E5",
    "1e-5",
    "0.1",
    "true",
    "false",
    "null",
    "\"\"",
    " 1 ",
    "\x09""\x0a""\x0d""[1]",
    "[1,2,3]",
    "[[],[[]]]",
    "{\"a\":1}",
    "{\"a\":{\"b\":[1,{\"c\":null}]}}",
    "\"\\u0041\"",
    "\"\\uD834\\uDd1e\"",
    "\"\\u0000\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\x7f""\"",
    "\"\xc3""\xa9""\xe2""\x82""\xac""\xf0""\x9d""\x84""\x9e""\"",
    "{\"a\":1,\"a\":2}",
    "[1e400]",
    "123456789012345678901234567890",
    "{\"\":0}",
    "[ ]",
    "{ }",
    "[1 , 2]",
    "{ \"a\" : 1 , \"b\" : [ ] }",
    "[true,false,null]",
    "\"\\u2028\"",
    "[\"\"]",
    "[[[[[[1]]]]]]",
    "{\"\\u0061\":1}",
};

static const char *const refused[] = {
    "",
    "  ",
    "{",
    "}",
    "[",
    "\"",
    "[1",
    "[1,",
    "[{\"a\":1,}]",
    "[{\"a\":1,2}]",
    "[{\"a\":1,\"b\"}]",
    "[{\"a\":[1,{\"b\":2,}]}]",
    "[1,]",
    "[,1]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{'a':1}",
    "01",
    "-",
    "-01",
    "1.",
    ".1",
    "+1",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "tru",
    "truex",
    "nul",
    "True",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u123g\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800\\u0041\"",
    "\"\\uD800x\"",
    "\"a",
    "\"\x09""\"",
    "\"\x0a""\"",
    "1 2",
    "[] []",
    "{} x",
    "[1}",
    "{\"a\":1]",
    "[1 2]",
    "{\"a\" 1}",
    "{\"a\"::1}",
    "{1:1}",
    "{\"a\":1 \"b\":2}",
    "//",
    "/**/1",
    "[1]]",
    "\"\\",
    "\"\\u",
    "\xef""\xbb""\xbf""1",
    "--1",
    "1-",
    "[}",
    "{]",
};

/* clang-format on */

/* In a block of its own size, so that a read beyond it is seen. */
static int scan(chatroom_span text, struct chatroom_json_value *value, struct chatroom_json_member *members,
                size_t capacity, size_t *count)
{
    char *copy = malloc(text.size + (text.size == 0));
    int result;

    assert_non_null(copy);
    memcpy(copy, text.bytes, text.size);
    result = chatroom_json_scan(chatroom_bytes(copy, text.size), value, members, capacity, count);
    free(copy);
    return result;
}

static void json__valid_texts_are_accepted(void **state)
{
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
        if (scan(chatroom_str(accepted[i]), NULL, NULL, 0, &count) != CHATROOM_OK)
            fail_msg("refused: %s", accepted[i]);
}

static void json__invalid_texts_are_refused(void **state)
{
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (scan(chatroom_str(refused[i]), NULL, NULL, 0, &count) != CHATROOM_EJSON)
            fail_msg("accepted: %s", refused[i]);
}

static void json__bad_utf8_and_nul_are_refused(void **state)
{
    static const char *const inside[] = {"\x80", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        char text[16] = "[\"";

        strcat(text, inside[i]);
        strcat(text, "\"]");
        assert_int_equal(scan(chatroom_str(text), NULL, NULL, 0, &count), CHATROOM_EJSON);
    }
    assert_int_equal(scan(chatroom_bytes("\"\0\"", 3), NULL, NULL, 0, &count), CHATROOM_EJSON);
    assert_int_equal(scan(chatroom_bytes("1\0", 2), NULL, NULL, 0, &count), CHATROOM_EJSON);
}

static void nested(char *text, size_t depth, char open, char close)
{
    for (size_t i = 0; i < depth; i++) {
        text[i] = open;
        text[2 * depth - 1 - i] = close;
    }
}

static void json__nesting_ends_at_the_limit(void **state)
{
    char text[2 * CHATROOM_JSON_DEPTH + 2];
    size_t count;

    (void)state;
    nested(text, CHATROOM_JSON_DEPTH, '[', ']');
    assert_int_equal(scan(chatroom_bytes(text, 2 * CHATROOM_JSON_DEPTH), NULL, NULL, 0, &count), CHATROOM_OK);
    nested(text, CHATROOM_JSON_DEPTH + 1, '[', ']');
    assert_int_equal(scan(chatroom_bytes(text, 2 * CHATROOM_JSON_DEPTH + 2), NULL, NULL, 0, &count), CHATROOM_EJSON);
}

static void json__objects_count_as_depth_like_arrays(void **state)
{
    char text[8 * CHATROOM_JSON_DEPTH] = "";
    size_t count;

    (void)state;
    for (int i = 0; i < CHATROOM_JSON_DEPTH; i++)
        strcat(text, "{\"a\":");
    strcat(text, "1");
    for (int i = 0; i < CHATROOM_JSON_DEPTH; i++)
        strcat(text, "}");
    assert_int_equal(scan(chatroom_str(text), NULL, NULL, 0, &count), CHATROOM_OK);
    strcat(strcpy(text + strlen(text) - CHATROOM_JSON_DEPTH - 1, "[]"), "");
    for (int i = 0; i < CHATROOM_JSON_DEPTH; i++)
        strcat(text, "}");
    assert_int_equal(scan(chatroom_str(text), NULL, NULL, 0, &count), CHATROOM_EJSON);
}

static void json__members_are_spans_of_the_text(void **state)
{
    chatroom_span text = chatroom_str(" {\"action\":\"join\",\"value\" : [1, 2],\"n\":-1.5} ");
    struct chatroom_json_member members[2];
    struct chatroom_json_value value;
    size_t count;

    (void)state;
    assert_int_equal(chatroom_json_scan(text, &value, members, 2, &count), CHATROOM_OK);
    assert_int_equal(count, 3);
    assert_int_equal(value.type, CHATROOM_JSON_OBJECT);
    assert_true(chatroom_span_equal(members[0].name, chatroom_str("action")));
    assert_true(chatroom_span_equal(members[0].value.raw, chatroom_str("\"join\"")));
    assert_true(chatroom_span_equal(members[1].value.raw, chatroom_str("[1, 2]")));
    assert_int_equal(members[1].value.type, CHATROOM_JSON_ARRAY);
}

static void json__failed_scan_writes_nothing(void **state)
{
    struct chatroom_json_value value = {.type = CHATROOM_JSON_TRUE};
    size_t count = 77;

    (void)state;
    assert_int_equal(scan(chatroom_str("{\"a\":1"), &value, NULL, 0, &count), CHATROOM_EJSON);
    assert_int_equal(count, 77);
    assert_int_equal(value.type, CHATROOM_JSON_TRUE);
}

static void json__get_finds_escaped_names_and_refuses_doubles(void **state)
{
    chatroom_span object = chatroom_str("{\"\\u0061ction\":\"a\",\"b\":1,\"\\u00e4\":2,\"b\":3,\"\\ud83d\\ude00\":4}");
    struct chatroom_json_value value;

    (void)state;
    assert_int_equal(chatroom_json_get(object, chatroom_str("action"), &value), CHATROOM_OK);
    assert_true(chatroom_span_equal(value.raw, chatroom_str("\"a\"")));
    assert_int_equal(chatroom_json_get(object, chatroom_str("\xc3\xa4"), &value), CHATROOM_OK);
    assert_true(chatroom_span_equal(value.raw, chatroom_str("2")));
    assert_int_equal(chatroom_json_get(object, chatroom_str("\xf0\x9f\x98\x80"), &value), CHATROOM_OK);
    assert_true(chatroom_span_equal(value.raw, chatroom_str("4")));
    assert_int_equal(chatroom_json_get(object, chatroom_str("nope"), &value), CHATROOM_OK);
    assert_int_equal(value.type, CHATROOM_JSON_NONE);
    assert_int_equal(chatroom_json_get(object, chatroom_str("b"), &value), CHATROOM_EAMBIGUOUS);
    assert_int_equal(chatroom_json_get(chatroom_str("[1]"), chatroom_str("b"), &value), CHATROOM_ETYPE);
}

static void json__text_resolves_escapes(void **state)
{
    struct chatroom_json_value value;
    chatroom_span text;
    char buffer[64];
    size_t count;

    (void)state;
    chatroom_json_scan(chatroom_str("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20ac\\ud834\\udd1e\""), &value, NULL, 0,
                       &count);
    assert_int_equal(chatroom_json_text(&value, buffer, &text), CHATROOM_OK);
    assert_true(chatroom_span_equal(text, chatroom_str("a\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e")));
    chatroom_json_scan(chatroom_str("\"plain\""), &value, NULL, 0, &count);
    assert_int_equal(chatroom_json_text(&value, NULL, &text), CHATROOM_OK);
    assert_true(chatroom_span_equal(text, chatroom_str("plain")));
    chatroom_json_scan(chatroom_str("1"), &value, NULL, 0, &count);
    assert_int_equal(chatroom_json_text(&value, NULL, &text), CHATROOM_ETYPE);
}

static void write_sample(struct chatroom_json *json)
{
    chatroom_json_open(json, '{');
    chatroom_json_name(json, "s");
    chatroom_json_string(json, chatroom_bytes("\"\\\n\x01\0\xe2\x80\xa8\xe2\x80\xa9\xc3\xa4", 13));
    chatroom_json_name(json, "n");
    chatroom_json_open(json, '[');
    chatroom_json_number(json, INT64_MIN);
    chatroom_json_number(json, 0);
    chatroom_json_open(json, '[');
    chatroom_json_close(json, ']');
    chatroom_json_raw(json, chatroom_str("{}"));
    chatroom_json_close(json, ']');
    chatroom_json_close(json, '}');
}

static const char sample[] =
    "{\"s\":\"\\\"\\\\\\n\\u0001\\u0000\\u2028\\u2029\xc3\xa4\",\"n\":[-9223372036854775808,0,[],{}]}";

static void json__writer_puts_commas_and_escapes(void **state)
{
    char buffer[128];
    struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
    chatroom_span text = {NULL, 0};

    (void)state;
    write_sample(&json);
    assert_true(chatroom_json_done(&json, &text));
    assert_true(chatroom_span_equal(text, chatroom_str(sample)));
    assert_int_equal(json.depth, 0);
}

static void json__a_string_is_compared_as_it_reads(void **state)
{
    struct chatroom_json_value plain = chatroom_json_value(chatroom_str("\"ab\""));
    struct chatroom_json_value escaped = chatroom_json_value(chatroom_str("\"a\\u0062\\ud834\\udd1e\""));
    struct chatroom_json_value number = chatroom_json_value(chatroom_str("12"));

    (void)state;
    assert_true(chatroom_json_is_text(&plain, chatroom_str("ab")));
    assert_false(chatroom_json_is_text(&plain, chatroom_str("abc")));
    assert_true(chatroom_json_is_text(&escaped, chatroom_str("ab\xf0\x9d\x84\x9e")));
    assert_false(chatroom_json_is_text(&escaped, chatroom_str("ab\xf0\x9d")));
    assert_false(chatroom_json_is_text(&escaped, chatroom_str("ab\xf0\x9d\x84\x9ez")));
    assert_false(chatroom_json_is_text(&escaped, chatroom_str("")));
    assert_false(chatroom_json_is_text(&number, chatroom_str("12")));
}

static void json__escaped_text_is_a_string_without_its_quotes(void **state)
{
    char buffer[64];
    struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
    chatroom_span text = {NULL, 0};

    (void)state;
    json.comma = true;
    chatroom_json_escaped(&json, chatroom_bytes("a\"\\\n\x01\xe2\x80\xa8", 8));
    chatroom_json_escaped(&json, chatroom_bytes(NULL, 0));
    assert_true(chatroom_json_done(&json, &text));
    assert_true(chatroom_span_equal(text, chatroom_str("a\\\"\\\\\\n\\u0001\\u2028")));
}

/* The string of 20 octets that has octet at a place. */
static chatroom_span string_with(char text[20], size_t place, char octet)
{
    memset(text, 'x', 20);
    text[place] = octet;
    return chatroom_bytes(text, 20);
}

/* Both sides look at many octets at once where they can: the one that is not like the others may stand anywhere. */
static void json__any_octet_anywhere_is_written_so_that_it_reads_the_same(void **state)
{
    (void)state;
    for (size_t place = 0; place < 20; place++)
        for (int octet = 0; octet < 0x80; octet++) {
            char text[20], buffer[64], resolved[64];
            struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
            struct chatroom_json_value value;
            chatroom_span written, read;
            size_t count;

            chatroom_json_string(&json, string_with(text, place, (char)octet));
            assert_true(chatroom_json_done(&json, &written));
            assert_int_equal(chatroom_json_scan(written, &value, NULL, 0, &count), CHATROOM_OK);
            assert_int_equal(chatroom_json_text(&value, resolved, &read), CHATROOM_OK);
            assert_true(chatroom_span_equal(read, chatroom_bytes(text, sizeof text)));
            assert_int_equal(written.size > 22, octet < 0x20 || octet == '"' || octet == '\\');
        }
}

static void json__an_octet_that_needs_an_escape_is_refused_anywhere(void **state)
{
    (void)state;
    for (size_t place = 0; place < 20; place++)
        for (int octet = 0; octet < 0x100; octet++) {
            char text[22] = "\"";
            bool bad = octet < 0x20 || octet == '"' || octet == '\\' || octet >= 0x80;
            size_t count;

            string_with(text + 1, place, (char)octet);
            text[21] = '"';
            assert_int_equal(chatroom_json_scan(chatroom_bytes(text, sizeof text), NULL, NULL, 0, &count),
                             bad ? CHATROOM_EJSON : CHATROOM_OK);
        }
}

static void json__writer_says_when_it_did_not_fit(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < sizeof sample - 1; capacity++) {
        char *buffer = malloc(capacity + 1);
        struct chatroom_json json = chatroom_json_on(buffer, capacity);
        chatroom_span text;

        assert_non_null(buffer);
        buffer[capacity] = '#';
        write_sample(&json);
        assert_false(chatroom_json_done(&json, &text));
        assert_int_equal(json.size, sizeof sample - 1);
        assert_int_equal(buffer[capacity], '#');
        free(buffer);
    }
}

/* Every element or member as NAME=RAW; */
static const char *walked(const char *text, char *ret_list)
{
    struct chatroom_json_walk walk = chatroom_json_each(chatroom_str(text));
    struct chatroom_json_member member;

    *ret_list = '\0';
    while (chatroom_json_next(&walk, &member)) {
        strncat(ret_list, member.name.bytes ? member.name.bytes : "", member.name.size);
        strcat(ret_list, "=");
        strncat(ret_list, member.value.raw.bytes, member.value.raw.size);
        strcat(ret_list, ";");
    }
    assert_false(chatroom_json_next(&walk, &member));
    return ret_list;
}

static void json__a_walk_meets_every_element_and_member(void **state)
{
    char list[128];

    (void)state;
    assert_string_equal(walked(" [1 , \"a,]\",[2,[]] ,{\"b\":3}, null ] ", list),
                        "=1;=\"a,]\";=[2,[]];={\"b\":3};=null;");
    assert_string_equal(walked("{ \"a\" : 1,\"b\":{\"c\":[]}, \"a\":true}", list), "a=1;b={\"c\":[]};a=true;");
    assert_string_equal(walked("[]", list), "");
    assert_string_equal(walked("{ }", list), "");
    assert_string_equal(walked("\"[1]\"", list), "");
    assert_string_equal(walked("", list), "");
}

static void json__a_walk_over_a_damaged_text_ends(void **state)
{
    static const char *const damaged[] = {"[1", "[1 2]", "[1,", "[1,,2]", "[1,}", "[1,2}"};
    char list[128];

    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        assert_int_equal(strncmp(walked(damaged[i], list), "=1;", 3), 0);
    assert_string_equal(walked("{1}", list), "");
    assert_string_equal(walked("[1}", list), "=1;");
}

static void json__the_outermost_value_is_found_without_a_scan(void **state)
{
    static const char *const texts[] = {" {\"a\" : 1}\n", "\t[]", "[1]\r\t \n", "\"a\\n\" ", "\"a\"",
                                        "-1.5",           "true", "false",      "null"};
    struct chatroom_json_value expected, value;
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(chatroom_json_scan(chatroom_str(texts[i]), &expected, NULL, 0, &count), CHATROOM_OK);
        value = chatroom_json_value(chatroom_str(texts[i]));
        assert_int_equal(value.type, expected.type);
        assert_int_equal(value.escaped, expected.escaped);
        assert_ptr_equal(value.raw.bytes, expected.raw.bytes);
        assert_int_equal(value.raw.size, expected.raw.size);
    }
    assert_int_equal(chatroom_json_value(chatroom_str(NULL)).type, CHATROOM_JSON_NONE);
}

static void json__a_decoded_string_is_written_as_it_reads(void **state)
{
    struct chatroom_json_value value = chatroom_json_value(chatroom_str("\"a\\u00e4 \\\"b\\ud834\\udd1e\\n\""));
    char buffer[32];

    (void)state;
    for (size_t capacity = 0; capacity <= 12; capacity++) {
        struct chatroom_json json = chatroom_json_on(buffer, capacity);

        memset(buffer, '#', sizeof buffer);
        chatroom_json_decoded(&json, &value);
        assert_int_equal(json.size, 11);
        assert_memory_equal(buffer, "a\xc3\xa4 \"b\xf0\x9d\x84\x9e\n", capacity < 11 ? capacity : 11);
        assert_int_equal(buffer[capacity], '#');
    }
}

static void json__what_is_no_string_is_not_decoded(void **state)
{
    static const char *const texts[] = {"1", "null", "[\"a\"]", "{}", ""};
    char buffer[8] = "#";

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
        struct chatroom_json_value value = chatroom_json_value(chatroom_str(texts[i]));
        chatroom_span text;

        chatroom_json_decoded(&json, &value);
        assert_int_equal(json.size, 0);
        assert_int_equal(chatroom_json_text(&value, buffer, &text), CHATROOM_ETYPE);
        assert_int_equal(buffer[0], '#');
    }
}

static void json__what_needs_no_escape_has_none(void **state)
{
    (void)state;
    for (int octet = 0; octet < 0x80; octet++) {
        char buffer[16], text = (char)octet;
        struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
        size_t expected = octet < 0x20 && !strchr("\n\r\t", octet) ? 6
                          : octet < 0x20                           ? 2
                          : octet == '"' || octet == '\\'          ? 2
                                                                   : 1;

        if (octet == 0)
            expected = 6;
        chatroom_json_escaped(&json, chatroom_bytes(&text, 1));
        assert_int_equal(json.size, expected);
        assert_true(expected > 1 || buffer[0] == text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__valid_texts_are_accepted),
        cmocka_unit_test(json__invalid_texts_are_refused),
        cmocka_unit_test(json__bad_utf8_and_nul_are_refused),
        cmocka_unit_test(json__nesting_ends_at_the_limit),
        cmocka_unit_test(json__objects_count_as_depth_like_arrays),
        cmocka_unit_test(json__members_are_spans_of_the_text),
        cmocka_unit_test(json__failed_scan_writes_nothing),
        cmocka_unit_test(json__get_finds_escaped_names_and_refuses_doubles),
        cmocka_unit_test(json__text_resolves_escapes),
        cmocka_unit_test(json__writer_puts_commas_and_escapes),
        cmocka_unit_test(json__escaped_text_is_a_string_without_its_quotes),
        cmocka_unit_test(json__any_octet_anywhere_is_written_so_that_it_reads_the_same),
        cmocka_unit_test(json__an_octet_that_needs_an_escape_is_refused_anywhere),
        cmocka_unit_test(json__a_string_is_compared_as_it_reads),
        cmocka_unit_test(json__writer_says_when_it_did_not_fit),
        cmocka_unit_test(json__a_walk_meets_every_element_and_member),
        cmocka_unit_test(json__a_walk_over_a_damaged_text_ends),
        cmocka_unit_test(json__the_outermost_value_is_found_without_a_scan),
        cmocka_unit_test(json__a_decoded_string_is_written_as_it_reads),
        cmocka_unit_test(json__what_is_no_string_is_not_decoded),
        cmocka_unit_test(json__what_needs_no_escape_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
