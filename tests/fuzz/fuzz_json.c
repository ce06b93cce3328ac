/*
 * The JSON scanner against jansson: both accept the same texts and find the same values in them, and what the writer
 * makes of those values is scanned again. They are known to differ in this:
 *   - the scanner ends at a depth of CHATROOM_JSON_DEPTH, jansson at 2048;
 *   - the scanner looks at a number's form only, jansson refuses one that a double cannot hold;
 *   - jansson refuses \u0000 in a name, and takes a NUL behind the value for the end of the text;
 *   - of a name that stands twice jansson keeps the last value, chatroom_json_get() calls it ambiguous.
 */
#include "fuzz.h"

#include <chatroom/json.h>
#include <jansson.h>

#define MEMBERS 32 /* of an object that are looked at */

static json_t *load(chatroom_span text, json_error_t *error)
{
    return json_loadb(text.bytes ? text.bytes : "", text.size,
                      JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, error);
}

static size_t depth_of(const json_t *json)
{
    size_t deepest = 0, index;
    const char *name;
    json_t *value;

    json_array_foreach(json, index, value)
    {
        size_t depth = depth_of(value);

        deepest = depth > deepest ? depth : deepest;
    }
    json_object_foreach((json_t *)json, name, value)
    {
        size_t depth = depth_of(value);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + (json_is_array(json) || json_is_object(json));
}

static bool same_type(enum chatroom_json_type type, const json_t *json)
{
    switch (type) {
    case CHATROOM_JSON_NULL:
        return json_is_null(json);
    case CHATROOM_JSON_FALSE:
        return json_is_false(json);
    case CHATROOM_JSON_TRUE:
        return json_is_true(json);
    case CHATROOM_JSON_NUMBER:
        return json_is_real(json);
    case CHATROOM_JSON_STRING:
        return json_is_string(json);
    case CHATROOM_JSON_ARRAY:
        return json_is_array(json);
    case CHATROOM_JSON_OBJECT:
        return json_is_object(json);
    default:
        return false;
    }
}

static void require_inside(chatroom_span part, chatroom_span text)
{
    REQUIRE(part.bytes >= text.bytes && part.bytes + part.size <= text.bytes + text.size);
}

/* Text in a block of its own. */
static char *decode(const struct chatroom_json_value *value, chatroom_span *ret_text)
{
    char *buffer = malloc(value->raw.size);

    REQUIRE(buffer && chatroom_json_text(value, buffer, ret_text) == CHATROOM_OK);
    REQUIRE(ret_text->size <= value->raw.size);
    return buffer;
}

/* The writer's text for a string and a raw value is valid, holds that string, and is cut where memory ends. */
static void check_writer(chatroom_span string, chatroom_span raw)
{
    size_t bound = CHATROOM_JSON_STRING_BOUND(string.size) + raw.size + 3, count;
    char *whole = malloc(bound);
    struct chatroom_json json = chatroom_json_on(whole, bound);
    chatroom_span text;
    json_error_t error;
    json_t *oracle;

    REQUIRE(whole);
    for (int pass = 0; pass < 2; pass++) {
        size_t needed = json.size;
        char *exact = pass == 0 ? whole : malloc(needed - 1);

        REQUIRE(exact);
        json = chatroom_json_on(exact, pass == 0 ? bound : needed - 1);
        chatroom_json_open(&json, '[');
        chatroom_json_string(&json, string);
        chatroom_json_raw(&json, raw);
        chatroom_json_close(&json, ']');
        REQUIRE(chatroom_json_done(&json, &text) == (pass == 0));
        REQUIRE(pass == 0 || (json.size == needed && memcmp(exact, whole, needed - 1) == 0));
        if (pass > 0)
            free(exact);
    }
    /* one level more than raw had */
    if (chatroom_json_scan(text, NULL, NULL, 0, &count) == CHATROOM_OK && (oracle = load(text, &error))) {
        const json_t *first = json_array_get(oracle, 0);

        REQUIRE(json_array_size(oracle) == 2);
        REQUIRE(chatroom_span_equal(string, chatroom_bytes(json_string_value(first), json_string_length(first))));
        json_decref(oracle);
    }
    free(whole);
}

static void check_value(const struct chatroom_json_value *value, const json_t *oracle);

static void check_member(chatroom_span object, const struct chatroom_json_member *member, const json_t *oracle)
{
    struct chatroom_json_value quoted = {CHATROOM_JSON_STRING, member->name_escaped,
                                         chatroom_bytes(member->name.bytes - 1, member->name.size + 2)};
    struct chatroom_json_value found;
    chatroom_span name;
    char *buffer = decode(&quoted, &name);
    int result = chatroom_json_get(object, name, &found);

    require_inside(quoted.raw, object);
    require_inside(member->value.raw, object);
    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EAMBIGUOUS);
    if (result == CHATROOM_OK) {
        REQUIRE(found.raw.bytes == member->value.raw.bytes && found.raw.size == member->value.raw.size);
        check_value(&found, json_object_getn(oracle, name.bytes, name.size));
    }
    check_writer(name, member->value.raw);
    free(buffer);
}

static void check_object(chatroom_span text, const json_t *oracle)
{
    struct chatroom_json_member members[MEMBERS];
    size_t count, again;

    REQUIRE(chatroom_json_scan(text, NULL, members, MEMBERS, &count) == CHATROOM_OK);
    REQUIRE(chatroom_json_scan(text, NULL, NULL, 0, &again) == CHATROOM_OK && count == again);
    REQUIRE(json_object_size(oracle) <= count);
    for (size_t i = 0; i < count && i < MEMBERS; i++)
        check_member(text, &members[i], oracle);
}

static void check_value(const struct chatroom_json_value *value, const json_t *oracle)
{
    chatroom_span text;

    REQUIRE(same_type(value->type, oracle));
    if (value->type == CHATROOM_JSON_STRING) {
        char *buffer = decode(value, &text);

        REQUIRE(chatroom_span_equal(text, chatroom_bytes(json_string_value(oracle), json_string_length(oracle))));
        check_writer(text, value->raw);
        free(buffer);
    }
    if (value->type == CHATROOM_JSON_OBJECT)
        check_object(value->raw, oracle);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chatroom_span text = chatroom_bytes(bytes, size);
    struct chatroom_json_value value = {.type = CHATROOM_JSON_NONE};
    size_t count = SIZE_MAX;
    json_error_t error;
    json_t *oracle = load(text, &error);
    int result = chatroom_json_scan(text, &value, NULL, 0, &count);

    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EJSON);
    if (size > 0 && memchr(bytes, '\0', size))
        REQUIRE(result == CHATROOM_EJSON);
    else if (result == CHATROOM_EJSON)
        REQUIRE(!oracle || depth_of(oracle) > CHATROOM_JSON_DEPTH);
    if (result == CHATROOM_EJSON) {
        REQUIRE(value.type == CHATROOM_JSON_NONE && count == SIZE_MAX);
    } else if (oracle) {
        REQUIRE(depth_of(oracle) <= CHATROOM_JSON_DEPTH);
        require_inside(value.raw, text);
        check_value(&value, oracle);
    } else {
        REQUIRE(json_error_code(&error) == json_error_numeric_overflow ||
                json_error_code(&error) == json_error_null_byte_in_key);
    }
    json_decref(oracle);
    return 0;
}
