/*
 * lane.h: calls that share a limit: those of one target, or of all serial targets of one endpoint. They begin in the
 * order in which they came.
 */
#ifndef REMOTE_LANE_H
#define REMOTE_LANE_H

#include "call.h"

struct remote_lane {
    struct remote_lane *next;
    struct remote_list waiting;
    size_t calls;   /* under way at most */
    size_t most;    /* in all, waiting or not */
    size_t running; /* under way */
    size_t held;    /* in all */
    char *endpoint; /* of a serial one; else NULL */
};

/* NULL: out of memory. endpoint may be NULL. */
struct remote_lane *remote_lane_new(const struct chatroom_alloc *alloc, size_t calls, size_t waiting,
                                    const char *endpoint);
void remote_lane_free(const struct chatroom_alloc *alloc, struct remote_lane *lane);

/* The serial one of an endpoint. NULL: there is none. */
struct remote_lane *remote_lane_find(struct remote_lane *lanes, const char *endpoint);

/* The next call that may begin now, or NULL. */
struct remote_call *remote_lane_next(const struct remote_lane *lane);

#endif
