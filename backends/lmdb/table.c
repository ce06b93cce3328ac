#include "table.h"

#include <stdlib.h>
#include <sys/random.h>

/* Every hash is made by hash_of(), under a random key; a full table is an error instead of an exit(). */
#define HASH_NONFATAL_OOM         1
#define uthash_nonfatal_oom(item) ((item)->refused = true)
#include <uthash.h>

/* A name. Stays while a transaction is under way even if the room is gone, so that going back need not allocate. */
struct lmdb_slot {
    UT_hash_handle hh;
    bool refused;
    size_t touched; /* the last journal step that set room */
    struct lmdb_room *room;
    size_t size;
    char name[];
};

struct lmdb_once {
    UT_hash_handle hh;
    bool refused;
    struct lmdb_once *older, *newer;
    uint64_t seq;
    size_t size;
    char key[]; /* room number, then the bytes given */
};

enum undo_kind { UNDO_SET, UNDO_APPEND, UNDO_TRIM, UNDO_REMEMBER };

struct lmdb_undo {
    enum undo_kind kind;
    bool made_slot;
    struct lmdb_slot *slot;
    struct lmdb_room *room; /* SET: the one before */
    uint64_t first;
};

static unsigned hash_of(const struct lmdb_table *t, const void *key, size_t size)
{
    return (unsigned)chatroom_hash(t->key, key, size);
}

int lmdb_table_init(struct lmdb_table *t)
{
    memset(t, 0, sizeof *t);
    return getrandom(t->key, sizeof t->key, 0) == (ssize_t)sizeof t->key ? CHATROOM_OK : CHATROOM_ESYSTEM;
}

/* ---- journal ---------------------------------------------------------------------------------------------------- */

static bool journal_reserve(struct lmdb_table *t)
{
    size_t capacity = t->journal_capacity ? t->journal_capacity * 2 : 64;
    struct lmdb_undo *journal;

    if (t->journal_count < t->journal_capacity)
        return true;
    journal = realloc(t->journal, capacity * sizeof *journal);
    if (!journal)
        return false;
    t->journal = journal;
    t->journal_capacity = capacity;
    return true;
}

static void journal_note(struct lmdb_table *t, struct lmdb_undo undo)
{
    if (undo.slot)
        undo.slot->touched = t->journal_count;
    t->journal[t->journal_count++] = undo;
}

/* ---- rooms ------------------------------------------------------------------------------------------------------ */

static void tail_link(struct lmdb_table *t, struct lmdb_room *room)
{
    room->previous = NULL;
    room->next = t->tails;
    if (t->tails)
        t->tails->previous = room;
    t->tails = room;
}

static void tail_unlink(struct lmdb_table *t, struct lmdb_room *room)
{
    *(room->previous ? &room->previous->next : &t->tails) = room->next;
    if (room->next)
        room->next->previous = room->previous;
}

static void room_free(struct lmdb_table *t, struct lmdb_room *room)
{
    if (!room)
        return;
    if (room->tail_count) {
        t->tail_entries -= room->tail_count;
        tail_unlink(t, room);
    }
    free(room->tail);
    free(room);
}

static bool is_called(const struct lmdb_slot *slot, chatroom_span name)
{
    return slot && chatroom_span_equal(chatroom_bytes(slot->name, slot->size), name);
}

static struct lmdb_slot *slot_find(struct lmdb_table *t, chatroom_span name)
{
    struct lmdb_slot *slot = NULL;
    const char *bytes = name.size ? name.bytes : "";

    if (is_called(t->found, name))
        return t->found;
    HASH_FIND_BYHASHVALUE(hh, t->slots, bytes, name.size, hash_of(t, bytes, name.size), slot);
    t->found = slot;
    return slot;
}

static struct lmdb_slot *slot_get(struct lmdb_table *t, chatroom_span name, bool *ret_made)
{
    struct lmdb_slot *slot = slot_find(t, name);

    *ret_made = !slot;
    if (slot)
        return slot;
    slot = calloc(1, sizeof *slot + name.size);
    if (!slot)
        return NULL;
    slot->size = name.size;
    if (name.size)
        memcpy(slot->name, name.bytes, name.size);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, t->slots, slot->name, slot->size, hash_of(t, slot->name, slot->size), slot);
    if (slot->refused) {
        free(slot);
        return NULL;
    }
    return slot;
}

static void slot_remove(struct lmdb_table *t, struct lmdb_slot *slot)
{
    HASH_DELETE(hh, t->slots, slot);
    if (t->found == slot)
        t->found = NULL;
    free(slot);
}

struct lmdb_room *lmdb_table_find(struct lmdb_table *t, chatroom_span name)
{
    const struct lmdb_slot *slot = slot_find(t, name);

    return slot ? slot->room : NULL;
}

