/*
 * chat_names.h: which names people and rooms may have, and the one form in which a name is kept and compared.
 *
 * That is for the instance's policy to say (chatroom/names.h). Without one: white space at the ends goes, runs of it
 * inside become one space, as in RFC 8266; what nobody can see, or what changes how other text is seen, is refused. No
 * case is folded and no look-alike is found: names are not accounts.
 *
 * Builds on public headers alone, as the chat routes do. Owner's thread.
 */
#ifndef CR_CHAT_NAMES_H
#define CR_CHAT_NAMES_H

#include <chatroom/names.h>

/* The name in which the hall speaks, and which nobody may take. */
#define CR_CHAT_HALL "no-rooms"

enum {
    CR_CHAT_USER_MOST = 32, /* characters, that is code points */
    CR_CHAT_ROOM_MOST = 64,
    CR_CHAT_NAME_BYTES = 4 * CR_CHAT_ROOM_MOST, /* the longest name takes so many, with a policy too */
};

/* How many characters valid UTF-8 has. */
size_t cr_chat_count(chatroom_span text);

/*
 * Brings text into its form: 1 to most characters (at most CR_CHAT_ROOM_MOST), written to ret_bytes, which *ret_name
 * then borrows. What comes out stays as it is when it is put in again. Errors, and *ret_name is untouched: EREFUSED not
 * a name; ENOMEM.
 */
int cr_chat_name(const chatroom *c, chatroom_span text, size_t most, char ret_bytes[CR_CHAT_NAME_BYTES],
                 chatroom_span *ret_name);

/* Whether the text of a name, which is in its form, is the hall's or looks like it. Errors: ENOMEM. */
int cr_chat_name_is_hall(const chatroom *c, chatroom_span text, bool *ret_is);

/* The rule without a policy: as cr_chat_name(), true for OK. Any thread. */
bool cr_chat_name_clean(chatroom_span text, size_t most, char ret_bytes[CR_CHAT_NAME_BYTES], chatroom_span *ret_name);

#endif
