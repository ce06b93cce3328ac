/* JSON from strangers (threat T13): bombs, texts cut anywhere, look-alikes, the corners of Unicode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/json.h>

#include <stdio.h>
#include <stdlib.h>

enum { BOMB = 128 * 1024 };

/* In a block of its own size, so that a read beyond it is seen. */
static int scan(chatroom_span text)
{
    char *copy = malloc(text.size + (text.size == 0));
    size_t count;
    int result;

    assert_non_null(copy);
    if (text.size > 0)
        memcpy(copy, text.bytes, text.size);
    result = chatroom_json_scan(chatroom_bytes(copy, text.size), NULL, NULL, 0, &count);
    free(copy);
    return result;
}

static void assert_refused(chatroom_span text)
{
    if (scan(text) != CHATROOM_EJSON)
        fail_msg("accepted: %.*s", (int)text.size, text.bytes);
}

static void assert_accepted(chatroom_span text)
{
    if (scan(text) != CHATROOM_OK)
        fail_msg("refused: %.*s", (int)text.size, text.bytes);
}

/* Uses every part of the grammar, and no prefix of it is a text. */
static const char whole[] = "{\"a\\u00e9\\ud834\\udd1e\\n\xc3\xa9\xf0\x9d\x84\x9e\":[-0.5e+10,true,false,null,{},[],"
                            "{\"b\":\"\\\"\"}],\"c\":1E2}";

static void T13_text_cut_anywhere_is_refused(void **state)
{
    (void)state;
    assert_accepted(chatroom_str(whole));
    for (size_t size = 0; size < sizeof whole - 1; size++)
        assert_refused(chatroom_bytes(whole, size));
}

static void T13_any_octet_behind_the_text_but_space_is_refused(void **state)
{
    (void)state;
    for (int octet = 0; octet < 256; octet++) {
        char text[] = "{}?";

        text[2] = (char)octet;
        if (octet == ' ' || octet == '\t' || octet == '\n' || octet == '\r')
            assert_accepted(chatroom_bytes(text, 3));
        else
            assert_refused(chatroom_bytes(text, 3));
    }
}

static void T13_only_the_four_spaces_stand_between_tokens(void **state)
{
    static const char *const spaces[] = {"\v",       "\f",       "\x1f",         "\x7f",
                                         "\xc2\x85", "\xc2\xa0", "\xe2\x80\xa8", "\xef\xbb\xbf"};

    (void)state;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        char text[16];

        snprintf(text, sizeof text, "[1,%s2]", spaces[i]);
        assert_refused(chatroom_str(text));
        snprintf(text, sizeof text, "%s[1,2]", spaces[i]);
        assert_refused(chatroom_str(text));
    }
}

static void T13_control_characters_are_refused_in_values_and_names(void **state)
{
    (void)state;
    for (int octet = 0; octet < 0x20; octet++) {
        char value[] = "[\"a?b\"]", name[] = "{\"a?b\":1}";

        value[3] = name[3] = (char)octet;
        assert_refused(chatroom_bytes(value, sizeof value - 1));
        assert_refused(chatroom_bytes(name, sizeof name - 1));
    }
}

static void T13_bad_text_in_a_name_is_refused_as_in_a_value(void **state)
{
    static const char *const bad[] = {"\xff",
                                      "\xc0\x80",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xe2\x82",
                                      "\\ud800",
                                      "\\udfff",
                                      "\\ud800\\ud800",
                                      "\\ud800\\n",
                                      "\\udbff\\ue000",
                                      "\\udc00\\ud800",
                                      "\\u",
                                      "\\u00e",
                                      "\\u00g0",
                                      "\\U0041",
                                      "\\'",
                                      "\\0",
                                      "\\a",
                                      "\\\xc3\xa9",
                                      "\\u+041",
                                      "\\u 041",
                                      "\\ud800\\U dc00",
                                      "\\ud800 \\udc00"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[40];

        snprintf(text, sizeof text, "{\"%s\":1}", bad[i]);
        assert_refused(chatroom_str(text));
        snprintf(text, sizeof text, "{\"a\":\"%s\"}", bad[i]);
        assert_refused(chatroom_str(text));
        snprintf(text, sizeof text, "\"%s\"", bad[i]);
        assert_refused(chatroom_str(text));
    }
}

