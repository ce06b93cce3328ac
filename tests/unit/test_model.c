#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/json.h>
#include <chatroom/model.h>
#include <chatroom/utf8.h>

#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static chatroom_model *made(const char *schema)
{
    chatroom_model *model = NULL;
    struct chatroom_error error;

    if (chatroom_model_new(NULL, chatroom_str(schema), &model, &error) != CHATROOM_OK)
        fail_msg("%s: %s", schema, error.text);
    return model;
}

/* sentence NULL: it passes. */
static void assert_check(const char *schema, const char *text, const char *sentence)
{
    chatroom_model *model = made(schema);
    struct chatroom_error error = {CHATROOM_OK, ""};
    int result = chatroom_model_check(model, chatroom_str(text), &error);

    assert_int_equal(chatroom_model_check(model, chatroom_str(text), NULL), result);
    if (result != (sentence ? CHATROOM_EINVAL : CHATROOM_OK))
        fail_msg("%s with %s: %s %s", schema, text, chatroom_errword(result), error.text);
    assert_string_equal(error.text, sentence ? sentence : "");
    chatroom_model_free(model);
}

static void assert_passes(const char *schema, const char *text)
{
    assert_check(schema, text, NULL);
}

static void assert_refused(const char *schema, int code, const char *sentence)
{
    chatroom_model *model = NULL;
    struct chatroom_error error = {CHATROOM_OK, ""};

    if (chatroom_model_new(NULL, chatroom_str(schema), &model, &error) != code)
        fail_msg("%s: %s", schema, error.text);
    assert_string_equal(error.text, sentence);
    assert_int_equal(error.code, code);
    assert_null(model);
}

/* ---- checking ---- */

static void model__a_value_is_of_one_of_its_types(void **state)
{
    static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    static const char *const values[] = {"null", "true", "7", "7.5", "\"x\"", "[]", "{}"};
    char schema[64];

    (void)state;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++) {
            char sentence[128];

            snprintf(schema, sizeof schema, "{\"type\":\"%s\"}", types[i]);
            snprintf(sentence, sizeof sentence, "Expected %s, found %s, at $.", types[i], j == 2 ? "number" : types[j]);
            assert_check(schema, values[j], i == j || (i == 3 && j == 2) ? NULL : sentence);
        }
    assert_passes("{\"type\":[\"string\",\"null\"]}", " null ");
    assert_passes("{\"type\":\"integer\"}", "70e-1");
    assert_check("{\"type\":[\"string\",\"null\"]}", "false", "Expected null or string, found boolean, at $.");
    assert_passes("{}", "[1]");
}

static void model__an_enum_is_compared_by_value(void **state)
{
    static const char schema[] = "{\"enum\":[\"a\\u0062\",10,null,true]}";

    (void)state;
    assert_passes(schema, "\"ab\"");
    assert_passes(schema, "\"\\u0061b\"");
    assert_passes(schema, "1e1");
    assert_passes(schema, "10.0");
    assert_passes(schema, "null");
    assert_passes(schema, "true");
    assert_check(schema, "false", "None of the values of enum, at $.");
    assert_check(schema, "\"abc\"", "None of the values of enum, at $.");
    assert_check(schema, "\"10\"", "None of the values of enum, at $.");
    assert_check(schema, "10.1", "None of the values of enum, at $.");
    assert_check(schema, "[\"ab\"]", "None of the values of enum, at $.");
}

static void model__lengths_are_counted_in_code_points(void **state)
{
    static const char schema[] = "{\"minLength\":2,\"maxLength\":3}";

    (void)state;
    assert_passes(schema, "\"ab\"");
    assert_passes(schema, "\"\xc3\xa9\xf0\x9d\x84\x9e\xe2\x82\xac\"");
    assert_passes(schema, "\"\\u00e9\\ud834\\uDD1E\\n\"");
    assert_passes(schema, "\"\\\\\\\"\\/\"");
    assert_passes(schema, "\"\\uD7FFud\"");
    assert_passes(schema, "\"\\ue000\\u0064\"");
    assert_passes(schema, "12345");
    assert_check(schema, "\"\xf0\x9d\x84\x9e\"", "Shorter than minLength 2, at $.");
    assert_check(schema, "\"\\ud834\\udd1e\"", "Shorter than minLength 2, at $.");
    assert_check(schema, "\"abcd\"", "Longer than maxLength 3, at $.");
    assert_check(schema, "\"\\\\ud8\"", "Longer than maxLength 3, at $.");
    assert_check(schema, "\"\\u0064800\\n\"", "Longer than maxLength 3, at $.");
    assert_check("{\"maxLength\":0}", "\"a\"", "Longer than maxLength 0, at $.");
}

