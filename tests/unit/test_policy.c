#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include <chatroom/policy.h>

#define ARN          "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/"
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *statement(const char *effect, const char *action, const char *resource)
{
    static char texts[4][65536];
    static unsigned turn;
    char *text = texts[turn++ % 4];

    snprintf(text, sizeof texts[0], "{\"Effect\":\"%s\",\"Action\":%s,\"Resource\":%s}", effect, action, resource);
    return text;
}

static const char *policy(const char *statements)
{
    static char text[131072];

    snprintf(text, sizeof text, "{\"Version\":\"2012-10-17\",\"Statement\":%s}", statements);
    return text;
}

static enum chatroom_policy_effect evaluate(const char *document, const char *action, const char *resource)
{
    struct chatroom_error error = {0};

    if (chatroom_policy_check(chatroom_str(document), &error))
        fail_msg("%s: %s", document, error.text);
    return chatroom_policy_evaluate(chatroom_str(document), chatroom_str(action), chatroom_str(resource));
}

/* One Allow of one pattern, in JSON without its quotes. */
static bool allows(const char *pattern, const char *resource)
{
    char quoted[8192];

    snprintf(quoted, sizeof quoted, "\"%s\"", pattern);
    return evaluate(policy(statement("Allow", "\"*\"", quoted)), "execute-api:Invoke", resource) ==
           CHATROOM_POLICY_ALLOW;
}

static void AGW_50_a_wildcard_stands_for_what_is_there(void **state)
{
    (void)state;
    assert_true(allows(ARN "*", ARN "$connect"));
    assert_false(allows(ARN "*/*", ARN "$connect"));
    assert_true(allows(ARN "*/*", ARN "POST/@connections/x="));
    assert_true(allows(ARN "$connect", ARN "$connect"));
    assert_false(allows(ARN "$CONNECT", ARN "$connect"));
    assert_true(allows("arn:aws:execute-api:*:*:*/prod/$connect", ARN "$connect"));
    assert_true(allows("*", ARN "$connect"));
    assert_false(allows("prod/*", ARN "$connect"));
}

static void policy__patterns_cover_the_whole_text(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"**", "", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "ab", false},
        {"?*", "", false},
        {"?*", "a", true},
        {"*?", "abc", true},
        {"a*", "a", true},
        {"a*", "ba", false},
        {"*a", "ba", true},
        {"*a", "ab", false},
        {"a*b*c", "abc", true},
        {"a*b*c", "aXbXbXc", true},
        {"a*b*c", "aXcXb", false},
        {"*ab", "aab", true},
        {"*aab", "aaaab", true},
        {"a?c*", "abcd", true},
        {"*b?d", "abcbcd", true},
        {"**a**", "bab", true},
        {"?", "\xC3\xA9", true},
        {"??", "\xC3\xA9", false},
        {"*?", "\xC3\xA9", true},
        {"*??", "\xC3\xA9", false},
        {"?\xC3\xA9", "\xF0\x9F\x98\x80\xC3\xA9", true},
        {"?", "\xC3", true},
        {"\\u002a", "abc", true}, /* an escape of JSON is none of the pattern */
        {"\\u003f", "abc", false},
        {"a\\/b", "a/b", true},
        {"\\u0061", "a", true},
        {"[a]", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (allows(rows[i].pattern, rows[i].text) != rows[i].matches)
            fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].text);
}

static void AGW_49_deny_wins_wherever_it_stands(void **state)
{
    static const char allow[] = "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}",
                      deny[] = "{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"" ARN "$connect\"}";
    char both[1024];

    (void)state;
    snprintf(both, sizeof both, "[%s,%s]", allow, deny);
    assert_int_equal(evaluate(policy(both), "a:b", ARN "$connect"), CHATROOM_POLICY_DENY);
    assert_int_equal(evaluate(policy(both), "a:b", ARN "other"), CHATROOM_POLICY_ALLOW);
    snprintf(both, sizeof both, " [ %s , %s ] ", deny, allow);
    assert_int_equal(evaluate(policy(both), "a:b", ARN "$connect"), CHATROOM_POLICY_DENY);
    assert_int_equal(evaluate(policy(both), "a:b", ARN "other"), CHATROOM_POLICY_ALLOW);
    assert_int_equal(evaluate(policy(deny), "a:b", ARN "other"), CHATROOM_POLICY_NONE);
    assert_int_equal(evaluate(policy("[]"), "a:b", ARN "other"), CHATROOM_POLICY_NONE);
}

