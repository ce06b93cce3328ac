#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expression.h"
#include "heap.h"
#include "memory.h"

#include <chatroom/json.h>

#include <stdio.h>
#include <stdlib.h>

static const char *vectors; /* path of the file */

static struct cr_expression *compiled(const char *text)
{
    struct cr_expression *expression = NULL;
    struct chatroom_error error;

    if (cr_expression_compile(&cr_default_alloc, chatroom_str(text), &expression, &error) != CHATROOM_OK)
        fail_msg("%s: %s", text, error.text);
    return expression;
}

/* ---- vectors ---- */

enum { FIELDS = 4 };

typedef void check_fn(char *const fields[FIELDS]);

/* Puts a NUL behind each field. False: a comment. */
static bool split(char *line, char *fields[FIELDS])
{
    line[strcspn(line, "\n")] = '\0';
    if (*line == '#')
        return false;
    for (int i = 0; i < FIELDS; i++) {
        assert_non_null(line);
        fields[i] = line;
        line = strchr(line, '\t');
        if (line)
            *line++ = '\0';
    }
    assert_null(line);
    return true;
}

/* Every vector of that name; that there are so many is known. */
static void each_vector(const char *name, int expected, check_fn *check)
{
    FILE *file = fopen(vectors, "r");
    char line[1024], *fields[FIELDS];
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (!split(line, fields) || strcmp(fields[0], name) != 0)
            continue;
        check(fields);
        count++;
    }
    fclose(file);
    assert_true(count >= expected);
}

static void check_value(char *const fields[FIELDS])
{
    struct cr_expression *expression = compiled(fields[1]);
    chatroom_span body = chatroom_str(fields[2]), value = chatroom_str("unset");
    char buffer[256];
    size_t count;
    int result;

    assert_int_equal(chatroom_json_scan(body, NULL, NULL, 0, &count), CHATROOM_OK);
    result = cr_expression_evaluate(expression, body, buffer, sizeof buffer, &value);
    if (fields[3][0] == '!')
        assert_string_equal(chatroom_errword(result), fields[3] + 1);
    else if (result != CHATROOM_OK || !chatroom_span_equal(value, chatroom_str(fields[3])))
        fail_msg("%s of %s: %s %.*s, not %s", fields[1], fields[2], chatroom_errword(result), (int)value.size,
                 value.bytes, fields[3]);
    cr_expression_free(expression);
}

static void check_refused(char *const fields[FIELDS])
{
    struct cr_expression *expression = NULL;
    struct chatroom_error error;
    char place[64] = ", at the end.";

    if (strcmp(fields[2], "0") != 0)
        snprintf(place, sizeof place, ", at character %s: \"", fields[2]);
    if (cr_expression_compile(&cr_default_alloc, chatroom_str(fields[1]), &expression, &error) != CHATROOM_EINVAL)
        fail_msg("not refused: %s", fields[1]);
    assert_null(expression);
    if (strncmp(error.text, fields[3], strlen(fields[3])) != 0 || !strstr(error.text, place))
        fail_msg("%s: %s", fields[1], error.text);
}

static void AGW_09_nested_paths_lead_to_their_value(void **state)
{
    (void)state;
    each_vector("AGW_09", 20, check_value);
}

static void AGW_10_every_row_of_the_evaluation_table_holds(void **state)
{
    (void)state;
    each_vector("AGW_10", 9, check_value);
}

static void AGW_11_a_missing_path_is_the_empty_string(void **state)
{
    (void)state;
    each_vector("AGW_11", 13, check_value);
}

static void AGW_15_a_result_is_not_evaluated_again(void **state)
{
    (void)state;
    each_vector("AGW_15", 7, check_value);
}

static void expression__every_kind_of_value_has_its_text(void **state)
{
    (void)state;
    each_vector("values", 16, check_value);
}

static void expression__a_name_that_is_read_may_not_stand_twice(void **state)
{
    (void)state;
    each_vector("ambiguous", 7, check_value);
}

static void expression__a_refusal_says_what_and_where(void **state)
{
    (void)state;
    each_vector("refused", 60, check_refused);
}

/* ---- the rest ---- */

static void assert_refused(chatroom_span text, const char *sentence)
{
    struct cr_expression *expression;
    struct chatroom_error error;

    assert_int_equal(cr_expression_compile(&cr_default_alloc, text, &expression, &error), CHATROOM_EINVAL);
    assert_string_equal(error.text, sentence);
    assert_int_equal(error.code, CHATROOM_EINVAL);
}

