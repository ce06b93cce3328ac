#include "url.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool remote_same_word(chatroom_span a, chatroom_span b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.bytes[i]) != lower(b.bytes[i]))
            return false;
    return true;
}

bool remote_is_token(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] <= ' ' || text.bytes[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", text.bytes[i]))
            return false;
    return text.size > 0;
}

static bool is_visible(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] <= ' ' || text.bytes[i] > '~')
            return false;
    return true;
}

static bool has(chatroom_span text, char c)
{
    return text.size > 0 && memchr(text.bytes, c, text.size);
}

bool remote_url_parse(chatroom_span text, struct remote_url *ret_url)
{
    struct remote_url url = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    const char *colon = text.size > 0 ? memchr(text.bytes, ':', text.size) : NULL;
    size_t scheme = colon ? (size_t)(colon - text.bytes) : 0, end = scheme + 3;

    url.scheme = chatroom_bytes(text.bytes, scheme);
    if (!remote_same_word(url.scheme, chatroom_str("http")) && !remote_same_word(url.scheme, chatroom_str("https")))
        return false;
    if (text.size <= end || memcmp(colon, "://", 3) != 0 || !is_visible(text) || has(text, '#') || has(text, '\\'))
        return false;
    while (end < text.size && text.bytes[end] != '/' && text.bytes[end] != '?')
        end++;
    url.authority = chatroom_bytes(colon + 3, end - scheme - 3);
    url.target = chatroom_bytes(text.bytes + end, text.size - end);
    if (url.authority.size == 0 || url.authority.bytes[0] == ':' || has(url.authority, '@'))
        return false;
    *ret_url = url;
    return true;
}