static void model__numbers_keep_to_their_limits(void **state)
{
    static const char within[] = "{\"minimum\":-1.5,\"maximum\":9007199254740993}";
    static const char between[] = "{\"minimum\":0,\"exclusiveMinimum\":true,\"maximum\":1,\"exclusiveMaximum\":true}";

    (void)state;
    assert_passes(within, "-1.5");
    assert_passes(within, "-15e-1");
    assert_passes(within, "9007199254740993");
    assert_check(within, "-1.50000000000000000001", "Below minimum -1.5, at $.");
    assert_check(within, "9007199254740994", "Above maximum 9007199254740993, at $.");
    assert_check(within, "1e400", "Above maximum 9007199254740993, at $.");
    assert_passes(between, "0.5");
    assert_passes(between, "1e-400");
    assert_check(between, "0", "Not above minimum 0, at $.");
    assert_check(between, "-1", "Below minimum 0, at $.");
    assert_check(between, "1.0", "Not below maximum 1, at $.");
    assert_passes("{\"minimum\":0,\"exclusiveMinimum\":false}", "-0");
    assert_passes(between, "\"7\"");
}

static void model__arrays_have_so_many_elements_of_a_kind(void **state)
{
    static const char schema[] = "{\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}";

    (void)state;
    assert_passes(schema, "[1]");
    assert_passes(schema, "[ 1 , 2 ]");
    assert_check(schema, "[]", "Fewer elements than minItems 1, at $.");
    assert_check(schema, "[1,2,3]", "More elements than maxItems 2, at $.");
    assert_check(schema, "[1,\"2\"]", "Expected integer, found string, at $[1].");
    assert_passes(schema, "{}");
    assert_check("{\"maxItems\":0}", "[1]", "More elements than maxItems 0, at $.");
}

static void model__objects_have_their_members(void **state)
{
    static const char schema[] =
        "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"id\":\"x\",\"title\":\"t\","
        "\"description\":\"d\",\"default\":{},\"type\":\"object\",\"required\":[\"action\",\"n\"],"
        "\"properties\":{\"action\":{\"enum\":[\"join\"]},\"room\":{\"type\":\"string\"}},"
        "\"additionalProperties\":{\"type\":\"number\"}}";

    (void)state;
    assert_passes(schema, "{\"action\":\"join\",\"n\":1}");
    assert_passes(schema, "{\"x\":2,\"n\":1,\"room\":\"tea\",\"\\u0061ction\":\"join\"}");
    assert_check(schema, "{\"n\":1}", "Missing is \"action\", at $.");
    assert_check(schema, "{\"action\":\"join\"}", "Missing is \"n\", at $.");
    assert_check(schema, "{\"action\":\"leave\",\"n\":1}", "None of the values of enum, at $.action.");
    assert_check(schema, "{\"action\":\"join\",\"n\":\"1\"}", "Expected number, found string, at $.n.");
    assert_check(schema, "{\"action\":\"join\",\"n\":1,\"z\":null}", "Expected number, found null, at $.z.");
    assert_check(schema, "{\"action\":\"join\",\"n\":1,\"\\u0061ction\":\"join\"}",
                 "There are two of \"action\", at $.");
    assert_passes(schema, "{\"action\":\"join\",\"n\":1,\"z\":2,\"z\":3}");
}

