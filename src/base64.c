#include "base64.h"

#include <nettle/base64.h>

void cr_base64_write(struct chatroom_json *json, chatroom_span octets)
{
    enum { PIECE = 48 }; /* a multiple of three, so that only the last has padding */
    char text[BASE64_ENCODE_RAW_LENGTH(PIECE)];

    chatroom_json_raw(json, chatroom_str("\""));
    for (size_t at = 0; at < octets.size; at += PIECE) {
        size_t size = octets.size - at < PIECE ? octets.size - at : PIECE;

        base64_encode_raw(text, size, (const uint8_t *)octets.bytes + at);
        chatroom_json_literal(json, chatroom_bytes(text, BASE64_ENCODE_RAW_LENGTH(size)));
    }
    chatroom_json_literal(json, chatroom_str("\""));
}

/*
 * The decoder passes over white space and would take any number of '='. A whole number of groups without either has the
 * one form that there is, of which nothing is left over at the end; the decoder sees to what stands before.
 */
static bool may_be_base64(chatroom_span text)
{
    if (text.size % 4 != 0 || (text.size > 0 && text.bytes[text.size - 3] == '='))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.bytes[i] <= ' ')
            return false;
    return true;
}

bool cr_base64_decode(chatroom_span text, char *buffer, chatroom_span *ret_octets)
{
    struct base64_decode_ctx decoder;
    size_t size = 0;

    if (!may_be_base64(text))
        return false;
    base64_decode_init(&decoder);
    /* One by one: what is written never overtakes what is read. */
    for (size_t i = 0; i < text.size; i++) {
        int got = base64_decode_single(&decoder, (uint8_t *)buffer + size, text.bytes[i]);

        if (got < 0)
            return false;
        size += (size_t)got;
    }
    *ret_octets = chatroom_bytes(buffer, size);
    return true;
}
