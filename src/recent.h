/*
 * recent.h: the newest entries of a room as they were stored, kept in memory: most pages are of these, and need no
 * store then.
 *
 * What is kept of a room has no gap and ends with the newest entry that was announced; it is of no use, and goes, once
 * that is not so. It begins with the first entry that is announced, or the first page of the newest that was read, and
 * holds as many entries as a page does. All rooms together take at most limits.recent_bytes, one of them an eighth of
 * it; then the room goes without whose entries were not added to or read for the longest time. Without memory nothing
 * is kept. So nothing here can fail.
 *
 * No store is asked to trim. Whoever does that drops what is kept of the room with it.
 */
#ifndef CR_RECENT_H
#define CR_RECENT_H

#include "core.h"

/* The room's newest entry, just announced. Copies. */
void cr_recent_add(chatroom *c, struct cr_room *room, chatroom_span value);

/*
 * The first count rows of a page of this life of the room, as the store read it: falling, or rising. Copies them if
 * they reach the newest entry and are more than what is kept already.
 */
void cr_recent_learn(chatroom *c, struct cr_room *room, const struct cr_page *page, size_t count, bool falls);

/*
 * Answers the ticket's read as the store would, if it can: fills its page and sets its status, which may be ENOMEM.
 * False: it cannot, and nothing was done.
 */
bool cr_recent_read(chatroom *c, struct cr_room *room, struct cr_ticket *ticket);

/* Keeps nothing of the room any more. */
void cr_recent_drop(chatroom *c, struct cr_room *room);

#endif
