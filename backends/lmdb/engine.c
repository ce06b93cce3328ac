#include "engine.h"

#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DROP_ROWS   1000 /* deleted in one transaction: a few milliseconds */
#define SLACK_PAGES 1024

static void log_code(struct lmdb_engine *e, enum chatroom_log_level level, const char *event, int code)
{
    struct chatroom_log_field fields[] = {CHATROOM_TEXT("reason", chatroom_str(mdb_strerror(code))),
                                          CHATROOM_NUMBER("code", code)};

    chatroom_store_log(e->port, level, event, fields, 2);
}

static void log_damage(struct lmdb_engine *e, const char *what, uint64_t number, uint64_t seq)
{
    struct chatroom_log_field fields[] = {CHATROOM_TEXT("record", chatroom_str(what)),
                                          CHATROOM_NUMBER("number", number), CHATROOM_NUMBER("seq", seq)};

    chatroom_store_log(e->port, CHATROOM_LOG_ERROR, "record_damaged", fields, 3);
}

static uint64_t epoch_of(const struct lmdb_engine *e, const struct lmdb_room *room)
{
    return e->state.epoch_base + room->number;
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

typedef int work_fn(struct lmdb_engine *e, MDB_txn *txn, void *arg);

/* Codes of ours are small; LMDB's are below -30000 or the system's. */
static bool is_ours(int code)
{
    return code <= 0 && code > -1000;
}

static int translate(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case MDB_MAP_FULL:
        return CHATROOM_ENOSPC;
    case ENOMEM:
        return CHATROOM_ENOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
        return CHATROOM_EACCES;
    case EINVAL:
    case MDB_BAD_VALSIZE:
    case MDB_TXN_FULL:
        return CHATROOM_ETOOBIG;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return CHATROOM_EFORMAT;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return CHATROOM_ECORRUPT;
    default:
        return is_ours(code) ? code : CHATROOM_EIO;
    }
}

bool lmdb_engine_grow(struct lmdb_engine *e)
{
    MDB_envinfo info;
    size_t bytes;

    mdb_env_info(e->env, &info);
    if (info.me_mapsize >= e->options.map_bytes_most)
        return false;
    bytes = info.me_mapsize > e->options.map_bytes_most / 2 ? e->options.map_bytes_most : info.me_mapsize * 2;
    if (mdb_env_set_mapsize(e->env, bytes))
        return false;
    struct chatroom_log_field fields[] = {CHATROOM_NUMBER("bytes", bytes)};
    chatroom_store_log(e->port, CHATROOM_LOG_INFO, "map_grown", fields, 1);
    return true;
}

/*
 * LMDB may count pages at the end that it never wrote. The file is kept longer than that, so that at open a short file
 * always means a damaged one.
 */
void lmdb_engine_extend(struct lmdb_engine *e)
{
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t used;
    int fd;

    mdb_env_info(e->env, &info);
    mdb_env_stat(e->env, &stat);
    used = (info.me_last_pgno + 1) * stat.ms_psize;
    if (used + SLACK_PAGES / 2 * stat.ms_psize <= e->file_bytes)
        return;
    if (mdb_env_get_fd(e->env, &fd) == 0 && ftruncate(fd, (off_t)(used + SLACK_PAGES * stat.ms_psize)) == 0)
        e->file_bytes = used + SLACK_PAGES * stat.ms_psize;
}

static void undo_all(struct lmdb_engine *e)
{
    lmdb_table_rollback(&e->table);
    e->index_in_txn = false;
}

static int attempt(struct lmdb_engine *e, work_fn *work, void *arg, bool *ret_committing)
{
    uint64_t id = e->next_id, number = e->next_number;
    struct lmdb_state state = e->state;
    MDB_txn *txn;
    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);

    *ret_committing = false;
    if (rc)
        return rc;
    rc = work(e, txn, arg);
    if (rc) {
        mdb_txn_abort(txn);
    } else {
        *ret_committing = true;
        rc = mdb_txn_commit(txn);
    }
    if (rc) {
        undo_all(e);
        e->next_id = id;
        e->next_number = number;
        e->state = state;
    }
    return rc;
}

static bool leaves_nothing_behind(int rc)
{
    int code = translate(rc);

    return code != CHATROOM_EIO && code != CHATROOM_EACCES;
}

