#include "ticket.h"

#include "memory.h"

void cr_page_init(struct cr_page *page, const struct chatroom_alloc *alloc, size_t rows, size_t bytes)
{
    *page = (struct cr_page){.alloc = alloc, .most_rows = rows, .most_bytes = bytes};
}

void cr_page_fini(struct cr_page *page)
{
    if (page->rows)
        cr_free(page->alloc, page->rows, page->capacity * sizeof *page->rows);
    if (page->bytes)
        cr_free(page->alloc, page->bytes, page->size);
    memset(page, 0, sizeof *page);
}

int cr_page_status(const struct cr_page *page, int status)
{
    bool none = page->out_of_memory && page->count == 0;

    return status == CHATROOM_OK && none ? CHATROOM_ENOMEM : status;
}

static void take(struct cr_inbox_node *node)
{
    struct cr_ticket *ticket = (struct cr_ticket *)((char *)node - offsetof(struct cr_ticket, node));

    ticket->done(ticket);
}

static void complete(struct chatroom_ticket *store_ticket, int status)
{
    struct cr_ticket *ticket = (struct cr_ticket *)store_ticket;
    void (*wake)(void *arg) = ticket->wake; /* once it is pushed the ticket is the owner's again */
    void *wake_arg = ticket->wake_arg;

    ticket->status = status;
    ticket->node.take = take;
    if (cr_inbox_push(ticket->inbox, &ticket->node) && wake)
        wake(wake_arg);
}

void chatroom_write_done(struct chatroom_ticket *ticket, int status)
{
    complete(ticket, status);
}

/* At least doubled, but no more than there may ever be. */
static bool make_room(struct cr_page *page, size_t size)
{
    struct cr_row *rows = cr_reserve(page->alloc, page->rows, &page->capacity, page->count + 1, sizeof *rows);
    size_t want = page->used + size;
    char *bytes;

    if (!rows)
        return false;
    page->rows = rows;
    if (want <= page->size)
        return true;
    want = want > 2 * page->size ? want : 2 * page->size;
    want = want < page->most_bytes ? want : page->most_bytes;
    bytes = cr_resize(page->alloc, page->bytes, page->size, want);
    if (!bytes)
        return false;
    page->bytes = bytes;
    page->size = want;
    return true;
}

bool chatroom_read_row(struct chatroom_ticket *store_ticket, uint64_t seq, chatroom_span value)
{
    struct cr_page *page = ((struct cr_ticket *)store_ticket)->page;

    page->full |= page->count == page->most_rows || value.size > page->most_bytes - page->used;
    if (!page->full && !make_room(page, value.size))
        page->full = page->out_of_memory = true;
    if (page->full)
        return false;
    if (value.size > 0)
        memcpy(page->bytes + page->used, value.bytes, value.size);
    page->rows[page->count++] = (struct cr_row){seq, page->used, value.size};
    page->used += value.size;
    return true;
}

void chatroom_read_done(struct chatroom_ticket *ticket, int status)
{
    complete(ticket, cr_page_status(((struct cr_ticket *)ticket)->page, status));
}
