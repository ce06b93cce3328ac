#include "ticket.h"

#include "memory.h"

int cr_page_init(struct cr_page *page, const struct chatroom_alloc *alloc, size_t capacity, size_t bytes)
{
    memset(page, 0, sizeof *page);
    page->rows = cr_resize(alloc, NULL, 0, capacity * sizeof *page->rows);
    page->bytes = cr_resize(alloc, NULL, 0, bytes);
    page->capacity = capacity;
    page->size = bytes;
    if (page->rows && page->bytes)
        return CHATROOM_OK;
    cr_page_fini(page, alloc);
    return CHATROOM_ENOMEM;
}

void cr_page_fini(struct cr_page *page, const struct chatroom_alloc *alloc)
{
    cr_free(alloc, page->rows, page->capacity * sizeof *page->rows);
    cr_free(alloc, page->bytes, page->size);
    memset(page, 0, sizeof *page);
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

bool chatroom_read_row(struct chatroom_ticket *store_ticket, uint64_t seq, chatroom_span value)
{
    struct cr_page *page = ((struct cr_ticket *)store_ticket)->page;

    page->full |= page->count == page->capacity || value.size > page->size - page->used;
    if (page->full)
        return false;
    if (value.size > 0)
        memcpy(page->bytes + page->used, value.bytes, value.size);
    page->rows[page->count++] = (struct cr_row){seq, chatroom_bytes(page->bytes + page->used, value.size)};
    page->used += value.size;
    return true;
}

void chatroom_read_done(struct chatroom_ticket *ticket, int status)
{
    complete(ticket, status);
}