static void model__additional_properties_can_be_refused(void **state)
{
    static const char schema[] = "{\"properties\":{\"a\":{},\"\":{}},\"additionalProperties\":false}";
    char text[600], sentence[256];

    (void)state;
    assert_passes(schema, "{}");
    assert_passes(schema, "{\"a\":[],\"\":1}");
    assert_passes(schema, "[1]");
    assert_check(schema, "{\"a\":1,\"b\":2}", "There may not be \"b\", at $.");
    assert_check("{\"required\":[\"a\"],\"additionalProperties\":false}", "{\"a\":1}", "There may not be \"a\", at $.");
    assert_passes("{\"properties\":{\"a\":{}},\"additionalProperties\":true}", "{\"b\":1}");
    /* A name that is longer than any in a schema, and escaped. */
    snprintf(text, sizeof text, "{\"\\n%0520d\":1}", 0);
    snprintf(sentence, sizeof sentence, "There may not be \"\\n%062d...\", at $.", 0);
    assert_check(schema, text, sentence);
}

static void model__a_failure_deep_inside_says_where(void **state)
{
    static const char schema[] =
        "{\"properties\":{\"rooms\":{\"items\":{\"properties\":{\"b\":{\"type\":\"string\"},\"members\":{\"items\":"
        "{\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"}}}}}}},\"a\":{\"type\":\"null\"}}}";

    (void)state;
    assert_passes(schema, "{\"rooms\":[{},{\"members\":[{\"name\":\"x\"}],\"b\":\"\"}],\"a\":null}");
    assert_check(schema, "{\"rooms\":[{},{\"members\":[{\"name\":\"x\"},{\"name\":1}]}]}",
                 "Expected string, found number, at $.rooms[1].members[1].name.");
    assert_check(schema, "{\"rooms\":[{\"members\":[{\"nam\\ne\":1}]}]}",
                 "Missing is \"name\", at $.rooms[0].members[0].");
    assert_check(schema, "{\"a\":1}", "Expected null, found number, at $.a.");
}

static void model__what_is_no_json_is_told_apart(void **state)
{
    chatroom_model *model = made("{}");
    struct chatroom_error error;

    (void)state;
    assert_int_equal(chatroom_model_check(model, chatroom_str("{"), &error), CHATROOM_EJSON);
    assert_int_equal(error.code, CHATROOM_EJSON);
    assert_int_equal(chatroom_model_check(model, chatroom_str(""), NULL), CHATROOM_EJSON);
    chatroom_model_free(model);
    chatroom_model_free(NULL);
}

static void model__many_names_are_found_each(void **state)
{
    char *schema = malloc(CHATROOM_MODEL_MOST), *text = malloc(CHATROOM_MODEL_MOST);
    size_t size = 0, used = 0;
    chatroom_model *model;
    struct chatroom_error error;

    (void)state;
    assert_true(schema && text);
    size += (size_t)sprintf(schema, "{\"additionalProperties\":false,\"properties\":{");
    used += (size_t)sprintf(text, "{");
    for (int i = 0; i < CHATROOM_MODEL_NAMES; i++) {
        int n = i * 37 % CHATROOM_MODEL_NAMES;

        size += (size_t)sprintf(schema + size, "%s\"\\u006e%d\":{\"enum\":[%d]}", i ? "," : "", n, n);
        used += (size_t)sprintf(text + used, "%s\"n%d\":%d", i ? "," : "", i, i);
    }
    strcpy(text + used, "}");
    strcpy(schema + size, "}}");
    model = made(schema);
    assert_int_equal(chatroom_model_check(model, chatroom_str(text), &error), CHATROOM_OK);
    text[used - 1] = '0'; /* of 255 */
    assert_int_equal(chatroom_model_check(model, chatroom_str(text), &error), CHATROOM_EINVAL);
    assert_string_equal(error.text, "None of the values of enum, at $.n255.");
    chatroom_model_free(model);
    strcpy(schema + size, ",\"more\":{}}}");
    assert_refused(schema, CHATROOM_EINVAL, "There are more than 256 names, at $.properties.");
    free(schema);
    free(text);
}

/* ---- refusing schemas ---- */

