/* token.h: the words of HTTP. */
#ifndef CR_TOKEN_H
#define CR_TOKEN_H

#include <chatroom/base.h>

/* Whether text is a token (RFC 9110, 5.6.2): the name of a header, a subprotocol. */
bool cr_is_token(chatroom_span text);

/* Whether two are the same but for the case of ASCII letters. */
bool cr_same_word(chatroom_span a, chatroom_span b);

#endif
