/*
 * open.c: engine.h's lmdb_engine_open(): takes the directory, checks it, and brings back what the process before left.
 */
#include "check.h"
#include "engine.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_MAGIC   0x314d4f4f52544843u /* "CHTROOM1" */
#define FORMAT_VERSION 1
#define LEAST_MAP      ((size_t)1 << 18)

static int say(struct chatroom_error *error, int code, const char *path, const char *what)
{
    char text[256];

    snprintf(text, sizeof text, "The store in %.150s: %s.", path, what);
    return chatroom_error_set(error, code, text);
}

static int code_of(int rc)
{
    switch (rc) {
    case EACCES:
    case EPERM:
    case EROFS:
        return CHATROOM_EACCES;
    case ENOSPC:
    case EDQUOT:
    case MDB_MAP_FULL:
        return CHATROOM_ENOSPC;
    case ENOMEM:
        return CHATROOM_ENOMEM;
    case EWOULDBLOCK:
    case EBUSY:
        return CHATROOM_EBUSY;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return CHATROOM_EFORMAT;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return CHATROOM_ECORRUPT;
    default:
        return rc <= 0 && rc > -1000 ? rc : CHATROOM_EIO;
    }
}

static int say_rc(struct chatroom_error *error, int rc, const char *path)
{
    int code = code_of(rc);

    if (code == CHATROOM_OK)
        return code;
    return say(error, code, path, code == rc ? chatroom_strerror(code) : mdb_strerror(rc));
}

/* ---- the directory ---------------------------------------------------------------------------------------------- */

/*
 * LMDB does not notice a second opening in one process and would lose its locks by it. A flock() belongs to the open
 * file, so that ours refuses this process a second time as well as another one.
 */
static int take_directory(struct lmdb_engine *e, const char *path, struct chatroom_error *error)
{
    char lock[4096];

    if (mkdir(path, 0700) && errno != EEXIST)
        return say_rc(error, errno, path);
    snprintf(lock, sizeof lock, "%s/chatroom.lock", path);
    e->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (e->lock_fd < 0)
        return say_rc(error, errno, path);
    if (flock(e->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return CHATROOM_OK;
    if (errno == EWOULDBLOCK)
        return say(error, CHATROOM_EBUSY, path, "another process or instance has it open");
    return say_rc(error, errno, path);
}

static int check_directory(const char *path, struct chatroom_error *error)
{
    char data[4096];
    int rc;

    snprintf(data, sizeof data, "%s/data.mdb", path);
    rc = lmdb_check_file(data);
    if (rc == CHATROOM_EFORMAT)
        return say(error, rc, path, "data.mdb is not a store of this version, or it is cut short");
    return say_rc(error, rc, path);
}

static int open_env(struct lmdb_engine *e, const char *path)
{
    unsigned flags = MDB_NOTLS | (e->options.durability == CHATROOM_DURABLE_COMMIT ? 0 : MDB_NOSYNC);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t map = e->options.map_bytes > LEAST_MAP ? e->options.map_bytes : LEAST_MAP;
    int dead, rc = mdb_env_create(&e->env);

    if (rc == 0)
        rc = mdb_env_set_maxdbs(e->env, 8);
    if (rc == 0)
        rc = mdb_env_set_mapsize(e->env, (map + page - 1) / page * page);
    if (rc == 0)
        rc = mdb_env_open(e->env, path, flags, 0600);
    if (rc == 0)
        rc = mdb_reader_check(e->env, &dead);
    return rc;
}

/* ---- tables and state ------------------------------------------------------------------------------------------- */

static int open_tables(struct lmdb_engine *e, MDB_txn *txn, unsigned flags)
{
    const struct {
        const char *name;
        MDB_dbi *dbi;
        unsigned flags;
    } tables[] = {
        {"meta", &e->meta, 0},         {"log", &e->log, MDB_INTEGERKEY},
        {"index", &e->index, 0},       {"rooms", &e->rooms, 0},
        {"trims", &e->trims, 0},       {"drops", &e->drops, 0},
        {"sessions", &e->sessions, 0}, {"onces", &e->onces, MDB_INTEGERKEY},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && rc == 0; i++) {
        unsigned stored = 0;

        rc = mdb_dbi_open(txn, tables[i].name, tables[i].flags | flags, tables[i].dbi);
        if (rc == 0)
            rc = mdb_dbi_flags(txn, *tables[i].dbi, &stored);
        if (rc == 0 && (stored & MDB_INTEGERKEY) != (tables[i].flags & MDB_INTEGERKEY))
            rc = MDB_INCOMPATIBLE;
    }
    return rc == MDB_NOTFOUND ? MDB_INCOMPATIBLE : rc;
}

static int put_state(struct lmdb_engine *e, MDB_txn *txn)
{
    chatroom_span part = chatroom_bytes(&e->state, sizeof e->state);

    return lmdb_record_put(txn, e->meta, lmdb_val("state", 5), &part, 1, 0);
}

static int get_state(struct lmdb_engine *e, MDB_txn *txn)
{
    MDB_val key = lmdb_val("state", 5), value;
    int rc = mdb_get(txn, e->meta, &key, &value);

    if (rc)
        return rc == MDB_NOTFOUND ? CHATROOM_EFORMAT : rc;
    if (!lmdb_record_copy(key, value, &e->state, sizeof e->state))
        return CHATROOM_ECORRUPT;
    return e->state.magic == FORMAT_MAGIC && e->state.version == FORMAT_VERSION ? 0 : CHATROOM_EFORMAT;
}

/* Random rather than counted: another directory must not have it either. 52 bits, so that sums stay below 2^53. */
static int new_epoch_base(struct lmdb_engine *e)
{
    uint64_t base;

    if (getrandom(&base, sizeof base, 0) != (ssize_t)sizeof base)
        return CHATROOM_EIO;
    e->state.epoch_base = base >> 12;
    return 0;
}

static int make_state(struct lmdb_engine *e)
{
    e->state = (struct lmdb_state){.magic = FORMAT_MAGIC, .version = FORMAT_VERSION, .next_number = 1};
    return new_epoch_base(e);
}

/*
 * Opens the tables or makes them. A process that did not sync every commit and never closed may have lost the newest
 * entries: their seqs will be given out again, so every room gets another epoch.
 */
static int prepare(struct lmdb_engine *e, MDB_txn *txn)
{
    uint32_t dirty = e->options.durability != CHATROOM_DURABLE_COMMIT;
    MDB_stat stat;
    bool fresh, changed;
    int rc = mdb_stat(txn, 1, &stat); /* LMDB's table of tables */

    fresh = rc == 0 && stat.ms_entries == 0;
    if (rc == 0)
        rc = open_tables(e, txn, fresh ? MDB_CREATE : 0);
    if (rc == 0)
        rc = fresh ? make_state(e) : get_state(e, txn);
    if (rc)
        return rc;
    changed = fresh || e->state.dirty || dirty;
    if (e->state.dirty)
        rc = new_epoch_base(e);
    e->state.dirty = dirty;
    return rc == 0 && changed ? put_state(e, txn) : rc;
}

static int prepare_once(struct lmdb_engine *e)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);

    if (rc)
        return rc;
    rc = prepare(e, txn);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc;
}

