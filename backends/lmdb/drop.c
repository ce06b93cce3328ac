/*
 * drop.c: engine.h's lmdb_engine_drop_some(): deletes what erased rooms and trimmed logs left, a little at a time.
 */
#include "record.h"
#include "txn.h"

#include <stdlib.h>

struct drop {
    uint64_t number;
    uint64_t below;
    uint64_t first; /* of the run at hand */
    size_t count;
    uint64_t *ids; /* copied: a deletion moves what LMDB points to */
};

/* The run under the cursor, if it belongs to the room; else MDB_NOTFOUND. */
static int run_at(MDB_cursor *cursor, MDB_cursor_op op, MDB_val *key, uint64_t number, struct lmdb_run *ret_run)
{
    MDB_val value;
    int rc = mdb_cursor_get(cursor, key, &value, op);

    if (rc)
        return rc;
    if (!lmdb_run_parse(*key, value, ret_run))
        return CHATROOM_ECORRUPT;
    return ret_run->number == number ? 0 : MDB_NOTFOUND;
}

/* The first run of the room, if it may go. Of a room that lives the last run stays: it says where the log stands. */
static int first_run(MDB_cursor *cursor, const struct drop *drop, struct lmdb_run *ret_run)
{
    struct lmdb_index_key bound = lmdb_index_key(drop->number, 0);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes);
    struct lmdb_run next;
    int rc = run_at(cursor, MDB_SET_RANGE, &key, drop->number, ret_run);

    if (rc || drop->below == UINT64_MAX)
        return rc;
    if (ret_run->first + ret_run->count > drop->below)
        return MDB_NOTFOUND;
    return run_at(cursor, MDB_NEXT, &key, drop->number, &next);
}

/* The run to work on into drop. MDB_NOTFOUND if there is none. */
static int drop_next_run(struct lmdb_engine *e, MDB_txn *txn, struct drop *drop)
{
    struct lmdb_run run;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, e->index, &cursor);

    if (rc)
        return rc;
    rc = first_run(cursor, drop, &run);
    mdb_cursor_close(cursor);
    if (rc)
        return rc;
    drop->first = run.first;
    drop->count = run.count;
    drop->ids = malloc(run.count * sizeof *drop->ids);
    if (!drop->ids)
        return CHATROOM_ENOMEM;
    memcpy(drop->ids, run.ids, run.count * sizeof *drop->ids);
    return 0;
}

/* Deletes entries from the front of the run, and puts back what is left of it. */
static int drop_from_run(struct lmdb_engine *e, MDB_txn *txn, const struct drop *drop, size_t *budget)
{
    size_t count = drop->count < *budget ? drop->count : *budget;
    struct lmdb_index_key bound = lmdb_index_key(drop->number, drop->first);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes);
    int rc = mdb_del(txn, e->index, &key, NULL);

    for (size_t i = 0; i < count && rc == 0; i++) {
        key = lmdb_val(&drop->ids[i], sizeof drop->ids[i]);
        rc = lmdb_absent_is_fine(mdb_del(txn, e->log, &key, NULL));
    }
    *budget -= count;
    if (rc == 0 && count < drop->count)
        rc = lmdb_run_put(txn, e->index, drop->number, drop->first + count,
                          chatroom_bytes(drop->ids + count, (drop->count - count) * sizeof *drop->ids));
    return rc;
}

/* MDB_NOTFOUND: nothing is left to drop. */
static int drop_find(struct lmdb_engine *e, MDB_txn *txn, struct drop *drop)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, e->drops, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (rc == 0) {
        if (key.mv_size == 8 && lmdb_record_copy(key, value, &drop->below, sizeof drop->below))
            drop->number = lmdb_number_key_parse(key.mv_data);
        else
            rc = CHATROOM_ECORRUPT;
    }
    mdb_cursor_close(cursor);
    return rc;
}

struct chore {
    size_t rows;
    bool more; /* is left */
};

static int drop_some(struct lmdb_engine *e, MDB_txn *txn, void *arg)
{
    struct chore *chore = arg;
    size_t budget = chore->rows;
    int rc = 0;

    chore->more = true;
    while (budget > 0 && rc == 0) {
        struct drop drop = {0};

        rc = drop_find(e, txn, &drop);
        if (rc) {
            chore->more = false;
            return lmdb_absent_is_fine(rc);
        }
        rc = drop_next_run(e, txn, &drop);
        if (rc == 0)
            rc = drop_from_run(e, txn, &drop, &budget);
        else if (rc == MDB_NOTFOUND) {
            rc = lmdb_number_erase(txn, e->drops, drop.number);
            budget--;
        }
        free(drop.ids);
    }
    return rc;
}

void lmdb_engine_drop_some(struct lmdb_engine *e, size_t rows)
{
    struct chore chore = {.rows = rows};

    /* If it cannot be done it is not worth trying again before the next start: nothing but space is lost. */
    e->has_drops = lmdb_transact(e, drop_some, &chore) == CHATROOM_OK && chore.more;
}
