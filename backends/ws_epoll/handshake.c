#include "handshake.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>

bool ws_wants_upgrade(const struct ws_head *head)
{
    return ws_head_lists(head, "Upgrade", "websocket");
}

/* Base64 of 16 octets: 22 characters and "==". */
static bool key_valid(chatroom_span key)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (key.size != 24 || memcmp(key.bytes + 22, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!memchr(alphabet, key.bytes[i], sizeof alphabet - 1))
            return false;
    return true;
}

/* RFC 6455, 4.1: a number up to 255 without leading zeros. -1: it is none. */
static int parse_version(chatroom_span text)
{
    int version = 0;

    if (text.size == 0 || text.size > 3 || (text.size > 1 && text.bytes[0] == '0'))
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return -1;
        version = version * 10 + (text.bytes[i] - '0');
    }
    return version <= 255 ? version : -1;
}

static bool only_field(const struct ws_head *head, const char *name, chatroom_span *ret_value)
{
    chatroom_span second;

    return ws_head_field(head, name, 0, ret_value) && !ws_head_field(head, name, 1, &second);
}

/* Every element must be a token: nothing else may ever be copied into an answer. */
static bool subprotocols_valid(const struct ws_head *head)
{
    chatroom_span list, one;

    for (size_t n = 0; ws_head_field(head, "Sec-WebSocket-Protocol", n, &list); n++)
        while (ws_list_next(&list, &one))
            if (one.size > 0 && !ws_is_token(one))
                return false;
    return true;
}

struct ws_refusal ws_handshake_check(const struct ws_head *head, const struct ws_origins *origins)
{
    chatroom_span version, key;
    int number;

    if (!chatroom_span_equal(head->method, chatroom_str("GET")))
        return (struct ws_refusal){405, "Allow: GET\r\n", "A WebSocket is opened with GET."};
    if (!ws_head_lists(head, "Connection", "upgrade"))
        return (struct ws_refusal){400, "", "Connection must contain Upgrade."};
    if (!only_field(head, "Sec-WebSocket-Version", &version) || (number = parse_version(version)) < 0)
        return (struct ws_refusal){400, "", "Sec-WebSocket-Version must be 13."};
    if (number != 13)
        return (struct ws_refusal){426, WS_UPGRADE_FIELDS, "Sec-WebSocket-Version must be 13."};
    if (!only_field(head, "Sec-WebSocket-Key", &key) || !key_valid(key))
        return (struct ws_refusal){400, "", "Sec-WebSocket-Key must be 16 octets in base64."};
    if (!subprotocols_valid(head))
        return (struct ws_refusal){400, "", "Sec-WebSocket-Protocol must be a list of tokens."};
    if (!ws_origin_allowed(origins, head))
        return (struct ws_refusal){403, "", "Pages of this origin may not connect."};
    return (struct ws_refusal){0, "", ""};
}

void ws_handshake_accept(chatroom_span key, char ret_accept[WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct sha1_ctx sha1;
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_init(&sha1);
    sha1_update(&sha1, key.size, (const uint8_t *)key.bytes);
    sha1_update(&sha1, sizeof guid - 1, (const uint8_t *)guid);
    sha1_digest(&sha1, sizeof digest, digest);
    base64_encode_raw(ret_accept, sizeof digest, digest);
}