static void json__numbers_have_one_form(void **state)
{
    static const char *const good[] = {"0",  "-0",  "-0.0",  "0e0",      "0E-0",
                                       "10", "9.0", "1e007", "-1.25E+2", "1e999999999"};
    static const char *const bad[] = {"00",  "-00",  "-a",    "1.e1", "-.5",       "1e1.5", "1_000",        "1a",
                                      "0b1", "0x",   "1e+-1", "e1",   "-Infinity", "-NaN",  "1,0",          "1.2.3",
                                      "- 1", "1 e1", "+0",    "0.e",  "1f",        "1L",    "\xef\xbc\x91", "1."};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_accepted(chatroom_str(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(chatroom_str(bad[i]));
}

static void json__nothing_at_all_is_refused(void **state)
{
    size_t count = 7;

    (void)state;
    assert_int_equal(chatroom_json_scan((chatroom_span){NULL, 0}, NULL, NULL, 0, &count), CHATROOM_EJSON);
    assert_int_equal(count, 7);
}

/* unit, as often as it fits in BOMB bytes, with tail behind it */
static void assert_bomb_refused(const char *unit, const char *tail)
{
    size_t size = strlen(unit), times = BOMB / size;
    char *text = malloc(times * size + strlen(tail) + 1);

    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * size, unit, size);
    strcpy(text + times * size, tail);
    assert_refused(chatroom_str(text));
    free(text);
}

static void T13_bombs_are_refused(void **state)
{
    (void)state;
    assert_bomb_refused("[", "");
    assert_bomb_refused("{\"a\":", "1");
    assert_bomb_refused("[{\"a\":", "");
    assert_bomb_refused("]", "");
    assert_bomb_refused("[],", "[]");
    assert_bomb_refused("\"", "");
    assert_bomb_refused("\\", "");
    assert_bomb_refused(" ", "");
    assert_bomb_refused("-", "");
    assert_bomb_refused("1", ".");
}

/* Arrays and objects in turn, as deep as may be; returns where the brackets close. */
static size_t alternate(char *text)
{
    size_t used = 0, middle;

    for (int i = 0; i < CHATROOM_JSON_DEPTH; i++) {
        const char *open = i % 2 ? "{\"a\":" : "[";

        memcpy(text + used, open, strlen(open));
        used += strlen(open);
    }
    text[used++] = '0';
    middle = used;
    for (int i = CHATROOM_JSON_DEPTH - 1; i >= 0; i--)
        text[used++] = i % 2 ? '}' : ']';
    text[used] = '\0';
    return middle;
}

static void json__each_bracket_is_closed_by_its_own(void **state)
{
    char text[8 * CHATROOM_JSON_DEPTH];
    size_t middle = alternate(text);

    (void)state;
    assert_accepted(chatroom_str(text));
    for (size_t i = middle; text[i]; i++) {
        char right = text[i];

        text[i] = right == '}' ? ']' : '}';
        assert_refused(chatroom_str(text));
        text[i] = right;
    }
}

static void json__depth_counts_what_is_open_not_what_was(void **state)
{
    char text[4 * CHATROOM_JSON_DEPTH * 3] = "[";

    (void)state;
    for (int i = 0; i < 3 * CHATROOM_JSON_DEPTH; i++)
        strcat(text, i ? ",[]" : "[]");
    strcat(text, "]");
    assert_accepted(chatroom_str(text));
}

static void T14_each_type_is_told_apart_from_missing(void **state)
{
    static const struct {
        const char *raw;
        enum chatroom_json_type type;
    } values[] = {
        {"null", CHATROOM_JSON_NULL}, {"false", CHATROOM_JSON_FALSE}, {"true", CHATROOM_JSON_TRUE},
        {"-1", CHATROOM_JSON_NUMBER}, {"\"\"", CHATROOM_JSON_STRING}, {"[]", CHATROOM_JSON_ARRAY},
        {"{}", CHATROOM_JSON_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct chatroom_json_value value;
        chatroom_span text;
        char object[32], buffer[32];
        bool is_string = values[i].type == CHATROOM_JSON_STRING;
        size_t count;

        assert_int_equal(chatroom_json_scan(chatroom_str(values[i].raw), &value, NULL, 0, &count), CHATROOM_OK);
        assert_int_equal(value.type, values[i].type);
        snprintf(object, sizeof object, "{\"a\": %s }", values[i].raw);
        assert_int_equal(chatroom_json_get(chatroom_str(object), chatroom_str("a"), &value), CHATROOM_OK);
        assert_int_equal(value.type, values[i].type);
        assert_true(chatroom_span_equal(value.raw, chatroom_str(values[i].raw)));
        assert_int_equal(chatroom_json_text(&value, buffer, &text), is_string ? CHATROOM_OK : CHATROOM_ETYPE);
        assert_int_equal(chatroom_json_get(chatroom_str(object), chatroom_str("b"), &value), CHATROOM_OK);
        assert_int_equal(value.type, CHATROOM_JSON_NONE);
        assert_int_equal(chatroom_json_text(&value, buffer, &text), CHATROOM_ETYPE);
    }
}

static enum chatroom_json_type type_of(const char *object, chatroom_span name)
{
    struct chatroom_json_value value;

    assert_int_equal(scan(chatroom_str(object)), CHATROOM_OK);
    assert_int_equal(chatroom_json_get(chatroom_str(object), name, &value), CHATROOM_OK);
    return value.type;
}

static void json__names_match_whole_and_exactly(void **state)
{
    const char *object = "{\"a\":1,\"ab\":\"\",\"\":true,\"\\u0061\\u0062c\":null,\"n\\u0000l\":[]}";

    (void)state;
    assert_int_equal(type_of(object, chatroom_str("a")), CHATROOM_JSON_NUMBER);
    assert_int_equal(type_of(object, chatroom_str("ab")), CHATROOM_JSON_STRING);
    assert_int_equal(type_of(object, chatroom_str("abc")), CHATROOM_JSON_NULL);
    assert_int_equal(type_of(object, chatroom_str("abcd")), CHATROOM_JSON_NONE);
    assert_int_equal(type_of(object, chatroom_str("A")), CHATROOM_JSON_NONE);
    assert_int_equal(type_of(object, chatroom_str("b")), CHATROOM_JSON_NONE);
    assert_int_equal(type_of(object, chatroom_str("")), CHATROOM_JSON_TRUE);
    assert_int_equal(type_of(object, (chatroom_span){NULL, 0}), CHATROOM_JSON_TRUE);
    assert_int_equal(type_of(object, chatroom_bytes("n\0l", 3)), CHATROOM_JSON_ARRAY);
    assert_int_equal(type_of(object, chatroom_str("n")), CHATROOM_JSON_NONE);
}

static void T13_name_that_stands_twice_in_its_own_object_is_ambiguous(void **state)
{
    static const char *const twice[] = {"{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}",
                                        "{\"\\u0061\":1,\"b\":2,\"\\u0061\":1}", "{\"a\":1,\"a\":2,\"a\":3}"};
    static const char *const once[] = {"{\"a\":1,\"b\":{\"a\":2}}", "{\"b\":{\"a\":1,\"a\":2},\"a\":3}",
                                       "{\"b\":1,\"a\":2,\"b\":3}", "{\"a\":1,\"A\":2,\"\\u0430\":3}"};
    struct chatroom_json_value value;

    (void)state;
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
        assert_int_equal(chatroom_json_get(chatroom_str(twice[i]), chatroom_str("a"), &value), CHATROOM_EAMBIGUOUS);
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        assert_int_equal(type_of(once[i], chatroom_str("a")), CHATROOM_JSON_NUMBER);
}

static size_t put_utf8(char *to, uint32_t c)
{
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = size - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 63));
    to[0] = (char)(lead[size] | c);
    return size;
}