static void AGW_64_a_policy_for_post_covers_nothing_else(void **state)
{
    const char *document =
        policy(statement("Allow", "\"execute-api:ManageConnections\"", "\"" ARN "POST/@connections/*\""));

    (void)state;
    assert_int_equal(evaluate(document, "execute-api:ManageConnections", ARN "POST/@connections/JC1dgf9yoAMCK-g="),
                     CHATROOM_POLICY_ALLOW);
    assert_int_equal(evaluate(document, "execute-api:ManageConnections", ARN "GET/@connections/JC1dgf9yoAMCK-g="),
                     CHATROOM_POLICY_NONE);
    assert_int_equal(evaluate(document, "execute-api:ManageConnections", ARN "DELETE/@connections/JC1dgf9yoAMCK-g="),
                     CHATROOM_POLICY_NONE);
    assert_int_equal(evaluate(document, "execute-api:Invoke", ARN "POST/@connections/JC1dgf9yoAMCK-g="),
                     CHATROOM_POLICY_NONE);
}

static void policy__actions_have_no_case(void **state)
{
    (void)state;
    assert_int_equal(evaluate(policy(statement("Allow", "\"EXECUTE-API:inv*\"", "\"*\"")), "execute-api:Invoke", "x"),
                     CHATROOM_POLICY_ALLOW);
    assert_int_equal(
        evaluate(policy(statement("Allow", "\"execute-api:Invoked\"", "\"*\"")), "execute-api:Invoke", "x"),
        CHATROOM_POLICY_NONE);
}

static void policy__one_and_a_list_are_the_same(void **state)
{
    const char *document = policy(statement("Allow", "[\"a:1\", \"a:2\"]", "[ \"x\" ,\"y*\" ]"));

    (void)state;
    assert_int_equal(evaluate(document, "a:1", "x"), CHATROOM_POLICY_ALLOW);
    assert_int_equal(evaluate(document, "a:2", "yes"), CHATROOM_POLICY_ALLOW);
    assert_int_equal(evaluate(document, "a:3", "x"), CHATROOM_POLICY_NONE);
    assert_int_equal(evaluate(document, "a:1", "z"), CHATROOM_POLICY_NONE);
}

static void policy__names_of_people_may_be_there(void **state)
{
    (void)state;
    assert_int_equal(evaluate(" {\"Id\":\"\\u0061\",\"Version\":\"2008-10-17\",\"Statement\":{\"Sid\":\"s\",\"Effect\":"
                              "\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}} ",
                              "a", "b"),
                     CHATROOM_POLICY_ALLOW);
    assert_int_equal(
        evaluate("{\"Statement\":{\"Effect\":\"All\\u006Fw\",\"Action\":\"*\",\"Resource\":\"*\"}}", "a", "b"),
        CHATROOM_POLICY_ALLOW);
}

