/*
 * count.h: every malloc(), calloc() and realloc() of a program, counted.
 *
 * Link it in one of two ways (tests/support/meson.build): count_wrapped sees the calls of what is linked statically,
 * and lives with the sanitizers; count_all takes the place of the C library's own and sees those of shared libraries
 * too. Threads: the totals are those of all threads.
 */
#ifndef COUNT_H
#define COUNT_H

#include <stddef.h>
#include <stdint.h>

/* Allocations and growths so far. */
uint64_t count_calls(void);

/* Bytes that are in use: what the C library made of the sizes that were asked for, and the word before each block. */
size_t count_bytes(void);

#endif
