/*
 * group.h: a set of connections that get the same frames, and the tape of what they got in this tick.
 *
 * A member either follows the tape, so that what is put on it is in its queue without anybody touching the queue, or it
 * is a stray: it came later, or got something else in between, and has to be told where on the tape it goes on. Members
 * that follow stand in front of those that stray, so that a frame costs a look at the strays alone. A seat knows its
 * place: coming, going and straying cost O(1).
 *
 * No I/O and no knowledge of connections here: output.c brings both together.
 */
#ifndef WS_GROUP_H
#define WS_GROUP_H

#include "tape.h"

struct ws_connection;

struct ws_member {
    struct ws_connection *connection;
    struct chatroom_seat *seat;
};

struct ws_group {
    struct ws_member *members;
    size_t count;
    size_t capacity;
    size_t following;       /* so many, from the first one */
    struct ws_tape *tape;   /* NULL: nothing was sent in this tick */
    struct ws_group *next;  /* of those with a tape */
    struct ws_group **self; /* where the one before names it */
};

/* NULL: out of memory. */
struct ws_group *ws_group_new(void);
/* It has no members; without its tape. */
void ws_group_free(struct ws_group *group);

/* It comes as a stray. Errors: ENOMEM. */
int ws_group_add(struct ws_group *group, struct ws_connection *connection, struct chatroom_seat *seat);
void ws_group_remove(struct chatroom_seat *seat);

static inline struct ws_group *ws_group_of(const struct chatroom_seat *seat)
{
    return seat->where;
}

/* The next stray, which follows from now on; NULL: all do. */
struct ws_member *ws_group_gather(struct ws_group *group);

/* One that follows becomes a stray. */
void ws_group_stray(struct chatroom_seat *seat);

#endif
