#include "query.h"

#include "octet.h"

static chatroom_span from(chatroom_span text, size_t at)
{
    return chatroom_bytes(text.bytes + at, text.size - at);
}

/* Takes what stands before the first c off text, and c as well; all of it if there is no c. */
static chatroom_span cut(chatroom_span *text, char c)
{
    const char *found = text->size > 0 ? memchr(text->bytes, c, text->size) : NULL;
    chatroom_span before = *text;

    if (!found) {
        *text = chatroom_bytes(NULL, 0);
        return before;
    }
    before.size = (size_t)(found - text->bytes);
    *text = from(*text, before.size + 1);
    return before;
}

chatroom_span cr_query_of(chatroom_span target)
{
    cut(&target, '?');
    return target;
}

bool cr_query_next(chatroom_span *query, struct chatroom_header *ret_parameter)
{
    chatroom_span parameter = {NULL, 0};

    while (parameter.size == 0) {
        if (query->size == 0)
            return false;
        parameter = cut(query, '&');
    }
    ret_parameter->name = cut(&parameter, '=');
    ret_parameter->value = parameter;
    return true;
}

bool cr_query_octet(chatroom_span *encoded, char *ret_octet)
{
    size_t used = 1;

    if (encoded->size == 0)
        return false;
    *ret_octet = encoded->bytes[0] == '+' ? ' ' : encoded->bytes[0];
    if (encoded->bytes[0] == '%' && encoded->size >= 3) {
        int high = cr_hex_digit(encoded->bytes[1]), low = cr_hex_digit(encoded->bytes[2]);

        if (high >= 0 && low >= 0) {
            *ret_octet = (char)(high << 4 | low);
            used = 3;
        }
    }
    *encoded = from(*encoded, used);
    return true;
}

bool cr_query_same(chatroom_span encoded, chatroom_span other)
{
    char a = 0, b = 0;

    for (;;) {
        bool more = cr_query_octet(&encoded, &a);

        if (cr_query_octet(&other, &b) != more)
            return false;
        if (!more || a != b)
            return !more;
    }
}

bool cr_query_is(chatroom_span encoded, chatroom_span plain)
{
    char octet;
    size_t at = 0;

    while (cr_query_octet(&encoded, &octet))
        if (at == plain.size || plain.bytes[at++] != octet)
            return false;
    return at == plain.size;
}
