/*
 * Policies. Input is an action, a resource and a document, a line feed behind the first two. A document that is found
 * good is evaluated, and then: a Deny of everything denies, wherever it is put; an Allow of everything allows but where
 * there was a Deny; an Allow of another resource changes nothing.
 */
#include "fuzz.h"

#include "http_text.h"

#include <chatroom/json.h>
#include <chatroom/policy.h>

/* A document of the statements of another and one more, before or behind them. */
static char *with_statement(chatroom_span document, const char *statement, bool before, chatroom_span *ret_text)
{
    size_t capacity = document.size + strlen(statement) + 32;
    struct chatroom_json json = chatroom_json_on(malloc(capacity), capacity);
    struct chatroom_json_value statements;
    struct chatroom_json_member one;
    struct chatroom_json_walk walk;

    REQUIRE(json.bytes);
    REQUIRE(chatroom_json_get(document, chatroom_str("Statement"), &statements) == CHATROOM_OK);
    chatroom_json_open(&json, '{');
    chatroom_json_name(&json, "Statement");
    chatroom_json_open(&json, '[');
    if (before)
        chatroom_json_raw(&json, chatroom_str(statement));
    if (statements.type != CHATROOM_JSON_ARRAY)
        chatroom_json_raw(&json, statements.raw);
    walk = chatroom_json_each(statements.raw);
    while (statements.type == CHATROOM_JSON_ARRAY && chatroom_json_next(&walk, &one))
        chatroom_json_raw(&json, one.value.raw);
    if (!before)
        chatroom_json_raw(&json, chatroom_str(statement));
    chatroom_json_close(&json, ']');
    chatroom_json_close(&json, '}');
    REQUIRE(chatroom_json_done(&json, ret_text));
    return json.bytes;
}

static enum chatroom_policy_effect evaluate_with(chatroom_span document, const char *statement, bool before,
                                                 chatroom_span action, chatroom_span resource)
{
    enum chatroom_policy_effect effect;
    chatroom_span text;
    char *bytes = with_statement(document, statement, before, &text);

    REQUIRE(chatroom_policy_check(text, NULL) == CHATROOM_OK);
    effect = chatroom_policy_evaluate(text, action, resource);
    free(bytes);
    return effect;
}

static void check_good(chatroom_span document, chatroom_span action, chatroom_span resource)
{
    static const char deny[] = "{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}",
                      allow[] = "{\"Effect\":\"Allow\",\"Action\":[\"*\"],\"Resource\":[\"*\"]}",
                      nothing[] = "{\"Effect\":\"Allow\",\"Action\":\"?\",\"Resource\":\"\"}";
    enum chatroom_policy_effect effect = chatroom_policy_evaluate(document, action, resource);

    REQUIRE(effect == CHATROOM_POLICY_NONE || effect == CHATROOM_POLICY_ALLOW || effect == CHATROOM_POLICY_DENY);
    for (int before = 0; before < 2; before++) {
        REQUIRE(evaluate_with(document, deny, before, action, resource) == CHATROOM_POLICY_DENY);
        REQUIRE(evaluate_with(document, allow, before, action, resource) ==
                (effect == CHATROOM_POLICY_DENY ? CHATROOM_POLICY_DENY : CHATROOM_POLICY_ALLOW));
        if (resource.size > 0)
            REQUIRE(evaluate_with(document, nothing, before, action, resource) == effect);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chatroom_span document = chatroom_bytes(bytes, size);
    chatroom_span action = http_text_take(&document, '\n'), resource = http_text_take(&document, '\n');
    struct chatroom_error error = {.code = CHATROOM_OK};
    int result = chatroom_policy_check(document, &error);

    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EJSON || result == CHATROOM_EINVAL);
    REQUIRE(error.code == result);
    REQUIRE((result == CHATROOM_OK) == (strnlen(error.text, sizeof error.text) == 0));
    if (result == CHATROOM_OK)
        check_good(document, action, resource);
    return 0;
}
