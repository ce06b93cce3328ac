/*
 * read.c: engine.h's lmdb_engine_read(): rows by way of the tail in memory or the index.
 */
#include "record.h"
#include "txn.h"

static void log_damage(struct lmdb_engine *e, uint64_t number, uint64_t seq)
{
    struct chatroom_log_field fields[] = {CHATROOM_TEXT("record", chatroom_str("entry")),
                                          CHATROOM_NUMBER("number", number), CHATROOM_NUMBER("seq", seq)};

    chatroom_store_log(e->port, CHATROOM_LOG_ERROR, "record_damaged", fields, 3);
}

/* The last run of the room that begins at or below seq. MDB_NOTFOUND if there is none. */
static int run_find(MDB_cursor *cursor, uint64_t number, uint64_t seq, struct lmdb_run *ret_run)
{
    struct lmdb_index_key bound = seq == UINT64_MAX ? lmdb_index_key(number + 1, 0) : lmdb_index_key(number, seq + 1);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes), value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

    rc = mdb_cursor_get(cursor, &key, &value, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    if (rc == 0 && !lmdb_run_parse(key, value, ret_run))
        rc = CHATROOM_ECORRUPT;
    return rc == 0 && ret_run->number != number ? MDB_NOTFOUND : rc;
}

struct reading {
    struct lmdb_engine *e;
    MDB_txn *txn;
    MDB_cursor *cursor;
    struct chatroom_ticket *ticket;
    const struct lmdb_room *room;
    struct lmdb_run run; /* the one looked at last */
};

static int id_of(struct reading *r, uint64_t seq, uint64_t *ret_id)
{
    uint64_t tail_first = r->room->newest - r->room->tail_count + 1;
    int rc;

    if (seq >= tail_first) {
        *ret_id = r->room->tail[seq - tail_first];
        return 0;
    }
    if (seq < r->run.first || seq - r->run.first >= r->run.count) {
        rc = run_find(r->cursor, r->room->number, seq, &r->run);
        if (rc || seq - r->run.first >= r->run.count)
            return rc && rc != MDB_NOTFOUND ? rc : CHATROOM_ECORRUPT;
    }
    memcpy(ret_id, r->run.ids + (seq - r->run.first) * 8, 8);
    return 0;
}

static int entry_find(struct reading *r, uint64_t seq, struct lmdb_entry *ret_entry)
{
    uint64_t id;
    MDB_val key, value;
    int rc = id_of(r, seq, &id);

    if (rc)
        return rc;
    key = lmdb_val(&id, sizeof id);
    rc = mdb_get(r->txn, r->e->log, &key, &value);
    if (rc)
        return rc == MDB_NOTFOUND ? CHATROOM_ECORRUPT : rc;
    if (!lmdb_entry_parse(key, value, ret_entry) || ret_entry->number != r->room->number || ret_entry->seq != seq)
        return CHATROOM_ECORRUPT;
    return 0;
}

static int give_rows(struct reading *r)
{
    const struct chatroom_read *read = &r->ticket->read;
    bool rising = read->kind == CHATROOM_READ_FROM;
    uint64_t first = r->room->first, end = r->room->newest + 1, at;

    at = rising ? (read->seq > first ? read->seq : first) : (read->seq < end ? read->seq : end) - 1;
    if (!rising && read->seq == 0)
        return 0;
    for (size_t left = read->limit; left > 0 && at >= first && at < end; left--, at += rising ? 1 : UINT64_MAX) {
        struct lmdb_entry entry;
        int rc = entry_find(r, at, &entry);

        if (rc == CHATROOM_ECORRUPT)
            log_damage(r->e, r->room->number, at);
        if (rc)
            return rc;
        if (!chatroom_read_row(r->ticket, at, entry.value))
            return 0;
    }
    return 0;
}

int lmdb_engine_begin_reads(struct lmdb_engine *e, MDB_txn **ret_txn)
{
    return lmdb_code_of(mdb_txn_begin(e->env, NULL, MDB_RDONLY, ret_txn));
}

int lmdb_engine_read(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_ticket *ticket)
{
    struct reading r = {.e = e, .txn = txn, .ticket = ticket};
    int rc;

    r.room = lmdb_table_find(&e->table, ticket->read.room);
    ticket->read.ret_epoch = r.room ? lmdb_epoch_of(e, r.room->number) : 0;
    if (!r.room)
        return CHATROOM_OK;
    rc = mdb_cursor_open(txn, e->index, &r.cursor);
    if (rc)
        return lmdb_code_of(rc);
    rc = give_rows(&r);
    mdb_cursor_close(r.cursor);
    return lmdb_code_of(rc);
}

int lmdb_engine_newest(struct lmdb_engine *e, MDB_txn *txn, const struct lmdb_room *room, chatroom_span *ret_value)
{
    struct reading r = {.e = e, .txn = txn, .room = room};
    struct lmdb_entry entry;
    int rc;

    if (room->newest == 0 || room->newest < room->first)
        return MDB_NOTFOUND;
    rc = mdb_cursor_open(txn, e->index, &r.cursor);
    if (rc)
        return rc;
    rc = entry_find(&r, room->newest, &entry);
    mdb_cursor_close(r.cursor);
    if (rc == CHATROOM_ECORRUPT)
        log_damage(e, room->number, room->newest);
    if (rc == 0)
        *ret_value = entry.value;
    return rc;
}
