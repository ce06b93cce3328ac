/*
 * recover.c: brings back what the process before left: rooms, where their logs stand, the once window, sessions.
 */
#include "record.h"
#include "txn.h"

#include <stdlib.h>

struct known {
    uint64_t number;
    struct lmdb_room *room;
};

struct recovery {
    struct lmdb_engine *e;
    MDB_txn *txn;
    struct known *known; /* by number, while open() lasts */
    size_t count, capacity;
};

/* One row of a table; any code but 0 ends the walk. */
typedef int row_fn(struct recovery *r, MDB_val key, MDB_val value);

static int each_row(struct recovery *r, MDB_dbi dbi, MDB_val *from, row_fn *row)
{
    MDB_val key = from ? *from : lmdb_val(NULL, 0), value;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(r->txn, dbi, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, from ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0) {
        rc = row(r, key, value);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int damaged(struct recovery *r, const char *what)
{
    struct chatroom_log_field field = CHATROOM_TEXT("record", chatroom_str(what));

    chatroom_store_log(r->e->port, CHATROOM_LOG_ERROR, "record_damaged", &field, 1);
    return CHATROOM_ECORRUPT;
}

static bool parse_room(MDB_val key, MDB_val value, chatroom_span *ret_name, uint64_t *ret_number,
                       chatroom_span *ret_record)
{
    chatroom_span payload;

    if (key.mv_size < 1 || key.mv_size > 1 + CHATROOM_KEY_MAX || !lmdb_record_payload(key, value, &payload) ||
        payload.size < sizeof *ret_number)
        return false;
    *ret_name = chatroom_bytes((char *)key.mv_data + 1, key.mv_size - 1);
    memcpy(ret_number, payload.bytes, sizeof *ret_number);
    *ret_record = chatroom_bytes(payload.bytes + sizeof *ret_number, payload.size - sizeof *ret_number);
    return true;
}

static int know(struct recovery *r, struct lmdb_room *room)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 64;
        struct known *known = realloc(r->known, capacity * sizeof *known);
        if (!known)
            return CHATROOM_ENOMEM;
        r->known = known;
        r->capacity = capacity;
    }
    r->known[r->count++] = (struct known){room->number, room};
    return 0;
}

/* Where the room's log stands as far as the index knows. */
static int find_newest(struct recovery *r, struct lmdb_room *room)
{
    struct lmdb_index_key bound = lmdb_index_key(room->number + 1, 0);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes), value;
    chatroom_span ids;
    uint64_t number, first;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(r->txn, r->e->index, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    rc = mdb_cursor_get(cursor, &key, &value, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    mdb_cursor_close(cursor);
    if (rc)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (key.mv_size != 16 || !lmdb_record_payload(key, value, &ids))
        return damaged(r, "index");
    lmdb_index_key_parse(key.mv_data, &number, &first);
    if (number == room->number)
        room->newest = first + ids.size / 8 - 1;
    return 0;
}

static int find_first(struct recovery *r, struct lmdb_room *room)
{
    struct lmdb_number_key bound = lmdb_number_key(room->number);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes), value;
    int rc = mdb_get(r->txn, r->e->trims, &key, &value);

    if (rc)
        return rc == MDB_NOTFOUND ? 0 : rc;
    return lmdb_record_copy(key, value, &room->first, sizeof room->first) ? 0 : damaged(r, "trim");
}

static int load_room(struct recovery *r, MDB_val key, MDB_val value)
{
    chatroom_span name, record;
    uint64_t number;
    struct lmdb_room *room;
    int rc;

    if (!parse_room(key, value, &name, &number, &record))
        return damaged(r, "room");
    rc = lmdb_table_create(&r->e->table, name, number, &room);
    if (rc == 0)
        rc = find_newest(r, room);
    if (rc == 0)
        rc = find_first(r, room);
    return rc ? rc : know(r, room);
}

static int load_onces(struct recovery *r, MDB_val key, MDB_val value)
{
    chatroom_span packed;
    bool sound = false;
    int rc = 0;

    if (lmdb_record_payload(key, value, &packed))
        rc = lmdb_table_unpack_onces(&r->e->table, packed, &sound);
    lmdb_table_commit(&r->e->table);
    if (rc == 0 && !sound)
        damaged(r, "onces"); /* a repeated message may appear twice, which is better than no start */
    return rc;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = ((const struct known *)a)->number, right = ((const struct known *)b)->number;

    return (left > right) - (left < right);
}

