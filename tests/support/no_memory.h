/*
 * no_memory.h: every malloc(), calloc() and realloc() of a program and of all that it is linked with, on the way to the
 * C library; the n-th can fail, once or with all that follow. So can pthread_create().
 *
 * Threads: what a thread that was begun here asks for may fail, what the first thread does only while it says that it
 * is inside what is tested. Lives with the sanitizers, whose functions it calls in turn.
 */
#ifndef NO_MEMORY_H
#define NO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before all others. */
void no_memory_init(void);
/* Returns what it was before. */
bool no_memory_inside(bool inside);

/* From now on the n-th fails (1 is the next), and with stays all after it; 0: none. */
void no_memory_from(uint64_t n, bool stays);
/* Whether any has failed since. */
bool no_memory_failed(void);
/* How many were asked for since. */
uint64_t no_memory_asked(void);

/* From now on the n-th thread is not begun: EAGAIN (F23); 0: all are. Returns whether one was not, since the last call.
 */
bool no_threads_from(unsigned n);

#endif