int lmdb_table_create(struct lmdb_table *t, chatroom_span name, uint64_t number, struct lmdb_room **ret_room)
{
    struct lmdb_undo undo = {.kind = UNDO_SET};
    struct lmdb_room *room = calloc(1, sizeof *room);

    if (room && journal_reserve(t))
        undo.slot = slot_get(t, name, &undo.made_slot);
    if (!undo.slot) {
        free(room);
        return CHATROOM_ENOMEM;
    }
    room->number = number;
    room->first = 1;
    undo.room = undo.slot->room;
    undo.slot->room = room;
    journal_note(t, undo);
    *ret_room = room;
    return CHATROOM_OK;
}

int lmdb_table_erase(struct lmdb_table *t, chatroom_span name)
{
    struct lmdb_undo undo = {.kind = UNDO_SET, .slot = slot_find(t, name)};

    if (!undo.slot)
        return CHATROOM_OK;
    if (!journal_reserve(t))
        return CHATROOM_ENOMEM;
    undo.room = undo.slot->room;
    undo.slot->room = NULL;
    journal_note(t, undo);
    return CHATROOM_OK;
}

static bool tail_reserve(struct lmdb_room *room)
{
    size_t capacity = room->tail_capacity ? room->tail_capacity * 2 : 4;
    uint64_t *tail;

    if (room->tail_count < room->tail_capacity)
        return true;
    tail = realloc(room->tail, capacity * sizeof *tail);
    if (!tail)
        return false;
    room->tail = tail;
    room->tail_capacity = capacity;
    return true;
}

int lmdb_table_append(struct lmdb_table *t, struct lmdb_room *room, uint64_t id)
{
    struct lmdb_undo undo = {.kind = UNDO_APPEND, .room = room};

    if (!journal_reserve(t) || !tail_reserve(room))
        return CHATROOM_ENOMEM;
    if (room->tail_count == 0)
        tail_link(t, room);
    room->tail[room->tail_count++] = id;
    room->newest++;
    t->tail_entries++;
    journal_note(t, undo);
    return CHATROOM_OK;
}

static void append_undo(struct lmdb_table *t, struct lmdb_room *room)
{
    room->newest--;
    t->tail_entries--;
    if (--room->tail_count == 0)
        tail_unlink(t, room);
}

int lmdb_table_trim(struct lmdb_table *t, struct lmdb_room *room, uint64_t first)
{
    struct lmdb_undo undo = {.kind = UNDO_TRIM, .room = room, .first = room->first};

    if (!journal_reserve(t))
        return CHATROOM_ENOMEM;
    room->first = first;
    journal_note(t, undo);
    return CHATROOM_OK;
}

/* ---- once ------------------------------------------------------------------------------------------------------- */

static size_t once_key(char *key, uint64_t number, chatroom_span once)
{
    memcpy(key, &number, sizeof number);
    memcpy(key + sizeof number, once.bytes, once.size);
    return sizeof number + once.size;
}

static struct lmdb_once *once_find(const struct lmdb_table *t, uint64_t number, chatroom_span once)
{
    char key[sizeof number + CHATROOM_KEY_MAX];
    size_t size = once_key(key, number, once);
    struct lmdb_once *item = NULL;

    HASH_FIND_BYHASHVALUE(hh, t->onces, key, size, hash_of(t, key, size), item);
    return item;
}

uint64_t lmdb_table_recall(const struct lmdb_table *t, uint64_t number, chatroom_span once)
{
    const struct lmdb_once *item = once_find(t, number, once);

    return item ? item->seq : 0;
}

static void once_link(struct lmdb_table *t, struct lmdb_once *item)
{
    item->older = t->newest;
    if (t->newest)
        t->newest->newer = item;
    else
        t->oldest = item;
    t->newest = item;
    if (!t->unsaved)
        t->unsaved = item;
    t->once_count++;
}

static void once_remove(struct lmdb_table *t, struct lmdb_once *item)
{
    if (t->unsaved == item)
        t->unsaved = item->newer; /* NOLINT: what is in the list is in the table, once */
    *(item->older ? &item->older->newer : &t->oldest) = item->newer;
    *(item->newer ? &item->newer->older : &t->newest) = item->older;
    HASH_DELETE(hh, t->onces, item); /* NOLINT: what is in the list is in the table, once */
    free(item);
    t->once_count--;
}

int lmdb_table_remember(struct lmdb_table *t, uint64_t number, chatroom_span once, uint64_t seq)
{
    struct lmdb_undo undo = {.kind = UNDO_REMEMBER};
    struct lmdb_once *item = journal_reserve(t) ? calloc(1, sizeof *item + sizeof number + once.size) : NULL;
    struct lmdb_once *same = once_find(t, number, once);

    if (!item)
        return CHATROOM_ENOMEM;
    if (same) /* only when loading: it had left the window when the newer one came */
        once_remove(t, same);
    item->size = once_key(item->key, number, once);
    item->seq = seq;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, t->onces, item->key, item->size, hash_of(t, item->key, item->size), item);
    if (item->refused) {
        free(item);
        return CHATROOM_ENOMEM;
    }
    once_link(t, item);
    journal_note(t, undo);
    return CHATROOM_OK;
}