static void policy__what_would_be_passed_over_is_refused(void **state)
{
    static const struct {
        const char *document, *says;
    } rows[] = {
        {"[]", "not an object"},
        {"\"x\"", "not an object"},
        {"{}", "no Statement"},
        {"{\"Statement\":1}", "Statement"},
        {"{\"Statement\":null}", "Statement"},
        {"{\"Statement\":[[]]}", "Statement"},
        {"{\"Statement\":{}}", "Effect"},
        {"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},{}]}", "Effect"},
        {"{\"Statement\":{\"Effect\":\"allow\",\"Action\":\"*\",\"Resource\":\"*\"}}", "Effect"},
        {"{\"Statement\":{\"Effect\":[\"Allow\"],\"Action\":\"*\",\"Resource\":\"*\"}}", "Effect"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\"}}", "no Action"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\"}}", "no Resource"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\"}}", "no Action"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":[\"*\",1]}}", "Resource"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":{}}}", "Resource"},
        {"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":null}}", "Resource"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"a/${aws:username}\"}}", "variable"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"a/\\u0024{*}\"}}", "variable"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{}}}", "Condition"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"NotAction\":\"*\",\"Resource\":\"*\"}}", "NotAction"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"NotResource\":\"*\"}}", "NotResource"},
        {"{\"Statement\":{\"Principal\":\"*\",\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}", "Principal"},
        {"{\"Statement\":{\"effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}", "effect"},
        {"{\"Statement\":{\"Effec\\u0074\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}", "Effec"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}", "twice"},
        {"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"a\",\"Sid\":\"\",\"Resource\":\"*\"}}",
         "twice"},
        {"{\"Statement\":[],\"Statement\":[]}", "twice"},
        {"{\"Statement\":[],\"Statements\":[]}", "Statements"},
        {"{\"Statement\":[],\"Version\":\"2012-10-18\"}", "Version"},
        {"{\"Statement\":[],\"Version\":2012}", "Version"},
        {"{\"Statement\":[],\"Id\":1}", "Id"},
        {"{\"Statement\":{\"Sid\":1,\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}", "Sid"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct chatroom_error error = {0};

        if (chatroom_policy_check(chatroom_str(rows[i].document), &error) != CHATROOM_EINVAL ||
            error.code != CHATROOM_EINVAL || !strstr(error.text, rows[i].says))
            fail_msg("%s: %s", rows[i].document, error.text);
        assert_int_equal(chatroom_policy_check(chatroom_str(rows[i].document), NULL), CHATROOM_EINVAL);
    }
}

static void policy__what_is_not_json_is_called_so(void **state)
{
    static const char *const texts[] = {"", "{", "{\"Statement\":[}", "{\"Statement\":[]} x"};
    struct chatroom_error error;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(chatroom_policy_check(chatroom_str(texts[i]), &error), CHATROOM_EJSON);
        assert_int_equal(error.code, CHATROOM_EJSON);
    }
}

/* A JSON string of count times a piece, in quotes. */
static const char *repeated(const char *piece, size_t count)
{
    static char text[16384];
    size_t size = 0;

    size += (size_t)snprintf(text, sizeof text, "\"");
    for (size_t i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", piece);
    snprintf(text + size, sizeof text - size, "\"");
    return text;
}

static void policy__a_pattern_may_be_as_long_as_promised(void **state)
{
    static const char *const pieces[] = {"a", "\\u0061", "\\u002A"};

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        const char *good = policy(statement("Deny", repeated(pieces[i], CHATROOM_POLICY_PATTERN_MOST), "\"*\""));

        assert_int_equal(chatroom_policy_check(chatroom_str(good), NULL), CHATROOM_OK);
        assert_int_equal(
            chatroom_policy_check(
                chatroom_str(policy(statement("Deny", repeated(pieces[i], CHATROOM_POLICY_PATTERN_MOST + 1), "\"*\""))),
                NULL),
            CHATROOM_EINVAL);
    }
}

/* With a matcher that tries every way, neither comes to an end. */
static void policy__hostile_patterns_take_no_longer_than_their_size(void **state)
{
    char text[4097];
    clock_t start = clock();

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(evaluate(policy(statement("Allow", "\"*\"", repeated("*a", 255))), "x", text),
                     CHATROOM_POLICY_ALLOW);
    text[sizeof text - 2] = 'b';
    assert_int_equal(evaluate(policy(statement("Allow", "\"*\"", repeated("*a", 255))), "x", text),
                     CHATROOM_POLICY_NONE);
    assert_int_equal(evaluate(policy(statement("Allow", "\"*\"", repeated("*?a", 170))), "x", text),
                     CHATROOM_POLICY_NONE);
    assert_int_equal(evaluate(policy(statement("Allow", "\"*\"", repeated("*", 512))), "x", text),
                     CHATROOM_POLICY_ALLOW);
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

/* Escapes make a short pattern long, and what is longer than any of them is not even decoded. */
static void policy__a_pattern_of_any_length_beyond_is_refused(void **state)
{
    static const size_t counts[] = {513, 3070, 3073, 8000};

    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct chatroom_error error = {0};

        assert_int_equal(
            chatroom_policy_check(chatroom_str(policy(statement("Deny", "\"*\"", repeated("a", counts[i])))), &error),
            CHATROOM_EINVAL);
        assert_non_null(strstr(error.text, "Resource"));
    }
}