static void expression__a_refusal_is_one_whole_line(void **state)
{
    (void)state;
    assert_refused(chatroom_str("a\\nb"), "A bad escape (there is \\$ alone), at character 2: \"\\nb\".");
    assert_refused(chatroom_str("${request.body.a b}\xc3\xa9"),
                   "A path may not hold this (a name with other characters is written ['name']), at character 17: \" "
                   "b}\xc3\xa9\".");
    assert_refused(chatroom_str("\\12345678901234567890123\xc3\xa9z"),
                   "A bad escape (there is \\$ alone), at character 1: \"\\12345678901234567890123...\".");
    assert_refused(chatroom_str("a\nb\x7f"), "The expression holds a control character, at character 2: \"?b?\".");
}

static void expression__bytes_that_are_no_text_are_refused(void **state)
{
    struct cr_expression *expression;

    (void)state;
    assert_refused(chatroom_bytes("a\0", 2), "The expression holds a control character, at character 2: \"?\".");
    assert_refused(chatroom_str("a\xc3"), "The expression is not UTF-8, at the end.");
    assert_refused(chatroom_str("a\xff\xc3\xa9\xe2\x82z"),
                   "The expression is not UTF-8, at character 2: \"?\xc3\xa9??z\".");
    assert_int_equal(cr_expression_compile(&cr_default_alloc, chatroom_str("$"), &expression, NULL), CHATROOM_EINVAL);
}

static void expression__the_longest_is_1024_bytes(void **state)
{
    char text[CR_EXPRESSION_MOST + 2], buffer[CR_EXPRESSION_MOST];
    struct cr_expression *expression;
    chatroom_span value;

    (void)state;
    memset(text, 'a', sizeof text);
    text[CR_EXPRESSION_MOST] = '\0';
    expression = compiled(text);
    assert_int_equal(cr_expression_evaluate(expression, chatroom_str("{}"), buffer, sizeof buffer, &value),
                     CHATROOM_OK);
    assert_int_equal(value.size, CR_EXPRESSION_MOST);
    cr_expression_free(expression);
    text[CR_EXPRESSION_MOST] = 'a';
    assert_refused(chatroom_bytes(text, CR_EXPRESSION_MOST + 1),
                   "The expression is longer than 1024 bytes, at character 1025: \"a\".");
}

/* With every capacity below what it takes nothing is written past it, and it is said. */
static void assert_needs(const char *text, const char *body, const char *expected)
{
    struct cr_expression *expression = compiled(text);
    chatroom_span unset = chatroom_str("unset"), value = unset;

    for (size_t capacity = 0; capacity <= strlen(expected); capacity++) {
        char *buffer = malloc(capacity + (capacity == 0));
        int result;

        assert_non_null(buffer);
        result = cr_expression_evaluate(expression, chatroom_str(body), buffer, capacity, &value);
        if (capacity < strlen(expected)) {
            assert_int_equal(result, CHATROOM_ETOOBIG);
            assert_true(chatroom_span_equal(value, unset));
        } else {
            assert_int_equal(result, CHATROOM_OK);
            assert_true(chatroom_span_equal(value, chatroom_str(expected)));
        }
        free(buffer);
    }
    cr_expression_free(expression);
}

static void expression__a_result_that_does_not_fit_is_too_big(void **state)
{
    (void)state;
    assert_needs("a/${request.body.v}", "{\"v\":\"b\\u00e9\\ud834\\udd1e\"}", "a/b\xc3\xa9\xf0\x9d\x84\x9e");
    assert_needs("$request.body.v", "{\"v\":[1, \"ab\", {\"c\" : [2]}, null, 3]}", "[1, ab, {\"c\":[2]}, , 3]");
    assert_needs("fixed", "{}", "fixed");
}

static void expression__one_named_member_can_be_looked_up_without_it(void **state)
{
    static const char *const members[] = {"$request.body.action", "${request.body.action}", "$request.body['action']"};
    static const char *const others[] = {"$request.body.action.x", "$request.body",
                                         "$request.body[0]",       "action",
                                         "x$request.body.action",  "$request.body.action$request.body.action",
                                         "x$request.body",         "$request.body$request.body"};
    chatroom_span name;

    (void)state;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct cr_expression *expression = compiled(members[i]);

        assert_true(cr_expression_is_member(expression, &name));
        assert_int_equal(name.size, 6);
        assert_string_equal(name.bytes, "action");
        assert_false(cr_expression_is_static(expression));
        cr_expression_free(expression);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct cr_expression *expression = compiled(others[i]);

        assert_false(cr_expression_is_member(expression, &name));
        cr_expression_free(expression);
    }
}

