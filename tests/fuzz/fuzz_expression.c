/*
 * A selection expression on the first line, the message behind it. What is refused says so in one line of UTF-8. What
 * is compiled makes the same of the same message twice: valid UTF-8 in no more than the room it was given, and "too
 * big" if that is one byte short. One that names a member is that member's text.
 */
#include "fuzz.h"

#include "expression.h"
#include "memory.h"
#include "plain.h"

#include <chatroom/utf8.h>

enum { ROOM = 1 << 16 };

static void check_refusal(const struct chatroom_error *error)
{
    size_t size = strlen(error->text);

    REQUIRE(error->code == CHATROOM_EINVAL);
    REQUIRE(size > 0 && chatroom_utf8_valid(chatroom_str(error->text)));
    for (size_t i = 0; i < size; i++)
        REQUIRE((unsigned char)error->text[i] >= 0x20);
}

/* In a block of just that size, so that a byte beyond it is seen. */
static int evaluate(const struct cr_expression *expression, chatroom_span body, size_t capacity, chatroom_span expected)
{
    char *buffer = malloc(capacity + (capacity == 0));
    chatroom_span value;
    int result;

    REQUIRE(buffer);
    result = cr_expression_evaluate(expression, body, buffer, capacity, &value);
    REQUIRE(result != CHATROOM_OK || chatroom_span_equal(value, expected));
    free(buffer);
    return result;
}

static void check_member(chatroom_span name, chatroom_span body, int result, chatroom_span value)
{
    char *buffer = malloc(ROOM);
    struct chatroom_json out = chatroom_json_on(buffer, ROOM);
    struct chatroom_json_value member = {.type = CHATROOM_JSON_NONE};
    int found = chatroom_json_get(body, name, &member);
    chatroom_span text = {NULL, 0};

    REQUIRE(buffer && name.bytes[name.size] == '\0');
    if (found != CHATROOM_EAMBIGUOUS) {
        cr_plain_write(&out, &member);
        found = chatroom_json_done(&out, &text) ? CHATROOM_OK : CHATROOM_ETOOBIG;
    }
    REQUIRE(found == result);
    REQUIRE(result != CHATROOM_OK || chatroom_span_equal(text, value));
    free(buffer);
}

static void check_expression(const struct cr_expression *expression, chatroom_span body)
{
    char *buffer = malloc(ROOM);
    chatroom_span value = {NULL, 0}, name;
    int result;

    REQUIRE(buffer);
    result = cr_expression_evaluate(expression, body, buffer, ROOM, &value);
    if (result == CHATROOM_OK) {
        REQUIRE(value.size <= ROOM && chatroom_utf8_valid(value));
        REQUIRE(evaluate(expression, body, value.size, value) == CHATROOM_OK);
        if (value.size > 0)
            REQUIRE(evaluate(expression, body, value.size - 1, value) == CHATROOM_ETOOBIG);
    } else {
        REQUIRE(result == CHATROOM_EAMBIGUOUS || result == CHATROOM_ETOOBIG);
        REQUIRE(evaluate(expression, body, ROOM, value) == result);
    }
    REQUIRE(!cr_expression_is_static(expression) || result == CHATROOM_OK);
    if (cr_expression_is_member(expression, &name))
        check_member(name, body, result, value);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(bytes, '\n', size) : NULL;
    size_t line = newline ? (size_t)(newline - bytes) : size;
    chatroom_span text = chatroom_bytes(bytes, line);
    chatroom_span body = newline ? chatroom_bytes(newline + 1, size - line - 1) : chatroom_bytes(NULL, 0);
    struct cr_expression *expression = NULL;
    struct chatroom_error error;
    size_t count;
    int result = cr_expression_compile(&cr_default_alloc, text, &expression, &error);

    if (result != CHATROOM_OK) {
        check_refusal(&error);
        return 0;
    }
    if (chatroom_json_scan(body, NULL, NULL, 0, &count) == CHATROOM_OK)
        check_expression(expression, body);
    cr_expression_free(expression);
    return 0;
}
