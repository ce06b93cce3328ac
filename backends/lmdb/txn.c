#include "txn.h"

#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLACK_PAGES 16384 /* of nothing: the file is sparse there */

void lmdb_log_code(struct lmdb_engine *e, enum chatroom_log_level level, const char *event, int code)
{
    struct chatroom_log_field fields[] = {CHATROOM_TEXT("reason", chatroom_str(mdb_strerror(code))),
                                          CHATROOM_NUMBER("code", code)};

    chatroom_store_log(e->port, level, event, fields, 2);
}

int lmdb_code_of(int rc)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL:
        return CHATROOM_ENOSPC;
    case ENOMEM:
        return CHATROOM_ENOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
        return CHATROOM_EACCES;
    case MDB_BAD_VALSIZE:
    case MDB_TXN_FULL:
        return CHATROOM_ETOOBIG;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return CHATROOM_EFORMAT;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return CHATROOM_ECORRUPT;
    default: /* codes of ours are small; LMDB's are below -30000 or the system's */
        return rc <= 0 && rc > -1000 ? rc : CHATROOM_EIO;
    }
}

/* LMDB lets the old map go before it asks for the new one, and cannot go on without; so that is tried out first. */
static bool has_address_space(size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return map != MAP_FAILED && munmap(map, bytes) == 0;
}

static bool map_grow(struct lmdb_engine *e)
{
    struct chatroom_log_field field;
    MDB_envinfo info;
    size_t bytes;

    mdb_env_info(e->env, &info);
    if (info.me_mapsize >= e->options.map_bytes_most)
        return false;
    bytes = info.me_mapsize > e->options.map_bytes_most / 2 ? e->options.map_bytes_most : info.me_mapsize * 2;
    if (!has_address_space(bytes) || mdb_env_set_mapsize(e->env, bytes))
        return false;
    field = (struct chatroom_log_field)CHATROOM_NUMBER("bytes", bytes);
    chatroom_store_log(e->port, CHATROOM_LOG_INFO, "map_grown", &field, 1);
    return true;
}

/*
 * LMDB may count pages at the end that it never wrote. The file is kept longer than that, by more than a batch can
 * need, so that at open a short file always means a damaged one.
 */
static void file_extend(struct lmdb_engine *e)
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

static int attempt(struct lmdb_engine *e, lmdb_work_fn *work, void *arg, bool *ret_committing)
{
    uint64_t id = e->next_id;
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
        e->state = state;
    }
    return rc;
}

/*
 * A full disk cuts a write short, which LMDB reports as EIO. A page more in a file beside the data tells it from a disk
 * that fails; the data is not written to any more in that case.
 */
static bool disk_is_full(struct lmdb_engine *e)
{
    static const char page[4096];
    struct stat status;
    ssize_t written;
    bool full;

    if (fstat(e->lock_fd, &status))
        return false;
    written = pwrite(e->lock_fd, page, sizeof page, sizeof page);
    full = written < 0 ? errno == ENOSPC || errno == EDQUOT : written < (ssize_t)sizeof page;
    return ftruncate(e->lock_fd, status.st_size) == 0 && full;
}

/* LMDB takes no transaction any more once the page that makes one true could not be written. */
static bool env_is_dead(struct lmdb_engine *e)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);

    if (rc == 0)
        mdb_txn_abort(txn);
    return rc == MDB_PANIC;
}

/*
 * After a failed transaction: what to say of it, and whether this handle may write again. Only a lack of room or memory
 * that was met before anything was synced leaves nothing behind.
 */
static int judge(struct lmdb_engine *e, int rc, bool committing)
{
    int code = lmdb_code_of(rc);

    if (committing && code == CHATROOM_EIO && disk_is_full(e))
        code = CHATROOM_ENOSPC;
    if (committing && env_is_dead(e))
        code = CHATROOM_EIO;
    e->failed = code == CHATROOM_EIO || code == CHATROOM_EACCES;
    return committing && e->failed ? CHATROOM_EUNSURE : code;
}

int lmdb_transact(struct lmdb_engine *e, lmdb_work_fn *work, void *arg)
{
    bool committing;
    int rc, code;

    if (e->failed)
        return CHATROOM_EIO;
    do
        rc = attempt(e, work, arg, &committing);
    while (rc == MDB_MAP_FULL && map_grow(e));
    if (rc == 0) {
        lmdb_table_commit(&e->table);
        if (e->index_in_txn)
            lmdb_table_indexed(&e->table);
        e->index_in_txn = false;
        e->unsynced = e->options.durability != CHATROOM_DURABLE_COMMIT;
        file_extend(e);
        return CHATROOM_OK;
    }
    code = judge(e, rc, committing);
    lmdb_log_code(e, CHATROOM_LOG_ERROR, "store_failed", code == CHATROOM_ENOSPC ? ENOSPC : rc);
    return code;
}

void lmdb_engine_sync(struct lmdb_engine *e)
{
    int rc = e->failed ? 0 : mdb_env_sync(e->env, 1);

    e->unsynced = false;
    if (rc) {
        lmdb_log_code(e, CHATROOM_LOG_ERROR, "store_failed", rc);
        e->failed = true;
    }
}

void lmdb_engine_check_readers(struct lmdb_engine *e)
{
    int dead, rc = mdb_reader_check(e->env, &dead);

    if (rc)
        lmdb_log_code(e, CHATROOM_LOG_WARN, "reader_check_failed", rc);
}