static void expression__text_alone_is_static(void **state)
{
    static const char *const texts[] = {"fixed", "\\$default", "$request.body", "a$request.body.b", "${request.body}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cr_expression *expression = compiled(texts[i]);

        assert_int_equal(cr_expression_is_static(expression), i < 2);
        cr_expression_free(expression);
    }
}

static void expression__without_memory_nothing_is_left_behind(void **state)
{
    struct heap heap = {0};
    struct chatroom_alloc alloc = heap_alloc(&heap);
    struct cr_expression *expression = NULL;
    struct chatroom_error error;
    chatroom_span text = chatroom_str("${request.body.a['b'][1]}/c");

    (void)state;
    heap_fail(&heap, 1, 1);
    assert_int_equal(cr_expression_compile(&alloc, text, &expression, &error), CHATROOM_ENOMEM);
    assert_int_equal(error.code, CHATROOM_ENOMEM);
    assert_null(expression);
    assert_int_equal(cr_expression_compile(&alloc, text, &expression, &error), CHATROOM_OK);
    assert_int_equal(heap.blocks, 1);
    cr_expression_free(expression);
    assert_int_equal(heap.blocks, 0);
    cr_expression_free(NULL);
}

static void expression__evaluating_does_not_allocate(void **state)
{
    struct heap heap = {0};
    struct chatroom_alloc alloc = heap_alloc(&heap);
    struct cr_expression *expression = NULL;
    chatroom_span text = chatroom_str("${request.body.a['b'][1]}/c"), value;
    char buffer[16];
    uint64_t asked;

    (void)state;
    assert_int_equal(cr_expression_compile(&alloc, text, &expression, NULL), CHATROOM_OK);
    asked = heap.asked;
    assert_int_equal(
        cr_expression_evaluate(expression, chatroom_str("{\"a\":{\"b\":[0,\"\\n\"]}}"), buffer, sizeof buffer, &value),
        CHATROOM_OK);
    assert_true(chatroom_span_equal(value, chatroom_str("\n/c")));
    assert_int_equal(heap.asked, asked);
    cr_expression_free(expression);
}

static void expression__spaces_of_every_kind_are_not_written(void **state)
{
    (void)state;
    assert_needs("$request.body", "[1\t,\r\n2 , { \"a\"\t:\r[ true\n, \"b\\\" c\" ]\t}\r, -1.5e3\t]",
                 "[1, 2, {\"a\":[true,\"b\\\" c\"]}, -1.5e3]");
    assert_needs("$request.body.a", "{\"a\" :\t{ \"b\":null ,\r\"c\"\n:\"\\\\\" }\t}", "{\"b\":null,\"c\":\"\\\\\"}");
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_09_nested_paths_lead_to_their_value),
        cmocka_unit_test(AGW_10_every_row_of_the_evaluation_table_holds),
        cmocka_unit_test(AGW_11_a_missing_path_is_the_empty_string),
        cmocka_unit_test(AGW_15_a_result_is_not_evaluated_again),
        cmocka_unit_test(expression__every_kind_of_value_has_its_text),
        cmocka_unit_test(expression__a_name_that_is_read_may_not_stand_twice),
        cmocka_unit_test(expression__a_refusal_says_what_and_where),
        cmocka_unit_test(expression__a_refusal_is_one_whole_line),
        cmocka_unit_test(expression__bytes_that_are_no_text_are_refused),
        cmocka_unit_test(expression__the_longest_is_1024_bytes),
        cmocka_unit_test(expression__a_result_that_does_not_fit_is_too_big),
        cmocka_unit_test(expression__one_named_member_can_be_looked_up_without_it),
        cmocka_unit_test(expression__text_alone_is_static),
        cmocka_unit_test(expression__without_memory_nothing_is_left_behind),
        cmocka_unit_test(expression__evaluating_does_not_allocate),
        cmocka_unit_test(expression__spaces_of_every_kind_are_not_written),
    };

    vectors = count > 1 ? arguments[1] : "tests/unit/vectors/expressions.tsv";
    return cmocka_run_group_tests_name("expression", tests, NULL, NULL);
}
