#include "token.h"

#include "octet.h"

static bool is_token_character(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (c >= '0' && c <= '9') || (cr_lower(c) >= 'a' && cr_lower(c) <= 'z') || memchr(others, c, sizeof others - 1);
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
        if (cr_lower(a.bytes[i]) != cr_lower(b.bytes[i]))
            return false;
    return true;
}
