/*
 * inbox.h: how anything from another thread reaches the owner: one intrusive queue, many writers, one reader, no lock.
 *
 * What is pushed by one thread is taken in the order of its pushes. Nodes belong to whoever pushed them until they are
 * taken.
 */
#ifndef CR_INBOX_H
#define CR_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct cr_inbox_node {
    struct cr_inbox_node *next;
    void (*take)(struct cr_inbox_node *node); /* called on the owner's thread */
};

/* All zero is empty, and its owner asleep. */
struct cr_inbox {
    _Atomic(struct cr_inbox_node *) newest;
    atomic_bool awake;
};

/* Any thread. True if the owner sleeps and nobody else was told so: it is the caller's to wake it. */
bool cr_inbox_push(struct cr_inbox *inbox, struct cr_inbox_node *node);

/* Owner. Takes everything that is there, oldest first. True if there was anything. */
bool cr_inbox_take(struct cr_inbox *inbox);

/* Owner. It looks from now on, and need not be woken. */
void cr_inbox_wake(struct cr_inbox *inbox);

/* Owner. It looks no more until it is woken. False: something has come meanwhile, and it had better look again. */
bool cr_inbox_sleep(struct cr_inbox *inbox);

#endif