/* An entry that the index does not have yet. Those of rooms that are gone wait to be dropped. */
static int replay_entry(struct recovery *r, MDB_val key, MDB_val value)
{
    struct lmdb_entry entry;
    struct known wanted, *known;
    uint64_t id;
    int rc;

    if (key.mv_size != sizeof id || !lmdb_entry_parse(key, value, &entry))
        return damaged(r, "entry");
    memcpy(&id, key.mv_data, sizeof id);
    wanted.number = entry.number;
    known = r->count ? bsearch(&wanted, r->known, r->count, sizeof wanted, by_number) : NULL;
    if (!known)
        return 0;
    if (entry.seq != known->room->newest + 1)
        return damaged(r, "entry");
    rc = lmdb_table_append(&r->e->table, known->room, id);
    if (rc == 0 && entry.once.size)
        rc = lmdb_table_remember(&r->e->table, entry.number, entry.once, entry.seq);
    lmdb_table_commit(&r->e->table);
    return rc;
}

static int replay_tail(struct recovery *r)
{
    uint64_t after = r->e->state.mark + 1;
    MDB_val from = lmdb_val(&after, sizeof after);

    if (r->count)
        qsort(r->known, r->count, sizeof *r->known, by_number);
    return each_row(r, r->e->log, &from, replay_entry);
}

static int find_next_id(struct recovery *r)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t last = 0;
    int rc = mdb_cursor_open(r->txn, r->e->log, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (rc == 0 && key.mv_size == sizeof last)
        memcpy(&last, key.mv_data, sizeof last);
    mdb_cursor_close(cursor);
    r->e->next_id = (last > r->e->state.mark ? last : r->e->state.mark) + 1;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Damage in it is logged, and meets whoever reads it. */
static int report_newest(struct recovery *r, chatroom_span name, const struct lmdb_room *room)
{
    chatroom_span value;
    int rc = lmdb_engine_newest(r->e, r->txn, room, &value);

    if (rc == 0)
        chatroom_store_found_newest(r->e->port, name, value);
    return rc == MDB_NOTFOUND || rc == CHATROOM_ECORRUPT ? 0 : rc;
}

static int report_room(struct recovery *r, MDB_val key, MDB_val value)
{
    chatroom_span name, record;
    uint64_t number;
    const struct lmdb_room *room;
    int rc;

    if (!parse_room(key, value, &name, &number, &record))
        return damaged(r, "room");
    room = lmdb_table_find(&r->e->table, name);
    rc = chatroom_store_found_room(r->e->port, name, record, lmdb_epoch_of(r->e, number), room->newest);
    return rc ? rc : report_newest(r, name, room);
}

static int report_session(struct recovery *r, MDB_val key, MDB_val value)
{
    chatroom_span record;

    if (key.mv_size < 1 || !lmdb_record_payload(key, value, &record))
        return damaged(r, "session");
    return chatroom_store_found_session(r->e->port, chatroom_bytes((char *)key.mv_data + 1, key.mv_size - 1), record);
}

static int recover_in(struct recovery *r)
{
    struct lmdb_engine *e = r->e;
    MDB_stat stat;
    int rc = each_row(r, e->rooms, NULL, load_room);

    lmdb_table_commit(&e->table);
    if (rc == 0)
        rc = each_row(r, e->onces, NULL, load_onces);
    if (rc == 0)
        rc = replay_tail(r);
    if (rc == 0)
        rc = find_next_id(r);
    if (rc == 0)
        rc = each_row(r, e->rooms, NULL, report_room);
    if (rc == 0)
        rc = each_row(r, e->sessions, NULL, report_session);
    if (rc == 0)
        rc = mdb_stat(r->txn, e->drops, &stat);
    e->has_drops = rc == 0 && stat.ms_entries > 0;
    return rc;
}

int lmdb_recover(struct lmdb_engine *e)
{
    struct recovery r = {.e = e};
    int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &r.txn);

    if (rc)
        return rc;
    rc = recover_in(&r);
    mdb_txn_abort(r.txn);
    free(r.known);
    return rc;
}
