#include "variables.h"

static const char opening[] = "${stageVariables.";

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The first "${" from *at on, which moves behind it. *ret_name is empty if it is none of a stage variable. */
static bool next(chatroom_span text, size_t *at, size_t *ret_start, chatroom_span *ret_name)
{
    size_t size = sizeof opening - 1, end;

    for (size_t i = *at; i + 1 < text.size; i++) {
        if (text.bytes[i] != '$' || text.bytes[i + 1] != '{')
            continue;
        *ret_start = i;
        *ret_name = chatroom_bytes(NULL, 0);
        *at = i + 2;
        if (text.size - i <= size || memcmp(text.bytes + i, opening, size) != 0)
            return true;
        for (end = i + size; end < text.size && is_name(text.bytes[end]);)
            end++;
        if (end == text.size || text.bytes[end] != '}')
            return true;
        *ret_name = chatroom_bytes(text.bytes + i + size, end - i - size);
        *at = end + 1;
        return true;
    }
    return false;
}

bool remote_variables_check(chatroom_span text, bool *ret_any)
{
    chatroom_span name;
    size_t at = 0, start;

    *ret_any = false;
    while (next(text, &at, &start, &name)) {
        if (name.size == 0)
            return false;
        *ret_any = true;
    }
    return true;
}

bool remote_variable(const struct chatroom_api *api, chatroom_span name, chatroom_span *ret_value)
{
    for (size_t i = 0; api && i < api->variable_count; i++) {
        if (!chatroom_span_equal(api->variables[i].name, name))
            continue;
        *ret_value = api->variables[i].value;
        return true;
    }
    return false;
}

bool remote_variables_expand(chatroom_span text, const struct chatroom_api *api, struct remote_text *out)
{
    chatroom_span name, value;
    size_t at = 0, start, done = 0;

    while (next(text, &at, &start, &name)) {
        if (!remote_variable(api, name, &value))
            return false;
        remote_text_add(out, chatroom_bytes(text.bytes + done, start - done));
        remote_text_add(out, value);
        done = at;
    }
    if (text.size > done)
        remote_text_add(out, chatroom_bytes(text.bytes + done, text.size - done));
    return true;
}
