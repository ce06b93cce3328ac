#include "history.h"

#include "memory.h"
#include "record.h"
#include "request.h"
#include "rooms.h"

static bool rises(const struct cr_history *h)
{
    return h->query.before == 0 && h->query.after > 0;
}

static size_t limit_of(const chatroom_request *request)
{
    size_t most = request->c->config.limits.history_entries, limit = request->history.query.limit;

    return limit == 0 || limit > most ? most : limit;
}

int cr_history_ask(chatroom_request *request, cr_done_fn *done, bool *ret_waits)
{
    chatroom *c = request->c;
    struct cr_history *h = &request->history;
    size_t limit = limit_of(request);
    int result;

    *ret_waits = h->room->live && h->room->newest > 0;
    if (!*ret_waits)
        return CHATROOM_OK;
    result = cr_page_init(&h->page, &c->alloc, limit, c->config.limits.history_bytes);
    if (result != CHATROOM_OK)
        return result;
    request->ticket.page = &h->page;
    request->ticket.done = done;
    request->ticket.store.read = (struct chatroom_read){
        .kind = rises(h) ? CHATROOM_READ_FROM : CHATROOM_READ_BEFORE,
        .room = cr_room_name(h->room),
        .seq = rises(h)              ? h->query.after + 1
               : h->query.before > 0 ? h->query.before
                                     : UINT64_MAX,
        .limit = limit + 1, /* the one too many tells that there are more */
    };
    c->submitted = true;
    return c->store.ops->read(c->store.self, &request->ticket.store);
}

/* A row that is damaged ends the page before it. */
static int decode_rows(const struct cr_history *h, struct chatroom_entry *entries, size_t *ret_count)
{
    size_t count = 0;
    int result = CHATROOM_OK;

    while (count < h->page.count && result == CHATROOM_OK) {
        struct chatroom_entry *entry = &entries[count];

        result = cr_entry_decode(h->page.rows[count].value, entry);
        entry->room = cr_room_name(h->room);
        entry->epoch = h->room->epoch;
        entry->seq = h->page.rows[count].seq;
        count += result == CHATROOM_OK;
    }
    *ret_count = count;
    return result;
}

static void turn(struct chatroom_entry *entries, size_t count)
{
    for (size_t low = 0, high = count; low + 1 < high; low++) {
        struct chatroom_entry entry = entries[low];

        entries[low] = entries[--high];
        entries[high] = entry;
    }
}

/* What was submitted before the read has taken hold by now, perhaps the room's end: the page is of what there is now.
 */
static bool is_there(const chatroom_request *request)
{
    const struct cr_history *h = &request->history;

    return h->room->live && (!h->joined || cr_room_membership(h->room, request->connection));
}

int cr_history_give(chatroom_request *request)
{
    struct cr_history *h = &request->history;
    struct chatroom_entry *entries;
    struct chatroom_history history = {
        .room = cr_room_name(h->room), .epoch = h->room->epoch, .newest = h->room->newest};
    int status = request->ticket.status, decoded;

    if (!is_there(request))
        return CHATROOM_ENOENT;
    entries = chatroom_request_memory(request, h->page.count * sizeof *entries);
    if (!entries)
        return CHATROOM_ENOMEM;
    decoded = decode_rows(h, entries, &history.count);
    if (status == CHATROOM_OK)
        status = decoded;
    if (status != CHATROOM_OK && !(status == CHATROOM_ECORRUPT && history.count > 0))
        return status;
    if (!rises(h))
        turn(entries, history.count);
    history.entries = entries;
    h->seen = history.count > 0 ? entries[history.count - 1].seq : 0;
    history.more = h->page.full || status != CHATROOM_OK;
    return h->then(request, &history, h->then_arg);
}

void cr_history_seat(chatroom_request *request)
{
    struct cr_membership *membership = cr_room_membership(request->history.room, request->connection);

    if (membership)
        cr_room_seat(request->c, membership, request->history.seen);
}
