/*
 * write.c: engine.h's lmdb_engine_write(): a batch of groups in one transaction, and the index.
 */
#include "record.h"
#include "txn.h"

#include <stdlib.h>

/* ---- index and once window --------------------------------------------------------------------------------------- */

static int put_tail(struct lmdb_engine *e, MDB_txn *txn, const struct lmdb_room *room)
{
    return lmdb_run_put(txn, e->index, room->number, room->newest - room->tail_count + 1,
                        chatroom_bytes(room->tail, room->tail_count * sizeof *room->tail));
}

/* Deletes the oldest part of the once window if it is older than need be; MDB_NOTFOUND if not. */
static int prune_one(struct lmdb_engine *e, MDB_cursor *cursor)
{
    MDB_val key, value;
    uint64_t next;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (rc)
        return rc;
    memcpy(&next, key.mv_data, sizeof next);
    if (next + CHATROOM_ONCE_WINDOW > e->state.once_count)
        return MDB_NOTFOUND;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    return rc ? rc : mdb_cursor_del(cursor, 0);
}

static int prune_onces(struct lmdb_engine *e, MDB_txn *txn)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, e->onces, &cursor);

    if (rc)
        return rc;
    do
        rc = prune_one(e, cursor);
    while (rc == 0);
    mdb_cursor_close(cursor);
    return lmdb_absent_is_fine(rc);
}

static int put_onces(struct lmdb_engine *e, MDB_txn *txn)
{
    uint64_t key = e->state.once_count, count;
    char *packed;
    size_t size;
    int rc = lmdb_table_pack_onces(&e->table, &packed, &size, &count);
    chatroom_span part = chatroom_bytes(packed, size);

    if (rc || count == 0)
        return rc;
    rc = lmdb_record_put(txn, e->onces, lmdb_val(&key, sizeof key), &part, 1, 0);
    free(packed);
    e->state.once_count += count;
    return rc ? rc : prune_onces(e, txn);
}

int lmdb_put_state(struct lmdb_engine *e, MDB_txn *txn)
{
    chatroom_span part = chatroom_bytes(&e->state, sizeof e->state);

    return lmdb_record_put(txn, e->meta, lmdb_val("state", 5), &part, 1, 0);
}

int lmdb_put_index(struct lmdb_engine *e, MDB_txn *txn)
{
    int rc = 0;

    for (const struct lmdb_room *room = e->table.tails; room && rc == 0; room = room->next)
        rc = put_tail(e, txn, room);
    if (rc == 0)
        rc = put_onces(e, txn);
    if (rc)
        return rc;
    e->state.mark = e->next_id - 1;
    e->index_in_txn = true;
    return lmdb_put_state(e, txn);
}

/* ---- one write --------------------------------------------------------------------------------------------------- */

static int put_session(struct lmdb_engine *e, MDB_txn *txn, const struct chatroom_write *write)
{
    struct lmdb_name_key key = lmdb_name_key(write->key);

    return lmdb_record_put(txn, e->sessions, lmdb_val(key.bytes, key.size), &write->value, 1, 0);
}

static int erase_name(MDB_txn *txn, MDB_dbi dbi, chatroom_span name)
{
    struct lmdb_name_key key = lmdb_name_key(name);
    MDB_val val = lmdb_val(key.bytes, key.size);

    return lmdb_absent_is_fine(mdb_del(txn, dbi, &val, NULL));
}

/* CREATE_ROOM and WRITE_ROOM: whether the room may exist was checked before. */
static int write_room(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_write *write)
{
    struct lmdb_name_key key = lmdb_name_key(write->key);
    struct lmdb_room *room = lmdb_table_find(&e->table, write->key);
    chatroom_span parts[2] = {{0}, write->value};
    int rc;

    if (!room) {
        rc = lmdb_table_create(&e->table, write->key, e->state.next_number++, &room);
        if (rc)
            return rc;
    }
    write->ret_seq = room->newest;
    write->ret_epoch = lmdb_epoch_of(e, room->number);
    parts[0] = chatroom_bytes(&room->number, sizeof room->number);
    return lmdb_record_put(txn, e->rooms, lmdb_val(key.bytes, key.size), parts, 2, 0);
}

static int erase_room(struct lmdb_engine *e, MDB_txn *txn, const struct chatroom_write *write)
{
    const struct lmdb_room *room = lmdb_table_find(&e->table, write->key);
    int rc;

    if (!room)
        return 0;
    rc = erase_name(txn, e->rooms, write->key);
    if (rc == 0)
        rc = lmdb_number_erase(txn, e->trims, room->number);
    /* What deletes the entries later finds them by the index. */
    if (rc == 0 && room->tail_count)
        rc = put_tail(e, txn, room);
    if (rc == 0 && room->newest)
        rc = lmdb_number_put(txn, e->drops, room->number, UINT64_MAX);
    e->has_drops = true;
    return rc ? rc : lmdb_table_erase(&e->table, write->key);
}

