/*
 * What functions return, as results of proxy integrations and of authorizers: any octets are read or refused; what was
 * read lies in the text or in the buffer, is what jansson finds there, and makes valid JSON again.
 */
#include "fuzz.h"

#include <chatroom/event.h>
#include <chatroom/utf8.h>
#include <jansson.h>

static const char arn[] = "arn:aws:execute-api:us-east-1:000000000000:chatroom/prod/$connect";

struct input {
    chatroom_span text;
    char *buffer; /* as long as the text */
    json_t *oracle;
};

static bool lies_in(chatroom_span part, const char *bytes, size_t size)
{
    return part.bytes >= bytes && part.bytes + part.size <= bytes + size;
}

static void require_inside(chatroom_span part, const struct input *input)
{
    REQUIRE(part.size == 0 || lies_in(part, input->text.bytes, input->text.size) ||
            lies_in(part, input->buffer, input->text.size));
}

/* jansson and the scanner agree on what is JSON, but for what fuzz_json.c lists: then there is nothing to compare with.
 */
static void require_same(chatroom_span text, const struct input *input, const char *name)
{
    const json_t *other = json_object_get(input->oracle, name);

    if (input->oracle)
        REQUIRE(chatroom_span_equal(text, chatroom_bytes(json_string_value(other), json_string_length(other))));
}

static bool is_token(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] <= ' ' || text.bytes[i] == 0x7F || strchr("\"(),/:;<=>?@[\\]{}", text.bytes[i]))
            return false;
    return true;
}

static void check_proxy(const struct input *input)
{
    struct chatroom_proxy_result read = {.status = 0};
    struct chatroom_error error = {0};
    int result = chatroom_event_read_proxy(input->text, input->buffer, &read, &error);
    bool decoded = json_is_true(json_object_get(input->oracle, "isBase64Encoded"));

    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EJSON || result == CHATROOM_EINVAL);
    REQUIRE((result == CHATROOM_OK) == !error.text[0] && error.code == result);
    if (result != CHATROOM_OK) {
        REQUIRE(read.status == 0);
        return;
    }
    REQUIRE(read.status >= 100 && read.status <= 599);
    require_inside(read.body, input);
    require_inside(read.subprotocol, input);
    REQUIRE(is_token(read.subprotocol));
    if (!input->oracle)
        return;
    REQUIRE(json_object_size(input->oracle) <= 5);
    REQUIRE(read.has_body == json_is_string(json_object_get(input->oracle, "body")));
    if (decoded)
        REQUIRE(read.body.size <= json_string_length(json_object_get(input->oracle, "body")) / 4 * 3);
    else
        require_same(read.body, input, "body");
    REQUIRE(decoded || chatroom_utf8_valid(read.body));
}

static void check_error(const struct input *input)
{
    chatroom_span message;

    if (!chatroom_event_is_error(input->text, input->buffer, &message))
        return;
    require_inside(message, input);
    require_same(message, input, "errorMessage");
    REQUIRE(!json_object_get(input->oracle, "statusCode"));
}

static void check_authorization(const struct chatroom_authorizer_result *read)
{
    size_t bound = read->context.size * 6 + CHATROOM_JSON_STRING_BOUND(read->principal.size) + 100, count;
    char *bytes = malloc(bound);
    struct chatroom_json json = chatroom_json_on(bytes, bound);
    const char *name;
    chatroom_span text;
    json_t *written, *value;

    REQUIRE(bytes);
    chatroom_event_write_authorization(read, 42, &json);
    REQUIRE(chatroom_json_done(&json, &text));
    REQUIRE(chatroom_json_scan(text, NULL, NULL, 0, &count) == CHATROOM_OK);
    written = json_loadb(text.bytes, text.size, JSON_ALLOW_NUL, NULL);
    json_object_foreach(written, name, value)
        REQUIRE(strcmp(name, "integrationLatency") == 0 ? json_integer_value(value) == 42 : json_is_string(value));
    json_decref(written);
    free(bytes);
}

static void check_authorizer(const struct input *input)
{
    struct chatroom_authorizer_result read = {.allowed = false};
    struct chatroom_error error = {0};
    int result = chatroom_event_read_authorizer(input->text, chatroom_str(arn), input->buffer, &read, &error);

    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EJSON || result == CHATROOM_EINVAL);
    REQUIRE((result == CHATROOM_OK) == !error.text[0] && error.code == result);
    if (result != CHATROOM_OK) {
        REQUIRE(!read.allowed);
        return;
    }
    REQUIRE(input->text.size <= CHATROOM_AUTHORIZER_RESULT_MOST);
    require_inside(read.principal, input);
    require_inside(read.usage_key, input);
    require_inside(read.context, input);
    require_same(read.principal, input, "principalId");
    require_same(read.usage_key, input, "usageIdentifierKey");
    if (input->oracle)
        REQUIRE(json_is_true(json_object_get(input->oracle, "isAuthorized"))
                    ? read.allowed
                    : json_object_get(input->oracle, "policyDocument") || !read.allowed);
    check_authorization(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {chatroom_bytes(bytes, size), malloc(size), NULL};

    REQUIRE(input.buffer || size == 0);
    input.oracle =
        json_loadb(size > 0 ? (const char *)bytes : "", size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    check_proxy(&input);
    check_error(&input);
    check_authorizer(&input);
    json_decref(input.oracle);
    free(input.buffer);
    return 0;
}