/* Does the work in one transaction, again in a larger map if need be. What it did to the table goes with it. */
static int transact(struct lmdb_engine *e, work_fn *work, void *arg)
{
    bool committing;
    int rc;

    if (e->failed)
        return CHATROOM_EIO;
    do
        rc = attempt(e, work, arg, &committing);
    while (rc == MDB_MAP_FULL && lmdb_engine_grow(e));
    if (rc == 0) {
        lmdb_table_commit(&e->table);
        if (e->index_in_txn)
            lmdb_table_indexed(&e->table);
        e->index_in_txn = false;
        e->unsynced = e->options.durability != CHATROOM_DURABLE_COMMIT;
        lmdb_engine_extend(e);
        return CHATROOM_OK;
    }
    log_code(e, CHATROOM_LOG_ERROR, "store_failed", rc);
    if (leaves_nothing_behind(rc))
        return translate(rc);
    e->failed = true;
    return committing ? CHATROOM_EUNSURE : CHATROOM_EIO;
}

/* ---- state, index, once window ---------------------------------------------------------------------------------- */

static MDB_val state_key(void)
{
    return lmdb_val("state", 5);
}

static int put_state(struct lmdb_engine *e, MDB_txn *txn)
{
    chatroom_span part;

    e->state.next_number = e->next_number;
    part = chatroom_bytes(&e->state, sizeof e->state);
    return lmdb_record_put(txn, e->meta, state_key(), &part, 1, 0);
}

static int put_run(struct lmdb_engine *e, MDB_txn *txn, uint64_t number, uint64_t first, chatroom_span ids)
{
    struct lmdb_index_key key = lmdb_index_key(number, first);

    return lmdb_record_put(txn, e->index, lmdb_val(key.bytes, sizeof key.bytes), &ids, 1, 0);
}

static int put_tail(struct lmdb_engine *e, MDB_txn *txn, const struct lmdb_room *room)
{
    return put_run(e, txn, room->number, room->newest - room->tail_count + 1,
                   chatroom_bytes(room->tail, room->tail_count * sizeof *room->tail));
}

