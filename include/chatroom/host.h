/*
 * host.h: a ready-made host for programs that have no event loop of their own. Reads the clock and waits; POSIX.
 */
#ifndef CHATROOM_HOST_H
#define CHATROOM_HOST_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The system's clocks. Any thread. */
CHATROOM_API struct chatroom_now chatroom_host_now(void);

/*
 * Starts c if it has not been started, then steps it until it is stopped: after chatroom_ask_stop(), or when one of signals
 * (ended by 0; NULL: none) arrives. A second signal ends it at once with CHATROOM_EAGAIN. Signals are received by signalfd:
 * they are blocked in the calling thread meanwhile, and must be blocked in others. Errors: those of chatroom_start(); EINVAL
 * there is no such signal, or it was called from inside a step; ESYSTEM.
 */
CHATROOM_API int chatroom_run(chatroom *c, const int *signals, struct chatroom_error *error);

#ifdef __cplusplus
}
#endif

#endif
