/*
 * measure.h: what an operation costs: processor time and allocations, of the whole process.
 *
 * A figure is the best of several rounds: what else runs on the machine only ever adds to it.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/* Does it so many times. */
typedef void measure_fn(void *arg, unsigned times);

struct measured {
    double ns;          /* each time */
    double allocations; /* each time: malloc(), calloc() and realloc() of every library in the process */
};

/* Processor time of all threads of the process so far. */
uint64_t measure_cpu_ns(void);

/* Prints one line: name, time and allocations of each, and the time of each of so many parts, unless that is 1. */
void measure(const char *name, measure_fn *operation, void *arg, unsigned parts);

/* The same line, for what was measured elsewhere. */
void measure_print(const char *name, struct measured each, unsigned parts);

#endif
