/*
 * idle.h: the line of those that wait for their next request: the one that has waited longest stands first. When there
 * is no place for a newcomer, that one goes.
 */
#ifndef WS_IDLE_H
#define WS_IDLE_H

#include <stdbool.h>
#include <stddef.h>

/* A member of what waits; all zero: it does not. It must not move while it does. */
struct ws_idle {
    struct ws_idle *next, *previous;
    bool waits;
};

/* All zero is empty. */
struct ws_idles {
    struct ws_idle *first, *last;
};

/* At the end, wherever it was before. */
void ws_idles_add(struct ws_idles *idles, struct ws_idle *idle);
/* No effect if it does not wait. */
void ws_idles_remove(struct ws_idles *idles, struct ws_idle *idle);

#endif
