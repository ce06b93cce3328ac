#include "status.h"

/* The three places of a key, '*' for any digit. */
static bool places_of(chatroom_span key, char places[3])
{
    bool pattern = key.size >= 2 && key.bytes[0] == '/' && key.bytes[key.size - 1] == '/';
    size_t at = pattern, end = key.size - pattern, n = 0;

    while (at < end && n < 3) {
        char c = key.bytes[at];

        if (pattern && c == '\\' && end - at > 1 && key.bytes[at + 1] == 'd') {
            places[n++] = '*';
            at += 2;
            continue;
        }
        if ((c < '0' || c > '9') && !(pattern && c == '.'))
            return false;
        places[n++] = c == '.' ? '*' : c;
        at++;
    }
    return n == 3 && at == end;
}

static bool is_default(chatroom_span key)
{
    return chatroom_span_equal(key, chatroom_str("$default"));
}

bool remote_status_key_valid(chatroom_span key)
{
    char places[3];

    return is_default(key) || places_of(key, places);
}

bool remote_status_key_fits(chatroom_span key, unsigned status)
{
    const char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
    char places[3];

    if (is_default(key))
        return true;
    if (!places_of(key, places))
        return false;
    for (int i = 0; i < 3; i++)
        if (places[i] != '*' && places[i] != digits[i])
            return false;
    return true;
}
