/*
 * mailbox.h: things for another thread, in order, many at a time.
 *
 * The sender collects nodes in a list of its own and puts the list in as a whole, once a turn, under a lock that is
 * held for a few instructions. It learns whether the receiver is to be woken. A node is a member of what it brings, and
 * knows what the receiver does with it: so there is no list of kinds, and nothing to allocate where something must not
 * fail.
 */
#ifndef WS_MAILBOX_H
#define WS_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct ws_node {
    struct ws_node *next;
    void (*take)(struct ws_node *node); /* may free it, or put it in another list */
};

/* One thread's. All zero is empty. */
struct ws_nodes {
    struct ws_node *first, *last;
    size_t charge; /* what the sender says that it holds; not 0 while there are nodes */
};

struct ws_mailbox {
    pthread_mutex_t lock;
    struct ws_nodes nodes;
    bool asleep; /* the receiver waits, or is about to */
};

void ws_nodes_add(struct ws_nodes *nodes, struct ws_node *node, void (*take)(struct ws_node *node), size_t charge);
/* Moves all behind those of the other list. */
void ws_nodes_move(struct ws_nodes *from, struct ws_nodes *to);
/* Takes one after the other, also those that come meanwhile. */
void ws_nodes_run(struct ws_nodes *nodes);

void ws_mailbox_init(struct ws_mailbox *mailbox);
/* It is empty. */
void ws_mailbox_fini(struct ws_mailbox *mailbox);

/* Moves all nodes into the mailbox. True: the receiver is asleep, and this sender, no other, has to wake it. */
bool ws_mailbox_put(struct ws_mailbox *mailbox, struct ws_nodes *nodes);

/* The receiver: moves what is there behind those of the list. Asleep: the next to put something in wakes it. */
void ws_mailbox_take(struct ws_mailbox *mailbox, struct ws_nodes *ret_nodes, bool asleep);
/* The receiver: as asleep above, but takes nothing. False: there is something, and it is not asleep. */
bool ws_mailbox_sleep(struct ws_mailbox *mailbox);

#endif
