#include "plain.h"

static bool is_space(char octet)
{
    return octet == ' ' || octet == '\n' || octet == '\r' || octet == '\t';
}

static bool is_full(const struct chatroom_json *out)
{
    return out->size > out->capacity;
}

/* The string that starts at the front of valid JSON, quotes included. */
static struct chatroom_json_value string_at(chatroom_span json)
{
    struct chatroom_json_value value = {CHATROOM_JSON_STRING, false, {NULL, 0}};
    size_t size = 1;

    while (json.bytes[size] != '"') {
        bool escape = json.bytes[size] == '\\';

        value.escaped = value.escaped || escape;
        size += escape ? 2 : 1;
    }
    value.raw = chatroom_bytes(json.bytes, size + 1);
    return value;
}

/* The number, word or mark that starts there: up to whatever may stand between two of them. It is inside a bracket. */
static size_t token_size(chatroom_span json)
{
    size_t size = 1;

    if (memchr("{}[],:", json.bytes[0], 6))
        return 1;
    while (!is_space(json.bytes[size]) && !memchr(",:]}", json.bytes[size], 4))
        size++;
    return size;
}

static chatroom_span rest_of(chatroom_span json, size_t from)
{
    return chatroom_bytes(json.bytes + from, json.size - from);
}

/* The object at the front of json, without spaces. Returns its size. */
static size_t write_object(struct chatroom_json *out, chatroom_span json)
{
    size_t at = 0, depth = 0;

    do {
        chatroom_span rest = rest_of(json, at);
        char first = rest.bytes[0];
        size_t size = first == '"' ? string_at(rest).raw.size : is_space(first) ? 1 : token_size(rest);

        if (!is_space(first))
            chatroom_json_literal(out, chatroom_bytes(rest.bytes, size));
        if (first == '{' || first == '[')
            depth++;
        else if (first == '}' || first == ']')
            depth--;
        at += size;
    } while (depth > 0 && !is_full(out));
    return at;
}

/* One token of an array, or a whole string or object in it. Returns how much was read. */
static size_t write_element(struct chatroom_json *out, chatroom_span json)
{
    struct chatroom_json_value string;
    size_t size;

    switch (json.bytes[0]) {
    case '"':
        string = string_at(json);
        chatroom_json_decoded(out, &string);
        return string.raw.size;
    case '{':
        return write_object(out, json);
    case ',':
        chatroom_json_literal(out, chatroom_str(", "));
        return 1;
    case 'n':
        return strlen("null");
    default:
        size = is_space(json.bytes[0]) ? 1 : token_size(json);
        if (!is_space(json.bytes[0]))
            chatroom_json_literal(out, chatroom_bytes(json.bytes, size));
        return size;
    }
}

static void write_array(struct chatroom_json *out, chatroom_span json)
{
    for (size_t at = 0; at < json.size && !is_full(out);)
        at += write_element(out, rest_of(json, at));
}

void cr_plain_write(struct chatroom_json *out, const struct chatroom_json_value *value)
{
    switch (value->type) {
    case CHATROOM_JSON_STRING:
        chatroom_json_decoded(out, value);
        break;
    case CHATROOM_JSON_ARRAY:
        write_array(out, value->raw);
        break;
    case CHATROOM_JSON_OBJECT:
        write_object(out, value->raw);
        break;
    case CHATROOM_JSON_NUMBER:
    case CHATROOM_JSON_TRUE:
    case CHATROOM_JSON_FALSE:
        chatroom_json_literal(out, value->raw);
        break;
    default: /* null, or nothing */
        break;
    }
}
