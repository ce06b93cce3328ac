/*
 * A schema on the first line, a message behind it. What is refused says so in one line of UTF-8, be it the schema or
 * the message. A message is judged the same twice, in a block of just its size, and with spaces around it. A schema
 * that asks for less lets pass whatever the whole one does; and a list of one such message is judged as the message is,
 * by a schema for such lists.
 */
#include "fuzz.h"

#include <chatroom/json.h>
#include <chatroom/model.h>
#include <chatroom/utf8.h>

static void check_sentence(const struct chatroom_error *error, int code)
{
    size_t size = strlen(error->text);

    REQUIRE(error->code == code);
    REQUIRE(size > 0 && chatroom_utf8_valid(chatroom_str(error->text)));
    for (size_t i = 0; i < size; i++)
        REQUIRE((unsigned char)error->text[i] >= 0x20);
}

static int judge(const chatroom_model *model, const char *before, chatroom_span text, const char *after)
{
    size_t size = strlen(before) + text.size + strlen(after);
    char *copy = malloc(size + (size == 0));
    struct chatroom_error error = {CHATROOM_OK, ""};
    int result;

    REQUIRE(copy);
    memcpy(copy, before, strlen(before));
    if (text.size > 0)
        memcpy(copy + strlen(before), text.bytes, text.size);
    memcpy(copy + strlen(before) + text.size, after, strlen(after));
    result = chatroom_model_check(model, chatroom_bytes(copy, size), &error);
    if (result != CHATROOM_OK)
        check_sentence(&error, result);
    free(copy);
    return result;
}

static chatroom_model *make(chatroom_span schema)
{
    chatroom_model *model = NULL;
    struct chatroom_error error;
    int result = chatroom_model_new(NULL, schema, &model, &error);

    REQUIRE((result == CHATROOM_OK) == (model != NULL));
    if (result != CHATROOM_OK)
        check_sentence(&error, result);
    return model;
}

/* The schema's type and nothing else of it. */
static void check_weaker(chatroom_span schema, chatroom_span text, int result)
{
    struct chatroom_json_value type;
    char buffer[256];
    struct chatroom_json json = chatroom_json_on(buffer, sizeof buffer);
    chatroom_span weaker;
    chatroom_model *model;

    if (result != CHATROOM_OK || chatroom_json_get(schema, chatroom_str("type"), &type) != CHATROOM_OK ||
        type.type == CHATROOM_JSON_NONE)
        return;
    chatroom_json_open(&json, '{');
    chatroom_json_name(&json, "type");
    chatroom_json_raw(&json, type.raw);
    chatroom_json_close(&json, '}');
    if (!chatroom_json_done(&json, &weaker))
        return;
    model = make(weaker);
    REQUIRE(model && judge(model, "", text, "") == CHATROOM_OK);
    chatroom_model_free(model);
}

/* A list of the one message, by a schema of such lists. */
static void check_array(chatroom_span schema, chatroom_span text, int result)
{
    size_t size = schema.size + text.size + 64;
    char *bytes = malloc(2 * size);
    struct chatroom_json json = chatroom_json_on(bytes, size), array = chatroom_json_on(bytes + size, size);
    chatroom_span whole = {NULL, 0}, list = {NULL, 0};
    chatroom_model *model;
    size_t count;

    REQUIRE(bytes);
    chatroom_json_open(&json, '{');
    chatroom_json_name(&json, "items");
    chatroom_json_raw(&json, schema);
    chatroom_json_close(&json, '}');
    chatroom_json_open(&array, '[');
    chatroom_json_raw(&array, text);
    chatroom_json_close(&array, ']');
    REQUIRE(chatroom_json_done(&json, &whole) && chatroom_json_done(&array, &list));
    model = make(whole);
    if (model && chatroom_json_scan(list, NULL, NULL, 0, &count) == CHATROOM_OK)
        REQUIRE(judge(model, "", list, "") == result);
    chatroom_model_free(model);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(bytes, '\n', size) : NULL;
    size_t line = newline ? (size_t)(newline - bytes) : size;
    chatroom_span schema = chatroom_bytes(bytes, line);
    chatroom_span text = newline ? chatroom_bytes(newline + 1, size - line - 1) : chatroom_bytes(NULL, 0);
    chatroom_model *model = make(schema);
    size_t count;
    int result;

    if (!model)
        return 0;
    result = judge(model, "", text, "");
    REQUIRE(judge(model, " \t", text, "\r\n") == result);
    REQUIRE((result == CHATROOM_EJSON) == (chatroom_json_scan(text, NULL, NULL, 0, &count) != CHATROOM_OK));
    if (result != CHATROOM_EJSON) {
        check_weaker(schema, text, result);
        check_array(schema, text, result);
    }
    chatroom_model_free(model);
    return 0;
}
