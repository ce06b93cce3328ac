#include "history.h"

#include "memory.h"
#include "recent.h"
#include "record.h"
#include "request.h"
#include "rooms.h"

static bool rises(const struct cr_history *h)
{
    return h->query.before == 0 && (h->query.after > 0 || h->query.oldest);
}

static size_t limit_of(const chatroom_request *request)
{
    size_t most = request->c->config.limits.history_entries, limit = request->history.query.limit;

    return limit == 0 || limit > most ? most : limit;
}

static uint64_t below(const struct cr_history *h)
{
    return h->query.before > 0 && h->query.before <= h->newest ? h->query.before : h->newest + 1;
}

/* A page that had no place for its first entry would have no end. */
static size_t page_bytes(const chatroom *c)
{
    size_t entry = c->config.limits.message_bytes + CR_ENTRY_OVERHEAD;

    return c->config.limits.history_bytes > entry ? c->config.limits.history_bytes : entry;
}

/* The room as it is now. False: there is nothing of it to ask for. */
static bool look(struct cr_history *h)
{
    h->epoch = h->room->epoch;
    h->newest = h->room->live ? h->room->newest : 0;
    return h->newest > 0 && (!rises(h) || h->query.after < h->newest);
}

static void make_ticket(chatroom_request *request)
{
    chatroom *c = request->c;
    struct cr_history *h = &request->history;
    size_t limit = limit_of(request);

    cr_page_init(&h->page, &c->alloc, limit, page_bytes(c));
    request->ticket.page = &h->page;
    request->ticket.store.read = (struct chatroom_read){
        .kind = rises(h) ? CHATROOM_READ_FROM : CHATROOM_READ_BEFORE,
        .room = cr_room_name(h->room),
        .seq = rises(h) ? h->query.after + 1 : below(h),
        .limit = limit + 1, /* the one too many tells that there are more */
    };
}

bool cr_history_recall(chatroom_request *request)
{
    struct cr_history *h = &request->history;

    if (!look(h)) {
        request->ticket.store.read.ret_epoch = h->epoch;
        return true;
    }
    make_ticket(request);
    return cr_recent_read(request->c, h->room, &request->ticket);
}

int cr_history_ask(chatroom_request *request, cr_done_fn *done)
{
    chatroom *c = request->c;

    request->ticket.done = done;
    c->submitted = true;
    return c->store.ops->read(c->store.self, &request->ticket.store);
}

/* A row that is damaged ends the page before it. */
static int decode_rows(const struct cr_history *h, struct chatroom_entry *entries, size_t *ret_count)
{
    size_t count = 0;
    int result = CHATROOM_OK;

    for (size_t i = 0; i < h->page.count && h->page.rows[i].seq <= h->newest && result == CHATROOM_OK; i++) {
        struct chatroom_entry *entry = &entries[count];

        result = cr_entry_decode(cr_page_value(&h->page, i), entry);
        entry->room = cr_room_name(h->room);
        entry->epoch = h->epoch;
        entry->seq = h->page.rows[i].seq;
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

/* The room may have ended meanwhile, and another one of its name begun. */
static bool is_there(const chatroom_request *request)
{
    const struct cr_history *h = &request->history;

    return h->room->live && h->room->epoch == h->epoch &&
           (!h->joined || cr_room_membership(h->room, request->connection));
}

/* Rows of a room of that name that began later are not ours, and there are no others any more. */
static int read_status(const chatroom_request *request)
{
    int status = request->ticket.status;
    bool has_rows = status == CHATROOM_OK || status == CHATROOM_ECORRUPT;

    return has_rows && request->ticket.store.read.ret_epoch != request->history.epoch ? CHATROOM_ENOENT : status;
}

static void log_failure(const chatroom_request *request, int status)
{
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("room", cr_room_name(request->history.room)),
                                                CHATROOM_TEXT("code", chatroom_str(chatroom_errword(status)))};

    cr_log(request->c, CHATROOM_LOG_WARN, "history_failed", fields, 2);
}

/* The rows that can be given, oldest first, and whether there is more. Errors: why there are none. */
static int make_page(chatroom_request *request, struct chatroom_history *history)
{
    struct cr_history *h = &request->history;
    struct chatroom_entry *entries = chatroom_request_memory(request, h->page.count * sizeof *entries);
    int status = read_status(request), decoded;

    if (!entries)
        return CHATROOM_ENOMEM;
    if (status != CHATROOM_OK && status != CHATROOM_ECORRUPT)
        return status;
    decoded = decode_rows(h, entries, &history->count);
    cr_recent_learn(request->c, h->room, &h->page, history->count, !rises(h));
    if (status == CHATROOM_OK)
        status = decoded;
    if (!rises(h))
        turn(entries, history->count);
    history->entries = entries;
    history->more = h->page.full || status != CHATROOM_OK;
    return history->count > 0 ? CHATROOM_OK : status;
}

int cr_history_give(chatroom_request *request)
{
    struct cr_history *h = &request->history;
    struct chatroom_history history = {.room = cr_room_name(h->room), .epoch = h->epoch, .newest = h->newest};
    int status = is_there(request) ? make_page(request, &history) : CHATROOM_ENOENT;

    if (status != CHATROOM_OK && h->joined && is_there(request)) {
        log_failure(request, status);
        history.count = 0;
        history.more = true; /* who is in the room is not told otherwise; the entries can be asked for again */
    } else if (status != CHATROOM_OK) {
        return status;
    }
    h->seen = history.count > 0 ? history.entries[history.count - 1].seq : 0;
    return h->then(request, &history, h->then_arg);
}

void cr_history_seat(chatroom_request *request)
{
    struct cr_membership *membership = cr_room_membership(request->history.room, request->connection);

    if (membership)
        cr_room_seat(request->c, membership, request->history.seen);
}