static void assert_text(const char *json, chatroom_span wanted)
{
    struct chatroom_json_value value;
    char *buffer = malloc(strlen(json)); /* no more than the promise asks for */
    chatroom_span text;
    size_t count;

    assert_non_null(buffer);
    assert_int_equal(chatroom_json_scan(chatroom_str(json), &value, NULL, 0, &count), CHATROOM_OK);
    assert_int_equal(chatroom_json_text(&value, buffer, &text), CHATROOM_OK);
    assert_true(chatroom_span_equal(text, wanted));
    free(buffer);
}

static void json__every_code_point_survives_escaped_and_written(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c += c == 0xD7FF ? 0x801 : 1) {
        char utf8[8], escaped[16], written[16];
        chatroom_span text = chatroom_bytes(utf8, put_utf8(utf8, c)), out = {NULL, 0};
        struct chatroom_json json = chatroom_json_on(written, sizeof written);

        if (c < 0x10000)
            sprintf(escaped, "\"\\u%04X\"", c);
        else
            sprintf(escaped, "\"\\u%04x\\u%04x\"", 0xD800 + ((c - 0x10000) >> 10), 0xDC00 + (c & 0x3FF));
        assert_text(escaped, text);
        chatroom_json_string(&json, text);
        assert_true(chatroom_json_done(&json, &out));
        assert_true(out.size <= CHATROOM_JSON_STRING_BOUND(text.size));
        written[out.size] = '\0';
        assert_text(written, text);
    }
}

