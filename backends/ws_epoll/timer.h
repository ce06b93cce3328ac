/*
 * timer.h: which connection is due first. A binary heap: adding, moving and removing cost O(log n), looking O(1).
 *
 * A timer is a member of what it belongs to. It may be early: its owner looks at the time and moves it on.
 */
#ifndef WS_TIMER_H
#define WS_TIMER_H

#include <chatroom/base.h>

struct ws_timer {
    uint64_t due; /* mono_ns, or CHATROOM_NEVER */
    size_t place; /* in the heap */
};

/* All zero is empty. */
struct ws_timers {
    struct ws_timer **heap;
    size_t count;
    size_t capacity;
};

/* Errors: ENOMEM. From here on until ws_timer_remove(), moving it cannot fail. */
int ws_timer_add(struct ws_timers *timers, struct ws_timer *timer, uint64_t due);
void ws_timer_move(struct ws_timers *timers, struct ws_timer *timer, uint64_t due);
void ws_timer_remove(struct ws_timers *timers, struct ws_timer *timer);

/* NULL if there is none. */
static inline struct ws_timer *ws_timers_first(const struct ws_timers *timers)
{
    return timers->count > 0 ? timers->heap[0] : NULL;
}

/* It must be empty of timers. */
void ws_timers_fini(struct ws_timers *timers);

#endif
