#include "recent.h"

#include "memory.h"

/* The entries lie one behind the other, each with its size before and behind it, so that they are read either way. */
struct cr_recent {
    struct cr_recent *next, *previous; /* of the instance */
    struct cr_room *room;
    uint64_t epoch, newest;
    size_t count;
    bool deeper; /* the log is known to go on below the first */
    char *bytes;
    size_t capacity, start, end;
};

enum {
    SIZE_BYTES = sizeof(uint32_t),
    SHARE = 8, /* one room takes at most so many parts of all */
};

static uint64_t first_of(const struct cr_recent *r)
{
    return r->newest - r->count + 1;
}

static bool is_current(const struct cr_recent *r)
{
    return r->epoch == r->room->epoch && r->newest == r->room->newest;
}

/* ---- the line ---- */

static void put_first(chatroom *c, struct cr_recent *r)
{
    r->previous = NULL;
    r->next = c->first_recent;
    if (r->next)
        r->next->previous = r;
    else
        c->last_recent = r;
    c->first_recent = r;
}

static void take_out(chatroom *c, struct cr_recent *r)
{
    if (r->previous)
        r->previous->next = r->next;
    else
        c->first_recent = r->next;
    if (r->next)
        r->next->previous = r->previous;
    else
        c->last_recent = r->previous;
}

static void touch(chatroom *c, struct cr_recent *r)
{
    take_out(c, r);
    put_first(c, r);
}

void cr_recent_drop(chatroom *c, struct cr_room *room)
{
    struct cr_recent *r = room->recent;

    if (!r)
        return;
    room->recent = NULL;
    take_out(c, r);
    c->recent_bytes -= sizeof *r + r->capacity;
    cr_free(&c->alloc, r->bytes, r->capacity);
    cr_free(&c->alloc, r, sizeof *r);
}

/* ---- memory ---- */

/* The most that the entries of one room may take. */
static size_t share(const chatroom *c)
{
    size_t all = c->config.limits.recent_bytes / SHARE;

    return all > sizeof(struct cr_recent) ? all - sizeof(struct cr_recent) : 0;
}

/* Within the limit, at the expense of the others. The first of the line has at most two shares: the old and the new. */
static void *allocate(chatroom *c, size_t size)
{
    void *memory;

    while (c->recent_bytes > c->config.limits.recent_bytes - size)
        cr_recent_drop(c, c->last_recent->room);
    memory = cr_resize(&c->alloc, NULL, 0, size);
    if (memory)
        c->recent_bytes += size;
    return memory;
}

static struct cr_recent *begin(chatroom *c, struct cr_room *room, uint64_t first)
{
    struct cr_recent *r = share(c) > 0 ? allocate(c, sizeof *r) : NULL;

    if (!r)
        return NULL;
    *r = (struct cr_recent){.room = room, .epoch = room->epoch, .newest = first - 1};
    room->recent = r;
    put_first(c, r);
    return r;
}

/* ---- entries ---- */

static uint32_t size_at(const struct cr_recent *r, size_t at)
{
    uint32_t size;

    memcpy(&size, r->bytes + at, sizeof size); /* NOLINT: there is an entry */
    return size;
}

static size_t place_of(size_t size)
{
    return size + 2 * SIZE_BYTES;
}

static void drop_oldest(struct cr_recent *r)
{
    r->start += place_of(size_at(r, r->start));
    r->count--;
    r->deeper = true;
}

/* A block in which a good part is free once want bytes are in it, so that they are not moved for each entry. */
static size_t capacity_for(const struct cr_recent *r, size_t want, size_t most)
{
    if (want <= r->capacity - r->capacity / 4 && want >= r->capacity / 4)
        return r->capacity;
    want = (want + want / 2 + 63) / 64 * 64;
    return want < most ? want : most;
}

/* Moves what is there to the front of its block, or of another one. */
static bool move(chatroom *c, struct cr_recent *r, size_t capacity)
{
    size_t used = r->end - r->start;
    char *bytes = capacity == r->capacity ? r->bytes : allocate(c, capacity);

    if (!bytes)
        return false;
    if (used > 0)
        memmove(bytes, r->bytes + r->start, used);
    if (bytes != r->bytes) {
        c->recent_bytes -= r->capacity;
        cr_free(&c->alloc, r->bytes, r->capacity);
    }
    r->bytes = bytes;
    r->capacity = capacity;
    r->start = 0;
    r->end = used;
    return true;
}

static bool make_place(chatroom *c, struct cr_recent *r, size_t size)
{
    size_t most = share(c);

    if (size > most)
        return false;
    while (r->count >= c->config.limits.history_entries)
        drop_oldest(r);
    if (size <= r->capacity - r->end)
        return true;
    while (r->count > 0 && size + (r->end - r->start) > most - most / 4)
        drop_oldest(r);
    return move(c, r, capacity_for(r, size + (r->end - r->start), most));
}

