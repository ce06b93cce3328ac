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
    size_t at, size; /* of its value, in the page's bytes */
};

struct cr_ticket;

/* What a read fills. It grows with what is read, on the thread that reads, and never beyond its bounds. */
struct cr_page {
    const struct chatroom_alloc *alloc; /* borrowed */
    size_t most_rows, most_bytes;
    struct cr_row *rows;
    size_t count, capacity;
    char *bytes;
    size_t used, size;
    bool full;          /* a row did not fit, and none is taken any more */
    bool out_of_memory; /* ... because of that */
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

/* A page for so many rows, of so many bytes in all, at most. */
void cr_page_init(struct cr_page *page, const struct chatroom_alloc *alloc, size_t rows, size_t bytes);
/* Fine on a zeroed one. */
void cr_page_fini(struct cr_page *page);

/*
 * What became of a read that ended with status. A page that had no memory for its first row is none; one that is
 * shorter for want of it says that there is more.
 */
int cr_page_status(const struct cr_page *page, int status);

static inline chatroom_span cr_page_value(const struct cr_page *page, size_t n)
{
    return chatroom_bytes(page->bytes + page->rows[n].at, page->rows[n].size);
}

#endif