static int append(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_write *write)
{
    struct lmdb_room *room = lmdb_table_find(&e->table, write->key);
    struct lmdb_entry entry = {room->number, room->newest + 1, write->once, write->value};
    uint64_t id = e->next_id, again;
    int rc;

    again = write->once.size ? lmdb_table_recall(&e->table, room->number, write->once) : 0;
    write->ret_again = again != 0;
    write->ret_seq = again ? again : entry.seq;
    write->ret_epoch = lmdb_epoch_of(e, room->number);
    if (again)
        return 0;
    rc = lmdb_entry_put(txn, e->log, id, &entry);
    if (rc == 0)
        rc = lmdb_table_append(&e->table, room, id);
    if (rc == 0 && write->once.size)
        rc = lmdb_table_remember(&e->table, room->number, write->once, entry.seq);
    e->next_id++;
    return rc;
}

static int trim(struct lmdb_engine *e, MDB_txn *txn, const struct chatroom_write *write)
{
    struct lmdb_room *room = lmdb_table_find(&e->table, write->key);
    uint64_t first;
    int rc;

    if (!room)
        return 0;
    first = write->seq > room->newest ? room->newest + 1 : write->seq;
    if (first <= room->first)
        return 0;
    rc = lmdb_number_put(txn, e->trims, room->number, first);
    if (rc == 0)
        rc = lmdb_number_put(txn, e->drops, room->number, first);
    e->has_drops = true;
    return rc ? rc : lmdb_table_trim(&e->table, room, first);
}

static int apply(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_write *write)
{
    switch (write->kind) {
    case CHATROOM_WRITE_SESSION:
        return put_session(e, txn, write);
    case CHATROOM_ERASE_SESSION:
        return erase_name(txn, e->sessions, write->key);
    case CHATROOM_CREATE_ROOM:
    case CHATROOM_WRITE_ROOM:
        return write_room(e, txn, write);
    case CHATROOM_ERASE_ROOM:
        return erase_room(e, txn, write);
    case CHATROOM_APPEND:
        return append(e, txn, write);
    case CHATROOM_TRIM:
        return trim(e, txn, write);
    }
    return CHATROOM_EINVAL;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool makes_room(const struct chatroom_write *write)
{
    return write->kind == CHATROOM_CREATE_ROOM || write->kind == CHATROOM_WRITE_ROOM;
}

/* Whether the room of writes[at] will be there when its turn comes. */
static bool room_exists(struct lmdb_engine *e, const struct chatroom_write *writes, size_t at)
{
    for (size_t i = at; i-- > 0;) {
        bool makes = makes_room(&writes[i]);
        if ((makes || writes[i].kind == CHATROOM_ERASE_ROOM) && chatroom_span_equal(writes[i].key, writes[at].key))
            return makes;
    }
    return lmdb_table_find(&e->table, writes[at].key) != NULL;
}

/* All that can be wrong with a group by itself is found before anything of it is written. */
static int check_group(struct lmdb_engine *e, const struct chatroom_ticket *ticket)
{
    if (lmdb_space_refuses(&e->space, ticket)) /* first: a room that was refused is no reason for another answer */
        return CHATROOM_ENOSPC;
    for (size_t i = 0; i < ticket->count; i++) {
        const struct chatroom_write *write = &ticket->writes[i];

        if (write->key.size > CHATROOM_KEY_MAX || write->once.size > CHATROOM_KEY_MAX ||
            write->value.size > UINT32_MAX / 2 || write->kind > CHATROOM_TRIM)
            return CHATROOM_EINVAL;
        if (write->kind == CHATROOM_CREATE_ROOM && room_exists(e, ticket->writes, i))
            return CHATROOM_EEXIST;
        if (write->kind == CHATROOM_APPEND && !room_exists(e, ticket->writes, i))
            return CHATROOM_ENOENT;
    }
    return CHATROOM_OK;
}

static int apply_group(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_ticket *ticket)
{
    int rc = 0;

    for (size_t i = 0; i < ticket->count && rc == 0; i++)
        rc = apply(e, txn, &ticket->writes[i]);
    return rc;
}

struct batch {
    struct lmdb_item *items;
    size_t count;
    bool with_index;
};

static int apply_batch(struct lmdb_engine *e, MDB_txn *txn, void *arg)
{
    struct batch *batch = arg;
    uint64_t number = e->state.next_number;

    for (size_t i = 0; i < batch->count; i++) {
        struct lmdb_item *item = &batch->items[i];
        int rc;

        if (item->is_read)
            continue;
        item->status = check_group(e, item->ticket);
        rc = item->status ? 0 : apply_group(e, txn, item->ticket);
        if (rc)
            return rc;
    }
    if (batch->with_index)
        return lmdb_put_index(e, txn);
    return e->state.next_number == number ? 0 : lmdb_put_state(e, txn);
}

void lmdb_engine_write(struct lmdb_engine *e, struct lmdb_item *items, size_t count, bool with_index)
{
    struct batch batch = {items, count, with_index};
    int rc = lmdb_transact(e, apply_batch, &batch);

    /* Nor does a refusal stand: it may have come from a group before it that is not true now. */
    for (size_t i = 0; i < count; i++)
        if (!items[i].is_read && rc)
            items[i].status = rc;
}

void lmdb_engine_look_at_space(struct lmdb_engine *e, uint64_t now_ns)
{
    int fd;

    if (mdb_env_get_fd(e->env, &fd) == 0)
        lmdb_space_look(&e->space, fd, now_ns, e->port);
}
