/*
 * source.h: what an event of epoll points at, the first member of what it is about; and the pair that a thread waits
 * on: an epoll descriptor and an eventfd in it, by which any thread wakes it.
 */
#ifndef WS_SOURCE_H
#define WS_SOURCE_H

#include <stdint.h>

enum ws_source_kind { WS_SOURCE_WAKE, WS_SOURCE_WATCHED, WS_SOURCE_LISTENER, WS_SOURCE_CONNECTION };

struct ws_source {
    uint8_t kind;
};

/* The eventfd's events point at wake. Errors: ESYSTEM, as errno has it; what was opened is there to be closed. */
int ws_poll_open(struct ws_source *wake, int *ret_epoll, int *ret_wake_fd);
/* Any thread. */
void ws_poll_wake(int wake_fd);
/* It was woken, and looks. */
void ws_poll_clear(int wake_fd);
/*
 * The epoll descriptor is readable also while that one is. Its events have a source of their kind, and nothing is to be
 * done about them here. Once is enough, more do no harm. Errors: ENOMEM, ESYSTEM.
 */
int ws_poll_watch(int epoll, int fd);
/* Negative: not open. */
void ws_poll_close(int epoll, int wake_fd);

#endif
