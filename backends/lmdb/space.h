/*
 * space.h: whether there is room on the file system to write more, beyond what is kept free for erasing.
 *
 * Belongs to one thread at a time.
 */
#ifndef LMDB_SPACE_H
#define LMDB_SPACE_H

#include <chatroom/store.h>

struct lmdb_space {
    uint64_t reserve; /* bytes; 0: nobody looks */
    uint64_t due;     /* when to look again */
    bool low;         /* less than four reserves are left */
    bool full;        /* less than one */
};

/*
 * Looks at the file system of fd, unless that was less than a second ago, and logs what has changed. If it does not
 * tell, everything stays as it was.
 */
void lmdb_space_look(struct lmdb_space *space, int fd, uint64_t now_ns, chatroom_store_port *port);

/* Whether there is too little room for the group: it would make a room, or write to one or its log. */
bool lmdb_space_refuses(const struct lmdb_space *space, const struct chatroom_ticket *ticket);

#endif
