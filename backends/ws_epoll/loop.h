/*
 * loop.h: one epoll descriptor with its connections, and what is done with them in a turn. A loop is made and worked by
 * one thread, or handed to another as a whole; only ws_loop_wake() may be called by any.
 */
#ifndef WS_LOOP_H
#define WS_LOOP_H

#include "connection.h"

/* loop is all zero. It bounds what its connections hold by its share, one of so many. options are borrowed, up too. */
void ws_loop_init(struct ws_loop *loop, const struct ws_up *up, const struct chatroom_ws_epoll_options *options,
                  size_t shares);
/* Errors: ESYSTEM, and errno says why. */
int ws_loop_open(struct ws_loop *loop);

/* How long ws_loop_wait() may wait, in mono_ns. */
uint64_t ws_loop_deadline(const struct ws_loop *loop);
/* Waits for events, or for that many milliseconds; -1: for ever. */
void ws_loop_wait(struct ws_loop *loop, int most_ms);

/* Does what the events ask for, and what is due at that time. Listeners among them go to door, which may be NULL. */
struct ws_door;
void ws_loop_step(struct ws_loop *loop, struct chatroom_now now, struct ws_door *door);
void ws_loop_flush(struct ws_loop *loop);

/* Any thread: ws_loop_wait() returns. */
void ws_loop_wake(const struct ws_loop *loop);

/* Is there output that has not been written? */
static inline bool ws_loop_busy(const struct ws_loop *loop)
{
    return loop->lists[WS_DUE] || loop->writing_count > 0;
}

/* Ends every connection, and tells so. */
void ws_loop_end(struct ws_loop *loop);
/* After that, and when nobody names one of them any more. */
void ws_loop_fini(struct ws_loop *loop);

#endif