static struct lmdb_once_head once_head(const struct lmdb_once *item)
{
    struct lmdb_once_head head = {0, item->seq, item->size - sizeof head.number};

    memcpy(&head.number, item->key, sizeof head.number);
    return head;
}

int lmdb_table_pack_onces(const struct lmdb_table *t, char **ret_bytes, size_t *ret_size, uint64_t *ret_count)
{
    size_t size = 0;
    char *bytes, *to;

    *ret_bytes = NULL;
    *ret_size = 0;
    *ret_count = 0;
    for (const struct lmdb_once *item = t->unsaved; item; item = item->newer)
        size += sizeof(struct lmdb_once_head) + item->size - sizeof(uint64_t);
    if (size == 0)
        return CHATROOM_OK;
    to = bytes = malloc(size);
    if (!bytes)
        return CHATROOM_ENOMEM;
    for (const struct lmdb_once *item = t->unsaved; item; item = item->newer) {
        struct lmdb_once_head head = once_head(item);
        memcpy(to, &head, sizeof head);
        memcpy(to + sizeof head, item->key + sizeof head.number, (size_t)head.size);
        to += sizeof head + head.size;
        ++*ret_count;
    }
    *ret_bytes = bytes;
    *ret_size = size;
    return CHATROOM_OK;
}

int lmdb_table_unpack_onces(struct lmdb_table *t, chatroom_span packed, bool *ret_sound)
{
    *ret_sound = false;
    while (packed.size) {
        struct lmdb_once_head head;
        int rc;

        if (packed.size < sizeof head)
            return CHATROOM_OK;
        memcpy(&head, packed.bytes, sizeof head);
        packed = chatroom_bytes(packed.bytes + sizeof head, packed.size - sizeof head);
        if (head.size > packed.size || head.size > CHATROOM_KEY_MAX)
            return CHATROOM_OK;
        rc = lmdb_table_remember(t, head.number, chatroom_bytes(packed.bytes, (size_t)head.size), head.seq);
        if (rc)
            return rc;
        packed = chatroom_bytes(packed.bytes + head.size, packed.size - (size_t)head.size);
    }
    t->unsaved = NULL;
    *ret_sound = true;
    return CHATROOM_OK;
}

/* ---- commit and rollback ---------------------------------------------------------------------------------------- */

void lmdb_table_commit(struct lmdb_table *t)
{
    for (size_t i = 0; i < t->journal_count; i++) {
        struct lmdb_undo *undo = &t->journal[i];

        if (undo->kind != UNDO_SET)
            continue;
        room_free(t, undo->room);
        if (undo->slot->touched == i && !undo->slot->room)
            slot_remove(t, undo->slot);
    }
    t->journal_count = 0;
    while (t->once_count > CHATROOM_ONCE_WINDOW && t->oldest != t->unsaved)
        once_remove(t, t->oldest); /* NOLINT: what is in the list is in the table, once */
}

static void take_back(struct lmdb_table *t, struct lmdb_undo *undo)
{
    switch (undo->kind) {
    case UNDO_SET:
        room_free(t, undo->slot->room);
        undo->slot->room = undo->room;
        if (undo->made_slot)
            slot_remove(t, undo->slot);
        break;
    case UNDO_APPEND:
        append_undo(t, undo->room);
        break;
    case UNDO_TRIM:
        undo->room->first = undo->first;
        break;
    case UNDO_REMEMBER:
        once_remove(t, t->newest);
        break;
    }
}

void lmdb_table_rollback(struct lmdb_table *t)
{
    while (t->journal_count > 0)
        take_back(t, &t->journal[--t->journal_count]);
}

void lmdb_table_indexed(struct lmdb_table *t)
{
    struct lmdb_room *next;

    for (struct lmdb_room *room = t->tails; room; room = next) {
        next = room->next;
        free(room->tail); /* most rooms are quiet most of the time */
        room->tail = NULL;
        room->tail_count = room->tail_capacity = 0;
    }
    t->tails = NULL;
    t->tail_entries = 0;
    t->unsaved = NULL;
    while (t->once_count > CHATROOM_ONCE_WINDOW)
        once_remove(t, t->oldest); /* NOLINT: what is in the list is in the table, once */
}

void lmdb_table_fini(struct lmdb_table *t)
{
    struct lmdb_slot *slot, *next;

    lmdb_table_commit(t);
    lmdb_table_indexed(t);
    while (t->oldest)
        once_remove(t, t->oldest); /* NOLINT: what is in the list is in the table, once */
    HASH_ITER(hh, t->slots, slot, next)
    {
        room_free(t, slot->room);
        slot_remove(t, slot);
    }
    free(t->journal);
}