static int prepare_all(struct lmdb_engine *e)
{
    int rc;

    do
        rc = prepare_once(e);
    while (rc == MDB_MAP_FULL && lmdb_engine_grow(e));
    if (rc == 0)
        lmdb_engine_extend(e);
    if (rc == 0 && e->state.dirty)
        rc = mdb_env_sync(e->env, 1);
    return rc;
}

/* ---- bringing back ---------------------------------------------------------------------------------------------- */

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

static int report_room(struct recovery *r, MDB_val key, MDB_val value)
{
    chatroom_span name, record;
    uint64_t number;
    const struct lmdb_room *room;

    if (!parse_room(key, value, &name, &number, &record))
        return damaged(r, "room");
    room = lmdb_table_find(&r->e->table, name);
    return chatroom_store_found_room(r->e->port, name, record, r->e->state.epoch_base + number, room->newest);
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

static int recover(struct lmdb_engine *e)
{
    struct recovery r = {.e = e};
    int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &r.txn);

    if (rc)
        return rc;
    e->next_number = e->state.next_number;
    rc = recover_in(&r);
    mdb_txn_abort(r.txn);
    free(r.known);
    return rc;
}

static void tell(struct lmdb_engine *e, const char *path)
{
    struct chatroom_log_field fields[] = {CHATROOM_TEXT("path", chatroom_str(path)),
                                          CHATROOM_NUMBER("replayed", e->table.tail_entries),
                                          CHATROOM_NUMBER("next_id", e->next_id)};

    chatroom_store_log(e->port, CHATROOM_LOG_INFO, "store_open", fields, 3);
}

int lmdb_engine_open(struct lmdb_engine *e, const char *path, struct chatroom_error *error)
{
    int rc = take_directory(e, path, error);

    if (rc == CHATROOM_OK)
        rc = check_directory(path, error);
    if (rc)
        return rc;
    rc = open_env(e, path);
    if (rc == 0)
        rc = prepare_all(e);
    if (rc == 0)
        rc = recover(e);
    if (rc) {
        e->failed = true; /* close() writes nothing into what could not be read */
        return say_rc(error, rc, path);
    }
    tell(e, path);
    return CHATROOM_OK;
}
