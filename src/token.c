#include "token.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_token_character(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || memchr(others, c, sizeof others - 1);
}

bool cr_is_token(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_token_character(text.bytes[i]))
            return false;
    return text.size > 0;
}

bool cr_same_word(chatroom_span a, chatroom_span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.bytes[i]) != lower(b.bytes[i]))
            return false;
    return true;
}

static chatroom_span trimmed(chatroom_span text)
{
    for (; text.size > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '\t'); text.size--)
        text.bytes++;
    while (text.size > 0 && (text.bytes[text.size - 1] == ' ' || text.bytes[text.size - 1] == '\t'))
        text.size--;
    return text;
}

bool cr_list_has(chatroom_span list, chatroom_span token)
{
    while (list.size > 0) {
        const char *comma = memchr(list.bytes, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.bytes) : list.size;

        if (chatroom_span_equal(trimmed(chatroom_bytes(list.bytes, size)), token))
            return true;
        size += comma != NULL;
        list.bytes += size;
        list.size -= size;
    }
    return false;
}
