/*
 * ticket.h: the core's side of a store ticket (store.h): what to do when it is completed, and the page that a read
 * fills.
 *
 * A store completes from any thread; the completion travels through the inbox, and done() runs on the owner's thread.
 * The one who submits a ticket keeps it and everything in it alive until then.
 */
#ifndef CR_TICKET_H
#define CR_TICKET_H

#include "inbox.h"

#include <chatroom/store.h>

struct cr_row {
    uint64_t seq;
    chatroom_span value; /* points into the page */
};

struct cr_ticket;

/* What a read fills. Made before, of fixed size, so that a store thread never allocates. */
struct cr_page {
    struct cr_row *rows;
    size_t count, capacity;
    char *bytes;
    size_t used, size;
    bool full; /* a row did not fit, and none is taken any more */
};

typedef void cr_done_fn(struct cr_ticket *ticket);

struct cr_ticket {
    struct chatroom_ticket store; /* first: a store sees no more than this */
    struct cr_inbox_node node;
    struct cr_inbox *inbox;
    void (*wake)(void *arg); /* any thread: the owner has something to take */
    void *wake_arg;
    struct cr_page *page; /* reads */
    int status;
    cr_done_fn *done;
};

/* Makes a page for capacity rows of bytes in all. Errors: CHATROOM_ENOMEM. */
int cr_page_init(struct cr_page *page, const struct chatroom_alloc *alloc, size_t capacity, size_t bytes);
void cr_page_fini(struct cr_page *page, const struct chatroom_alloc *alloc);

#endif
