/*
 * target.h: chatroomd as a child process, looked at from outside: its memory, its CPU time, its log.
 *
 * The environment names the program (CHATROOMD). A test that cannot have its server fails.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct target {
    pid_t pid;
    uint16_t port;
    char folder[64];      /* of the test: the log, and the data */
    bool memory;          /* the store */
    unsigned descriptors; /* it may have so many; 0: as many as the test */
    const char *options[8];
};

/* Where it keeps everything, with what it is told; NULL ends the options. */
void target_init(struct target *target, bool memory, const char *const *options);
/* Starts it, again or for the first time, and waits until it listens. */
void target_start(struct target *target);
/* SIGTERM; it must end in order. */
void target_stop(struct target *target);
/* It is gone, and so is its folder. */
void target_fini(struct target *target);

bool target_alive(const struct target *target);
/* What it has in memory and shares with nobody, in bytes. */
size_t target_memory(const struct target *target);
uint64_t target_cpu_ms(const struct target *target);
/* How many lines of its log have that event. */
size_t target_logged(const struct target *target, const char *event);

uint64_t now_ns(void);
/* Sanitizer builds need more time: every limit of time is multiplied by this. */
unsigned patience(void);
/* ... and know nothing about memory. */
bool measures_memory(void);

#endif
