/*
 * io_faults.h: reads, writes, syncs and openings of files below one folder that fail when a test wants it, or wait.
 *
 * io_faults.c has functions that come before the system's in the whole executable, for LMDB too.
 */
#ifndef IO_FAULTS_H
#define IO_FAULTS_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

enum io_failure {
    FAIL_EIO,
    FAIL_ENOSPC,
    FAIL_SHORT, /* a read or write that does half of it; anything else fails with EIO */
    FAIL_EINTR, /* only once: whoever tries again would do so for ever */
    FAIL_KINDS,
};

struct io_fault {
    atomic_int calls;   /* since it was set to 0 */
    atomic_int at;      /* the call that fails; 0: none */
    atomic_bool sticky; /* and all after it */
    atomic_bool hit;
    atomic_int syncs_to_go; /* fdatasync() that succeed before one fails; -1: none fails */
    enum io_failure kind;
    atomic_bool stalls; /* fdatasync() posts stalled and waits for gate */
    sem_t stalled, gate;
};

extern struct io_fault io_fault;

/* The folder, without links in its path; borrowed. */
void io_faults_init(const char *folder);

/* The at-th call from now on fails. */
void io_faults_arm(int at, bool sticky, enum io_failure kind);
void io_faults_disarm(void);

#endif