/* Deletes parts of the once window that are older than it need be. */
static int prune_onces(struct lmdb_engine *e, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t next;
    int rc = mdb_cursor_open(txn, e->onces, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (rc == 0) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (rc)
            break;
        memcpy(&next, key.mv_data, sizeof next);
        if (next + CHATROOM_ONCE_WINDOW > e->state.once_count)
            break;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
        if (rc == 0)
            rc = mdb_cursor_del(cursor, 0);
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
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

static int put_index(struct lmdb_engine *e, MDB_txn *txn)
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
    return put_state(e, txn);
}

/* ---- one write -------------------------------------------------------------------------------------------------- */

static int put_session(struct lmdb_engine *e, MDB_txn *txn, const struct chatroom_write *write)
{
    struct lmdb_name_key key = lmdb_name_key(write->key);

    return lmdb_record_put(txn, e->sessions, lmdb_val(key.bytes, key.size), &write->value, 1, 0);
}

static int absent_is_fine(int rc)
{
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int erase_name(MDB_txn *txn, MDB_dbi dbi, chatroom_span name)
{
    struct lmdb_name_key key = lmdb_name_key(name);
    MDB_val val = lmdb_val(key.bytes, key.size);

    return absent_is_fine(mdb_del(txn, dbi, &val, NULL));
}

static int put_number(MDB_txn *txn, MDB_dbi dbi, uint64_t number, uint64_t seq)
{
    struct lmdb_number_key key = lmdb_number_key(number);
    chatroom_span part = chatroom_bytes(&seq, sizeof seq);

    return lmdb_record_put(txn, dbi, lmdb_val(key.bytes, sizeof key.bytes), &part, 1, 0);
}

static int erase_number(MDB_txn *txn, MDB_dbi dbi, uint64_t number)
{
    struct lmdb_number_key key = lmdb_number_key(number);
    MDB_val val = lmdb_val(key.bytes, sizeof key.bytes);

    return absent_is_fine(mdb_del(txn, dbi, &val, NULL));
}

/* CREATE_ROOM and WRITE_ROOM: whether the room may exist was checked before. */
static int write_room(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_write *write)
{
    struct lmdb_name_key key = lmdb_name_key(write->key);
    struct lmdb_room *room = lmdb_table_find(&e->table, write->key);
    chatroom_span parts[2] = {{0}, write->value};
    int rc;

    if (!room) {
        rc = lmdb_table_create(&e->table, write->key, e->next_number++, &room);
        if (rc)
            return rc;
    }
    write->ret_seq = room->newest;
    write->ret_epoch = epoch_of(e, room);
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
        rc = erase_number(txn, e->trims, room->number);
    /* What deletes the entries later finds them by the index. */
    if (rc == 0 && room->tail_count)
        rc = put_tail(e, txn, room);
    if (rc == 0 && room->newest)
        rc = put_number(txn, e->drops, room->number, UINT64_MAX);
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
    write->ret_epoch = epoch_of(e, room);
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
    rc = put_number(txn, e->trims, room->number, first);
    if (rc == 0)
        rc = put_number(txn, e->drops, room->number, first);
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

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static bool makes_room(const struct chatroom_write *write)
{
    return write->kind == CHATROOM_CREATE_ROOM || write->kind == CHATROOM_WRITE_ROOM;
}

/* Whether the room of writes[at] will be there when its turn comes. */
static bool room_exists(const struct lmdb_engine *e, const struct chatroom_write *writes, size_t at)
{
    for (size_t i = at; i-- > 0;) {
        bool makes = makes_room(&writes[i]);
        if ((makes || writes[i].kind == CHATROOM_ERASE_ROOM) && chatroom_span_equal(writes[i].key, writes[at].key))
            return makes;
    }
    return lmdb_table_find(&e->table, writes[at].key) != NULL;
}

/* All that can be wrong with a group by itself is found before anything of it is written. */
static int check_group(const struct lmdb_engine *e, const struct chatroom_ticket *ticket)
{
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
    uint64_t number = e->next_number;

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
        return put_index(e, txn);
    return e->next_number == number ? 0 : put_state(e, txn);
}

void lmdb_engine_write(struct lmdb_engine *e, struct lmdb_item *items, size_t count, bool with_index)
{
    struct batch batch = {items, count, with_index};
    int rc = transact(e, apply_batch, &batch);

    /* Nor does a refusal stand: it may have come from a group before it that is not true now. */
    for (size_t i = 0; i < count; i++)
        if (!items[i].is_read && rc)
            items[i].status = rc;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* A run of the index, valid as long as its transaction. */
struct run {
    uint64_t number;
    uint64_t first;
    size_t count;
    const char *ids;
};

static int run_parse(MDB_val key, MDB_val value, struct run *ret_run)
{
    chatroom_span payload;

    if (key.mv_size != 16 || !lmdb_record_payload(key, value, &payload) || payload.size == 0 || payload.size % 8)
        return CHATROOM_ECORRUPT;
    lmdb_index_key_parse(key.mv_data, &ret_run->number, &ret_run->first);
    ret_run->count = payload.size / 8;
    ret_run->ids = payload.bytes;
    return 0;
}

/* The last run of the room that begins at or below seq. MDB_NOTFOUND if there is none. */
static int run_find(MDB_cursor *cursor, uint64_t number, uint64_t seq, struct run *ret_run)
{
    struct lmdb_index_key bound = seq == UINT64_MAX ? lmdb_index_key(number + 1, 0) : lmdb_index_key(number, seq + 1);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes), value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

    rc = mdb_cursor_get(cursor, &key, &value, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    if (rc == 0)
        rc = run_parse(key, value, ret_run);
    return rc == 0 && ret_run->number != number ? MDB_NOTFOUND : rc;
}

struct reading {
    struct lmdb_engine *e;
    MDB_txn *txn;
    MDB_cursor *cursor;
    struct chatroom_ticket *ticket;
    const struct lmdb_room *room;
    struct run run; /* the one looked at last */
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

        if (rc) {
            log_damage(r->e, "entry", r->room->number, at);
            return rc;
        }
        if (!chatroom_read_row(r->ticket, at, entry.value))
            return 0;
    }
    return 0;
}

int lmdb_engine_begin_reads(struct lmdb_engine *e, MDB_txn **ret_txn)
{
    return translate(mdb_txn_begin(e->env, NULL, MDB_RDONLY, ret_txn));
}

int lmdb_engine_read(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_ticket *ticket)
{
    struct reading r = {.e = e, .txn = txn, .ticket = ticket};
    int rc;

    r.room = lmdb_table_find(&e->table, ticket->read.room);
    if (!r.room)
        return CHATROOM_OK;
    rc = mdb_cursor_open(txn, e->index, &r.cursor);
    if (rc)
        return translate(rc);
    rc = give_rows(&r);
    mdb_cursor_close(r.cursor);
    return translate(rc);
}

/* ---- deleting in the background --------------------------------------------------------------------------------- */

struct drop {
    uint64_t number;
    uint64_t below;
    uint64_t first; /* of the run at hand */
    size_t count;
    uint64_t *ids; /* copied: a deletion moves what LMDB points to */
};

/* The first run of the room into drop. MDB_NOTFOUND if there is none that may go. */
static int drop_next_run(struct lmdb_engine *e, MDB_txn *txn, struct drop *drop)
{
    struct lmdb_index_key bound = lmdb_index_key(drop->number, 0);
    MDB_val key = lmdb_val(bound.bytes, sizeof bound.bytes), value;
    MDB_cursor *cursor;
    struct run run, next;
    int rc = mdb_cursor_open(txn, e->index, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (rc == 0)
        rc = run_parse(key, value, &run);
    if (rc == 0 && run.number != drop->number)
        rc = MDB_NOTFOUND;
    if (rc == 0 && drop->below != UINT64_MAX) {
        /* Of a room that lives the last run stays: it says where the log stands. */
        rc = run.first + run.count > drop->below ? MDB_NOTFOUND : mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (rc == 0)
            rc = run_parse(key, value, &next);
        if (rc == 0 && next.number != drop->number)
            rc = MDB_NOTFOUND;
    }
    if (rc == 0) {
        drop->first = run.first;
        drop->count = run.count;
        drop->ids = malloc(run.count * sizeof *drop->ids);
        rc = drop->ids ? 0 : ENOMEM;
    }
    if (rc == 0)
        memcpy(drop->ids, run.ids, run.count * sizeof *drop->ids);
    mdb_cursor_close(cursor);
    return rc;
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
        rc = absent_is_fine(mdb_del(txn, e->log, &key, NULL));
    }
    *budget -= count;
    if (rc == 0 && count < drop->count)
        rc = put_run(e, txn, drop->number, drop->first + count,
                     chatroom_bytes(drop->ids + count, (drop->count - count) * sizeof *drop->ids));
    return rc;
}

/* MDB_NOTFOUND: nothing is left to drop. */
static int drop_find(struct lmdb_engine *e, MDB_txn *txn, struct drop *drop)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t unused;
    uint8_t wide[16] = {0};
    int rc = mdb_cursor_open(txn, e->drops, &cursor);

    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (rc == 0) {
        if (key.mv_size != 8 || !lmdb_record_copy(key, value, &drop->below, sizeof drop->below))
            rc = CHATROOM_ECORRUPT;
        else
            memcpy(wide, key.mv_data, 8);
        lmdb_index_key_parse(wide, &drop->number, &unused);
    }
    mdb_cursor_close(cursor);
    return rc;
}

static int drop_some(struct lmdb_engine *e, MDB_txn *txn, void *arg)
{
    size_t budget = DROP_ROWS;
    bool *ret_more = arg;
    int rc = 0;

    *ret_more = true;
    while (budget > 0 && rc == 0) {
        struct drop drop = {0};

        rc = drop_find(e, txn, &drop);
        if (rc) {
            *ret_more = false;
            return absent_is_fine(rc);
        }
        rc = drop_next_run(e, txn, &drop);
        if (rc == 0)
            rc = drop_from_run(e, txn, &drop, &budget);
        else if (rc == MDB_NOTFOUND) {
            rc = erase_number(txn, e->drops, drop.number);
            budget--;
        }
        free(drop.ids);
    }
    return rc;
}

void lmdb_engine_drop_some(struct lmdb_engine *e)
{
    bool more = false;

    /* If it cannot be done it is not worth trying again before the next start: nothing but space is lost. */
    e->has_drops = transact(e, drop_some, &more) == CHATROOM_OK && more;
}

/* ---- sync and close --------------------------------------------------------------------------------------------- */

void lmdb_engine_sync(struct lmdb_engine *e)
{
    int rc = e->failed ? 0 : mdb_env_sync(e->env, 1);

    e->unsynced = false;
    if (rc) {
        log_code(e, CHATROOM_LOG_ERROR, "store_failed", rc);
        e->failed = true;
    }
}

static int put_clean(struct lmdb_engine *e, MDB_txn *txn, void *arg)
{
    (void)arg;
    e->state.dirty = 0;
    return put_index(e, txn);
}

void lmdb_engine_close(struct lmdb_engine *e)
{
    bool works = e->port != NULL && e->env != NULL && !e->failed;

    if (works && e->state.dirty)
        lmdb_engine_sync(e); /* what the clean mark vouches for must be there before it */
    if (works && (e->state.dirty || e->table.tail_entries || e->table.unsaved))
        transact(e, put_clean, NULL);
    if (works && e->options.durability != CHATROOM_DURABLE_COMMIT)
        lmdb_engine_sync(e);
    if (e->env)
        mdb_env_close(e->env);
    if (e->lock_fd >= 0)
        close(e->lock_fd);
    lmdb_table_fini(&e->table);
}
