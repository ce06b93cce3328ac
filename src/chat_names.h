/*
 * chat_names.h: which names people and rooms may have, and the one form in which a name is kept and compared.
 *
 * White space at the ends goes, runs of it inside become one space, as in RFC 8266; what nobody can see, or what
 * changes how other text is seen, is refused. No case is folded and no look-alike is found: names are not accounts.
 *
 * Builds on public headers alone, as the chat routes do. Any thread.
 */
#ifndef CR_CHAT_NAMES_H
#define CR_CHAT_NAMES_H

#include <chatroom/base.h>

enum {
    CR_CHAT_USER_MOST = 32, /* characters, that is code points */
    CR_CHAT_ROOM_MOST = 64,
    CR_CHAT_NAME_BYTES = 4 * CR_CHAT_ROOM_MOST, /* the longest name takes so many */
};

/*
 * Brings text into its form: 1 to most characters (at most CR_CHAT_ROOM_MOST), written to ret_bytes, which *ret_name
 * then borrows. What comes out stays as it is when it is put in again. False: not a name; *ret_name is untouched.
 */
bool cr_chat_name_clean(chatroom_span text, size_t most, char ret_bytes[CR_CHAT_NAME_BYTES], chatroom_span *ret_name);

#endif