static void policy__an_element_that_stands_often_is_refused_like_one_that_stands_twice(void **state)
{
    char document[512] = "";

    (void)state;
    for (size_t count = 1; count <= 8; count++) {
        struct chatroom_error error = {0};

        strcpy(document, "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"");
        for (size_t i = 0; i < count; i++)
            strcat(document, ",\"Sid\":\"a\"");
        strcat(document, "}}");
        assert_int_equal(chatroom_policy_check(chatroom_str(document), &error),
                         count > 1 ? CHATROOM_EINVAL : CHATROOM_OK);
        assert_int_equal(strstr(error.text, "Sid twice") != NULL, count > 1);
    }
}

/* Nobody should ask; who does is not let in by what is no pattern. */
static void policy__what_was_not_checked_does_not_match_by_what_is_no_pattern(void **state)
{
    static const char *const odd[] = {"1", "null", "{}", "[1,true]"};
    const chatroom_span word = chatroom_str("x");

    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        const char *of_action = policy(statement("Allow", odd[i], "\"*\""));

        assert_int_equal(chatroom_policy_evaluate(chatroom_str(of_action), word, word), CHATROOM_POLICY_NONE);
    }
    assert_int_equal(
        chatroom_policy_evaluate(chatroom_str(policy(statement("Allow", repeated("*", 513), "\"*\""))), word, word),
        CHATROOM_POLICY_NONE);
}

static void policy__a_refusal_of_a_long_name_is_one_sentence(void **state)
{
    (void)state;
    for (size_t count = 200; count < 700; count += 7) {
        static char document[32768];
        struct chatroom_error error = {0};

        snprintf(document, sizeof document, "{%s:1}", repeated("n", count));
        assert_int_equal(chatroom_policy_check(chatroom_str(document), &error), CHATROOM_EINVAL);
        assert_int_equal(strlen(error.text),
                         sizeof error.text - 1 <
                                 strlen("A policy has the element , which is not evaluated here.") + count
                             ? sizeof error.text - 1
                             : strlen("A policy has the element , which is not evaluated here.") + count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(AGW_50_a_wildcard_stands_for_what_is_there),
        cmocka_unit_test(policy__patterns_cover_the_whole_text),
        cmocka_unit_test(AGW_49_deny_wins_wherever_it_stands),
        cmocka_unit_test(AGW_64_a_policy_for_post_covers_nothing_else),
        cmocka_unit_test(policy__actions_have_no_case),
        cmocka_unit_test(policy__one_and_a_list_are_the_same),
        cmocka_unit_test(policy__names_of_people_may_be_there),
        cmocka_unit_test(policy__what_would_be_passed_over_is_refused),
        cmocka_unit_test(policy__what_is_not_json_is_called_so),
        cmocka_unit_test(policy__a_pattern_may_be_as_long_as_promised),
        cmocka_unit_test(policy__hostile_patterns_take_no_longer_than_their_size),
        cmocka_unit_test(policy__a_pattern_of_any_length_beyond_is_refused),
        cmocka_unit_test(policy__an_element_that_stands_often_is_refused_like_one_that_stands_twice),
        cmocka_unit_test(policy__what_was_not_checked_does_not_match_by_what_is_no_pattern),
        cmocka_unit_test(policy__a_refusal_of_a_long_name_is_one_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