static void json__members_beyond_the_capacity_are_counted_only(void **state)
{
    struct chatroom_json_member members[3] = {{.name = {"guard", 5}}, {.name = {"guard", 5}}, {.name = {"guard", 5}}};
    size_t count;

    (void)state;
    assert_int_equal(chatroom_json_scan(chatroom_str("{\"a\":1,\"b\":2,\"c\":3,\"d\":4}"), NULL, members, 2, &count),
                     CHATROOM_OK);
    assert_int_equal(count, 4);
    assert_true(chatroom_span_equal(members[1].name, chatroom_str("b")));
    assert_true(chatroom_span_equal(members[2].name, chatroom_str("guard")));
}

static void json__literal_is_put_as_it_is(void **state)
{
    char buffer[64];
    struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
    chatroom_span text = {NULL, 0};

    (void)state;
    chatroom_json_open(&json, '[');
    chatroom_json_number(&json, INT64_MAX);
    chatroom_json_literal(&json, chatroom_str(" , "));
    chatroom_json_literal(&json, chatroom_str("-1 ]"));
    assert_true(chatroom_json_done(&json, &text));
    assert_true(chatroom_span_equal(text, chatroom_str("[9223372036854775807 , -1 ]")));
    assert_accepted(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T13_text_cut_anywhere_is_refused),
        cmocka_unit_test(T13_any_octet_behind_the_text_but_space_is_refused),
        cmocka_unit_test(T13_only_the_four_spaces_stand_between_tokens),
        cmocka_unit_test(T13_control_characters_are_refused_in_values_and_names),
        cmocka_unit_test(T13_bad_text_in_a_name_is_refused_as_in_a_value),
        cmocka_unit_test(json__numbers_have_one_form),
        cmocka_unit_test(json__nothing_at_all_is_refused),
        cmocka_unit_test(T13_bombs_are_refused),
        cmocka_unit_test(json__each_bracket_is_closed_by_its_own),
        cmocka_unit_test(json__depth_counts_what_is_open_not_what_was),
        cmocka_unit_test(T14_each_type_is_told_apart_from_missing),
        cmocka_unit_test(json__names_match_whole_and_exactly),
        cmocka_unit_test(T13_name_that_stands_twice_in_its_own_object_is_ambiguous),
        cmocka_unit_test(json__every_code_point_survives_escaped_and_written),
        cmocka_unit_test(json__members_beyond_the_capacity_are_counted_only),
        cmocka_unit_test(json__literal_is_put_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
