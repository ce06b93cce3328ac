/*
 * shrink.h: a seed that fails, with fewer ticks and clients, shorter scripts and without the faults that it does not
 * need.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "options.h"

#include <stdio.h>

/* How a seed ends with such options, as wait() has it; 0: well. */
typedef int shrink_try_fn(void *arg, uint64_t seed, const struct overrides *overrides);

/* Sets more in overrides, as long as the seed ends with that status. */
void shrink(uint64_t seed, int status, struct overrides *overrides, shrink_try_fn *try, void *arg);

/* The command that runs it, and a newline. */
void shrink_print(FILE *to, const char *program, uint64_t seed, const struct overrides *overrides);

#endif
