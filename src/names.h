/*
 * names.h: names that are in use, and keep look-alikes away where the instance has a policy (chatroom/names.h).
 *
 * A name in use is a copy with a NUL behind it, and holds what it claims until it is freed. Rooms claim among rooms,
 * sessions among sessions: the name of a room that is asked for, or of a session that is to have it, counts already,
 * and counts no more when that falls through. Without a policy there are no claims, and no memory for them.
 */
#ifndef CR_NAMES_H
#define CR_NAMES_H

#include "core.h"

/*
 * A copy that claims. own: the name of the same holder that this one will replace; NULL: none. Errors: EINVAL it is not
 * a name, or not in its form; EALIKE; ENOMEM.
 */
int cr_name_take(chatroom *c, struct cr_claims *among, chatroom_span name, const char *own, size_t own_size,
                 char **ret_name);

/* The same for a name that is there whatever it looks like, or is like. Errors: ENOMEM. */
int cr_name_accept(chatroom *c, struct cr_claims *among, chatroom_span name, char **ret_name);

/* A copy without claims, for who is on the way out. NULL: out of memory. */
char *cr_name_copy(chatroom *c, chatroom_span name);

/* NULL is fine. */
void cr_name_free(chatroom *c, struct cr_claims *among, char *name, size_t size);

/* For the end of the instance, when no name is left. */
void cr_names_fini(chatroom *c);

#endif