static void put(struct cr_recent *r, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(r->bytes + r->end, bytes, size);
    r->end += size;
}

static bool push(chatroom *c, struct cr_recent *r, chatroom_span value)
{
    uint32_t size = (uint32_t)value.size;

    if (value.size > UINT32_MAX / 2 || !make_place(c, r, place_of(value.size)))
        return false;
    put(r, &size, sizeof size);
    put(r, value.bytes, value.size);
    put(r, &size, sizeof size);
    r->count++;
    r->newest++;
    return true;
}

void cr_recent_add(chatroom *c, struct cr_room *room, chatroom_span value)
{
    struct cr_recent *r = room->recent;

    if (r && (r->epoch != room->epoch || r->newest + 1 != room->newest)) {
        cr_recent_drop(c, room);
        r = NULL;
    }
    if (r)
        touch(c, r);
    else
        r = begin(c, room, room->newest);
    if (r && !push(c, r, value))
        cr_recent_drop(c, room);
}

/* ---- pages ---- */

/* Without a gap, up to the newest entry of the room. */
static bool ends_the_log(const struct cr_room *room, const struct cr_page *page, size_t count, bool falls)
{
    for (size_t i = 1; i < count; i++)
        if (page->rows[i].seq != (falls ? page->rows[i - 1].seq - 1 : page->rows[i - 1].seq + 1))
            return false;
    return count > 0 && page->rows[falls ? 0 : count - 1].seq == room->newest;
}

void cr_recent_learn(chatroom *c, struct cr_room *room, const struct cr_page *page, size_t count, bool falls)
{
    struct cr_recent *r = room->recent;
    bool going = true;

    if (!ends_the_log(room, page, count, falls) || (r && is_current(r) && r->count >= count))
        return;
    cr_recent_drop(c, room);
    r = begin(c, room, room->newest - count + 1);
    if (!r)
        return;
    r->deeper = falls && page->full;
    for (size_t i = 0; i < count && going; i++)
        going = push(c, r, cr_page_value(page, falls ? count - 1 - i : i));
    if (!going)
        cr_recent_drop(c, room);
}

static void read_rising(const struct cr_recent *r, struct cr_ticket *ticket)
{
    size_t at = r->start;

    for (uint64_t seq = first_of(r); seq <= r->newest; seq++) {
        size_t size = size_at(r, at);

        if (seq >= ticket->store.read.seq &&
            !chatroom_read_row(&ticket->store, seq, chatroom_bytes(r->bytes + at + SIZE_BYTES, size)))
            return;
        at += place_of(size);
    }
}

static void read_falling(const struct cr_recent *r, struct cr_ticket *ticket)
{
    size_t at = r->end;

    for (uint64_t seq = r->newest; seq >= first_of(r); seq--) {
        size_t size = size_at(r, at - SIZE_BYTES);

        at -= place_of(size);
        if (seq < ticket->store.read.seq &&
            !chatroom_read_row(&ticket->store, seq, chatroom_bytes(r->bytes + at + SIZE_BYTES, size)))
            return;
    }
    ticket->page->full |= r->deeper && ticket->page->count == ticket->page->most_rows;
}

static size_t bytes_below(const struct cr_recent *r, uint64_t end)
{
    size_t at = r->start, bytes = 0;

    for (uint64_t seq = first_of(r); seq < end; seq++) {
        size_t size = size_at(r, at);

        bytes += size;
        at += place_of(size);
    }
    return bytes;
}

/* Falling, what is kept must be more than the page takes, or all there is. */
static bool covers(const struct cr_recent *r, const struct chatroom_read *read, const struct cr_page *page)
{
    uint64_t first = first_of(r), end = read->seq <= r->newest ? read->seq : r->newest + 1;

    if (read->kind == CHATROOM_READ_FROM)
        return read->seq >= first;
    if (first == 1)
        return true;
    if (end <= first)
        return false;
    return end - first + r->deeper > page->most_rows || bytes_below(r, end) > page->most_bytes;
}

bool cr_recent_read(chatroom *c, struct cr_room *room, struct cr_ticket *ticket)
{
    struct cr_recent *r = room->recent;

    if (!r || !is_current(r) || !covers(r, &ticket->store.read, ticket->page))
        return false;
    touch(c, r);
    if (ticket->store.read.kind == CHATROOM_READ_FROM)
        read_rising(r, ticket);
    else
        read_falling(r, ticket);
    ticket->store.read.ret_epoch = r->epoch;
    ticket->status = cr_page_status(ticket->page, CHATROOM_OK);
    return true;
}