static void model__a_keyword_that_is_not_understood_is_refused(void **state)
{
    static const char *const keywords[] = {"pattern",
                                           "uniqueItems",
                                           "$ref",
                                           "allOf",
                                           "anyOf",
                                           "oneOf",
                                           "not",
                                           "format",
                                           "multipleOf",
                                           "patternProperties",
                                           "dependencies",
                                           "definitions",
                                           "additionalItems",
                                           "minProperties",
                                           "maxProperties",
                                           "const",
                                           "Type",
                                           ""};
    char schema[128], sentence[128];

    (void)state;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        snprintf(schema, sizeof schema, "{\"properties\":{\"a\":{\"%s\":1}}}", keywords[i]);
        snprintf(sentence, sizeof sentence, "There is no keyword of this kind: \"%s\", at $.properties.a.",
                 keywords[i]);
        assert_refused(schema, CHATROOM_EINVAL, sentence);
    }
}

static void model__a_bad_schema_is_refused_with_its_place(void **state)
{
    static const char list[] = "This is a list of names, at $.required.";
    static const char number[] = "This is a whole number from 0 to 999999999, in digits, at $.minItems.";
    static const char *const refused[][2] = {
        {"[]", "A schema is an object, at $."},
        {"true", "A schema is an object, at $."},
        {"{\"type\":\"int\"}",
         "A type is none of null, boolean, integer, number, string, array and object, at $.type."},
        {"{\"type\":7}", "A type is none of null, boolean, integer, number, string, array and object, at $.type."},
        {"{\"type\":{\"a\":\"string\"}}",
         "A type is none of null, boolean, integer, number, string, array and object, at $.type."},
        {"{\"type\":[]}", "There is no type in the list, at $.type."},
        {"{\"type\":[\"null\",\"null\"]}", "A type stands twice, at $.type."},
        {"{\"enum\":[]}", "An enum is a list of at least one value, at $.enum."},
        {"{\"enum\":\"a\"}", "An enum is a list of at least one value, at $.enum."},
        {"{\"enum\":{\"a\":1}}", "An enum is a list of at least one value, at $.enum."},
        {"{\"enum\":[1,[2]]}", "An enum may not hold arrays or objects, at $.enum."},
        {"{\"properties\":[]}", "This is an object: a schema for each name, at $.properties."},
        {"{\"properties\":{\"a\":[]}}", "A schema is an object, at $.properties.a."},
        {"{\"properties\":{\"a\":{},\"\\u0061\":{}}}", "There are two of \"a\", at $.properties."},
        {"{\"type\":\"null\",\"type\":\"null\"}", "There are two of \"type\", at $."},
        {"{\"required\":[],\"required\":[]}", "There are two of \"required\", at $."},
        {"{\"required\":true}", list},
        {"{\"required\":[1]}", list},
        {"{\"required\":[\"a\",\"b\",\"a\"]}", "There are two of \"a\", at $.required."},
        {"{\"additionalProperties\":1}", "A schema is an object, at $.additionalProperties."},
        {"{\"items\":[{}]}", "A list of schemas is not supported: items is one for all elements, at $.items."},
        {"{\"items\":{\"items\":true}}", "A schema is an object, at $.items.items."},
        {"{\"minItems\":-1}", number},
        {"{\"minItems\":1.0}", number},
        {"{\"minItems\":\"1\"}", number},
        {"{\"minItems\":1000000000}", number},
        {"{\"minimum\":\"1\"}", "This is a number, at $.minimum."},
        {"{\"minimum\":1,\"exclusiveMinimum\":1}", "This is true or false, as draft 4 has it, at $.exclusiveMinimum."},
        {"{\"exclusiveMinimum\":true}", "There is exclusiveMinimum without minimum, at $."},
        {"{\"exclusiveMaximum\":true}", "There is exclusiveMaximum without maximum, at $."},
        {"{\"minimum\":2,\"maximum\":1e0}", "A lower limit is above the upper one, at $."},
        {"{\"minItems\":2,\"maxItems\":1}", "A lower limit is above the upper one, at $."},
        {"{\"minLength\":2,\"maxLength\":1}", "A lower limit is above the upper one, at $."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_refused(refused[i][0], CHATROOM_EINVAL, refused[i][1]);
    assert_refused("{", CHATROOM_EJSON, "The schema is not valid JSON.");
    assert_refused("", CHATROOM_EJSON, "The schema is not valid JSON.");
}

static void model__a_schema_has_a_size(void **state)
{
    char *schema = malloc(CHATROOM_MODEL_MOST + 1), name[640];
    chatroom_model *model = NULL;
    struct chatroom_error error;

    (void)state;
    assert_non_null(schema);
    memset(schema, ' ', CHATROOM_MODEL_MOST + 1);
    memcpy(schema, "{}", 2);
    assert_int_equal(chatroom_model_new(NULL, chatroom_bytes(schema, CHATROOM_MODEL_MOST), &model, &error),
                     CHATROOM_OK);
    chatroom_model_free(model);
    assert_int_equal(chatroom_model_new(NULL, chatroom_bytes(schema, CHATROOM_MODEL_MOST + 1), &model, &error),
                     CHATROOM_ETOOBIG);
    free(schema);
    snprintf(name, sizeof name, "{\"required\":[\"%0512d\"]}", 0);
    chatroom_model_free(made(name));
    snprintf(name, sizeof name, "{\"required\":[\"%0513d\"]}", 0);
    assert_refused(name, CHATROOM_EINVAL, "A name is longer than 512 bytes, at $.required.");
}

/* ---- memory and time ---- */

static const char whole[] = "{\"required\":[\"\\u0061\",\"b\"],\"properties\":{\"a\":{\"enum\":[\"\\n\",1,2,3,4,5]},"
                            "\"c\":{\"items\":{\"items\":"
                            "{\"items\":{\"items\":{\"required\":[\"x\",\"y\",\"z\",\"v\",\"w\"]}}}}}}}";

static void model__without_memory_nothing_is_left_behind(void **state)
{
    struct heap heap = {0};
    struct chatroom_alloc alloc = heap_alloc(&heap);
    uint64_t n;
    int result;

    (void)state;
    for (n = 1;; n++) {
        chatroom_model *model = NULL;
        struct chatroom_error error;

        heap_fail(&heap, n, 1);
        result = chatroom_model_new(&alloc, chatroom_str(whole), &model, &error);
        if (result == CHATROOM_OK) {
            chatroom_model_free(model);
            break;
        }
        assert_int_equal(result, CHATROOM_ENOMEM);
        assert_int_equal(error.code, CHATROOM_ENOMEM);
        assert_null(model);
        assert_int_equal(heap.blocks, 0);
    }
    assert_true(n > 6);
    assert_int_equal(heap.blocks, 0);
}

static void model__checking_does_not_allocate(void **state)
{
    struct heap heap = {0};
    struct chatroom_alloc alloc = heap_alloc(&heap);
    chatroom_model *model = NULL;
    struct chatroom_error error;
    uint64_t asked;

    (void)state;
    assert_int_equal(chatroom_model_new(&alloc, chatroom_str(whole), &model, NULL), CHATROOM_OK);
    asked = heap.asked;
    assert_int_equal(
        chatroom_model_check(model, chatroom_str("{\"b\":1,\"\\u0061\":\"\\u000a\",\"c\":[[[[7]]]]}"), &error),
        CHATROOM_OK);
    assert_int_equal(chatroom_model_check(model, chatroom_str("{\"b\":1}"), &error), CHATROOM_EINVAL);
    assert_int_equal(heap.asked, asked);
    chatroom_model_free(model);
    assert_int_equal(heap.blocks, 0);
}

enum { LARGEST = 128 * 1024 };

/* head, then unit as often as it fits before tail, in 128 KiB. */
static double seconds_for(const chatroom_model *model, const char *head, const char *unit, const char *tail)
{
    char *text = malloc(LARGEST);
    size_t used = strlen(head);
    clock_t start;

    assert_non_null(text);
    memcpy(text, head, used);
    for (; used + strlen(unit) + strlen(tail) <= LARGEST; used += strlen(unit))
        memcpy(text + used, unit, strlen(unit));
    memcpy(text + used, tail, strlen(tail));
    start = clock();
    assert_int_equal(chatroom_model_check(model, chatroom_bytes(text, used + strlen(tail)), NULL), CHATROOM_OK);
    free(text);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* As deep as a schema can be: each level looks at all that is inside it once more. */
static void model__the_worst_that_128_kib_can_hold_takes_little_time(void **state)
{
    char schema[1024] = "", head[CHATROOM_JSON_DEPTH] = "", tail[CHATROOM_JSON_DEPTH] = "";
    char end[CHATROOM_JSON_DEPTH + 1];
    chatroom_model *deep, *names = made("{\"properties\":{\"a\":{\"enum\":[1]},\"aaaaaa\":{}}}");

    (void)state;
    for (int i = 0; i < CHATROOM_JSON_DEPTH - 1; i++)
        strcat(schema, "{\"items\":");
    strcat(schema, "{\"type\":\"number\"}");
    for (int i = 0; i < CHATROOM_JSON_DEPTH - 1; i++)
        strcat(schema, "}");
    memset(head, '[', CHATROOM_JSON_DEPTH - 1);
    memset(tail, ']', CHATROOM_JSON_DEPTH - 1);
    deep = made(schema);
    assert_true(seconds_for(deep, head, "1,", strcat(strcpy(end, "1"), tail)) < 1);
    assert_true(seconds_for(names, "{\"a\":1", ",\"\\u0062\":1", "}") < 1);
    assert_true(seconds_for(names, "{\"a\":1.", "0", "}") < 1);
    chatroom_model_free(deep);
    chatroom_model_free(names);
}

static void model__a_long_name_is_cut_between_characters(void **state)
{
    static const char before[] = "{\"properties\":{},\"", behind[] = "\":1}";
    char schema[160];

    (void)state;
    for (size_t plain = 55; plain <= 65; plain++) {
        chatroom_model *model = NULL;
        struct chatroom_error error = {CHATROOM_OK, ""};
        size_t size = 0;

        size += (size_t)snprintf(schema, sizeof schema, "%s", before);
        memset(schema + size, 'k', plain);
        snprintf(schema + size + plain, sizeof schema - size - plain, "\xE2\x82\xAC%s", behind);
        assert_int_equal(chatroom_model_new(NULL, chatroom_str(schema), &model, &error), CHATROOM_EINVAL);
        assert_true(chatroom_utf8_valid(chatroom_str(error.text)));
        assert_null(strchr(error.text, '?'));
        assert_int_equal(strstr(error.text, "...\"") != NULL, plain + 3 > 64);
    }
}

static void model__counts_and_choices_of_another_shape_are_refused(void **state)
{
    static const char *const counts[] = {"1.5", "1e2", "-1", "1000000000", "\"1\"", "null", "[1]"};
    static const char *const choices[] = {"[[]]", "[{}]", "[1,[2]]", "[1,{}]", "[]", "{}", "1"};
    char schema[64];

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        chatroom_model *model = NULL;

        snprintf(schema, sizeof schema, "{\"maxLength\":%s}", counts[i]);
        assert_int_equal(chatroom_model_new(NULL, chatroom_str(schema), &model, NULL), CHATROOM_EINVAL);
        snprintf(schema, sizeof schema, "{\"enum\":%s}", choices[i]);
        assert_int_equal(chatroom_model_new(NULL, chatroom_str(schema), &model, NULL), CHATROOM_EINVAL);
        assert_null(model);
    }
    chatroom_model_free(made("{\"maxLength\":999999999}"));
    chatroom_model_free(made("{\"maxLength\":0}"));
}

static void model__a_long_name_of_a_message_is_cut_between_characters(void **state)
{
    chatroom_model *model = made("{\"additionalProperties\":false}");

    (void)state;
    for (size_t plain = 55; plain <= 65; plain++) {
        struct chatroom_error error = {CHATROOM_OK, ""};
        char message[128] = "{\"", name[128];

        memset(name, 'k', plain);
        strcpy(name + plain, "\xE2\x82\xAC");
        strcat(strcat(message, name), "\":1}");
        assert_int_equal(chatroom_model_check(model, chatroom_str(message), &error), CHATROOM_EINVAL);
        assert_true(chatroom_utf8_valid(chatroom_str(error.text)));
        assert_null(strchr(error.text, '?'));
        assert_int_equal(strstr(error.text, "...\"") != NULL, plain + 3 > 64);
        assert_int_equal(strstr(error.text, name) != NULL, plain + 3 <= 64);
    }
    chatroom_model_free(model);
}

static void model__each_enum_has_its_own_choices(void **state)
{
    static const char schema[] = "{\"properties\":{\"a\":{\"enum\":[1]},\"b\":{\"enum\":[2,3]},\"c\":{\"enum\":[4]}}}";

    (void)state;
    assert_passes(schema, "{\"a\":1,\"b\":3,\"c\":4}");
    assert_check(schema, "{\"a\":2}", "None of the values of enum, at $.a.");
    assert_check(schema, "{\"b\":1}", "None of the values of enum, at $.b.");
    assert_check(schema, "{\"b\":4}", "None of the values of enum, at $.b.");
    assert_check(schema, "{\"c\":3}", "None of the values of enum, at $.c.");
}

static void model__what_stands_behind_an_escape_is_counted(void **state)
{
    static const char *const twos[] = {
        "\\ud83d\\ude00a",   "\\u00e4a", "\\na",           "a\\ud83d\\ude00",
        "\\uDBFF\\uDFFF\\n", "\\\\\\\\", "\\u0041\\u0042", "\xE2\x82\xAC\xF0\x9F\x98\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof twos / sizeof *twos; i++) {
        char text[64];

        snprintf(text, sizeof text, "\"%s\"", twos[i]);
        assert_passes("{\"minLength\":2,\"maxLength\":2}", text);
        assert_check("{\"maxLength\":1}", text, "Longer than maxLength 1, at $.");
        assert_check("{\"minLength\":3}", text, "Shorter than minLength 3, at $.");
    }
}

static void model__a_name_with_escapes_is_the_one_that_is_required(void **state)
{
    static const char schema[] = "{\"properties\":{\"ab\":{\"type\":\"string\"}},\"required\":[\"ab\"]}";

    (void)state;
    assert_passes(schema, "{\"\\u0061b\":\"x\"}");
    assert_check(schema, "{\"a\\u0062\":1}", "Expected string, found number, at $.a\\u0062.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model__a_value_is_of_one_of_its_types),
        cmocka_unit_test(model__an_enum_is_compared_by_value),
        cmocka_unit_test(model__lengths_are_counted_in_code_points),
        cmocka_unit_test(model__numbers_keep_to_their_limits),
        cmocka_unit_test(model__arrays_have_so_many_elements_of_a_kind),
        cmocka_unit_test(model__objects_have_their_members),
        cmocka_unit_test(model__additional_properties_can_be_refused),
        cmocka_unit_test(model__a_failure_deep_inside_says_where),
        cmocka_unit_test(model__what_is_no_json_is_told_apart),
        cmocka_unit_test(model__many_names_are_found_each),
        cmocka_unit_test(model__a_keyword_that_is_not_understood_is_refused),
        cmocka_unit_test(model__a_bad_schema_is_refused_with_its_place),
        cmocka_unit_test(model__a_schema_has_a_size),
        cmocka_unit_test(model__without_memory_nothing_is_left_behind),
        cmocka_unit_test(model__checking_does_not_allocate),
        cmocka_unit_test(model__the_worst_that_128_kib_can_hold_takes_little_time),
        cmocka_unit_test(model__a_long_name_is_cut_between_characters),
        cmocka_unit_test(model__counts_and_choices_of_another_shape_are_refused),
        cmocka_unit_test(model__a_long_name_of_a_message_is_cut_between_characters),
        cmocka_unit_test(model__each_enum_has_its_own_choices),
        cmocka_unit_test(model__what_stands_behind_an_escape_is_counted),
        cmocka_unit_test(model__a_name_with_escapes_is_the_one_that_is_required),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
