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

struct cr_inbox {
    _Atomic(struct cr_inbox_node *) newest;
};

/* Any thread. True if the inbox was empty: the owner may be asleep and wants to be woken. */
bool cr_inbox_push(struct cr_inbox *inbox, struct cr_inbox_node *node);

/* Owner. Takes everything that is there, oldest first. True if there was anything. */
bool cr_inbox_take(struct cr_inbox *inbox);

#endif
