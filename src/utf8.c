#include <chatroom/utf8.h>

/* What may follow the first octet of a sequence (RFC 3629, 4). False: no sequence starts like that. */
static bool start(struct chatroom_utf8 *state, uint8_t octet)
{
    if (octet < 0xC2 || octet > 0xF4)
        return false;
    state->missing = octet < 0xE0 ? 1 : octet < 0xF0 ? 2 : 3;
    state->low = octet == 0xE0 ? 0xA0 : octet == 0xF0 ? 0x90 : 0x80;
    state->high = octet == 0xED ? 0x9F : octet == 0xF4 ? 0x8F : 0xBF;
    return true;
}

static bool eight_are_ascii(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return (word & 0x8080808080808080) == 0;
}

bool chatroom_utf8_feed(struct chatroom_utf8 *state, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    size_t i = 0;

    while (i < size) {
        if (state->missing == 0 && size - i >= 8 && eight_are_ascii(at + i)) {
            i += 8;
            continue;
        }
        uint8_t octet = at[i++];

        if (state->missing > 0) {
            if (octet < state->low || octet > state->high)
                return false;
            state->missing--;
            state->low = 0x80;
            state->high = 0xBF;
        } else if (octet >= 0x80 && !start(state, octet)) {
            return false;
        }
    }
    return true;
}

bool chatroom_utf8_valid(chatroom_span text)
{
    struct chatroom_utf8 state = {0};

    return chatroom_utf8_feed(&state, text.bytes, text.size) && chatroom_utf8_complete(&state);
}
