/*
 * utf8.h: is it UTF-8 (RFC 3629)? Decided as bytes arrive, in pieces of any size.
 *
 *     struct chatroom_utf8 check = {0};
 *     ok = chatroom_utf8_feed(&check, piece, size) && ... && chatroom_utf8_complete(&check);
 *
 * Surrogates, overlong forms and anything above U+10FFFF are refused at the first octet that cannot be right. Any thread.
 */
#ifndef CHATROOM_UTF8_H
#define CHATROOM_UTF8_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All zero is the start of a text. */
struct chatroom_utf8 {
    uint8_t missing; /* continuation octets still due */
    uint8_t low;     /* bounds of the next one; both 0 stand for 80..BF */
    uint8_t high;
};

/* False as soon as the text cannot be valid any more; the state is then of no further use. */
CHATROOM_API bool chatroom_utf8_feed(struct chatroom_utf8 *state, const void *bytes, size_t size);

/* True between code points: the text may end here. */
static inline bool chatroom_utf8_complete(const struct chatroom_utf8 *state)
{
    return state->missing == 0;
}

/* True if the whole span is valid. */
CHATROOM_API bool chatroom_utf8_valid(chatroom_span text);

#ifdef __cplusplus
}
#endif

#endif
