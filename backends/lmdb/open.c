/*
 * open.c: engine.h's lmdb_engine_open() and lmdb_engine_close(): the directory, the environment, its state.
 */
#include "check.h"
#include "record.h"
#include "txn.h"

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

    snprintf(text, sizeof text, "The store in %.120s: %s%s", path, what, what[strlen(what) - 1] == '.' ? "" : ".");
    return chatroom_error_set(error, code, text);
}

static int say_rc(struct chatroom_error *error, int rc, const char *path)
{
    int code = lmdb_code_of(rc);

    if (code == CHATROOM_OK)
        return code;
    if (code == CHATROOM_EUNSURE)
        code = CHATROOM_EIO;
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
        return say(error, CHATROOM_EBUSY, path, "another process or instance has it open.");
    return say_rc(error, errno, path);
}

static int check_directory(const struct lmdb_engine *e, const char *path, struct chatroom_error *error)
{
    char data[4096];
    struct stat lock;
    bool empty;
    int rc;

    snprintf(data, sizeof data, "%s/data.mdb", path);
    if (fstat(e->lock_fd, &lock))
        return say_rc(error, errno, path);
    rc = lmdb_check_file(data, &empty);
    if (rc == CHATROOM_EFORMAT)
        return say(error, rc, path, lmdb_format_text(lock.st_size > 0));
    if (rc == CHATROOM_OK && empty && lock.st_size > 0)
        return say(error, CHATROOM_EFORMAT, path,
                   "data.mdb is missing or empty; remove chatroom.lock too if the store is to begin anew.");
    return say_rc(error, rc, path);
}

/* From now on an empty data.mdb is not a new one. */
static int mark_made(const struct lmdb_engine *e)
{
    static const char mark[] = "data.mdb was made\n";
    struct stat lock;

    if (fstat(e->lock_fd, &lock) == 0 && lock.st_size > 0)
        return 0; /* no writing here on a full disk */
    return pwrite(e->lock_fd, mark, sizeof mark - 1, 0) < 0 || fdatasync(e->lock_fd) ? errno : 0;
}

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) ? errno : 0;

    if (fd >= 0)
        close(fd);
    return rc;
}

/* What is synced into a file is lost all the same in a power cut that takes the file's name. */
static int sync_names(const char *path)
{
    char parent[4096];
    int rc = sync_folder(path);

    snprintf(parent, sizeof parent, "%s/..", path);
    return rc ? rc : sync_folder(parent);
}

static int open_env(struct lmdb_engine *e, const char *path)
{
    unsigned flags = MDB_NOTLS | (e->options.durability == CHATROOM_DURABLE_COMMIT ? 0 : MDB_NOSYNC);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t map = e->options.map_bytes > LEAST_MAP ? e->options.map_bytes : LEAST_MAP;
    int rc = mdb_env_create(&e->env);

    if (rc == 0)
        rc = mdb_env_set_maxdbs(e->env, 8);
    if (rc == 0)
        rc = mdb_env_set_mapsize(e->env, (map + page - 1) / page * page);
    if (rc == 0)
        rc = mdb_env_open(e->env, path, flags, 0600);
    return rc ? rc : sync_names(path);
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

static int get_state(struct lmdb_engine *e, MDB_txn *txn)
{
    MDB_val key = lmdb_val("state", 5), value;
    chatroom_span payload;
    int rc = mdb_get(txn, e->meta, &key, &value);

    if (rc)
        return rc == MDB_NOTFOUND ? CHATROOM_EFORMAT : rc;
    if (!lmdb_record_payload(key, value, &payload))
        return CHATROOM_ECORRUPT;
    if (payload.size != sizeof e->state) /* of another version, then */
        return CHATROOM_EFORMAT;
    memcpy(&e->state, payload.bytes, sizeof e->state);
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
static int prepare(struct lmdb_engine *e, MDB_txn *txn, void *arg)
{
    uint32_t dirty = e->options.durability != CHATROOM_DURABLE_COMMIT;
    MDB_stat stat;
    bool fresh, changed;
    int rc = mdb_stat(txn, 1, &stat); /* LMDB's table of tables */

    (void)arg;
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
    return rc == 0 && changed ? lmdb_put_state(e, txn) : rc;
}

/* ---- open and close ---------------------------------------------------------------------------------------------- */

static void tell(struct lmdb_engine *e, const char *path)
{
    struct chatroom_log_field fields[] = {CHATROOM_TEXT("path", chatroom_str(path)),
                                          CHATROOM_NUMBER("replayed", e->table.tail_entries),
                                          CHATROOM_NUMBER("next_id", e->next_id)};

    chatroom_store_log(e->port, CHATROOM_LOG_INFO, "store_open", fields, 3);
}

static int bring_up(struct lmdb_engine *e, const char *path)
{
    int rc = open_env(e, path);

    if (rc == 0)
        rc = lmdb_transact(e, prepare, NULL);
    if (rc == 0 && e->state.dirty)
        lmdb_engine_sync(e); /* the mark stands before anything that it warns of */
    if (rc == 0 && e->failed)
        rc = CHATROOM_EIO;
    if (rc == 0)
        rc = mark_made(e);
    return rc ? rc : lmdb_recover(e);
}

static int open_directory(struct lmdb_engine *e, const char *path, struct chatroom_error *error)
{
    int rc = take_directory(e, path, error);

    if (rc == CHATROOM_OK)
        rc = check_directory(e, path, error);
    if (rc)
        return rc;
    rc = bring_up(e, path);
    if (rc) {
        e->failed = true; /* close() writes nothing into what could not be read */
        return say_rc(error, rc, path);
    }
    tell(e, path);
    return CHATROOM_OK;
}

/*
 * In a process that was started without standard input or output the database would get their numbers, and whatever is
 * printed would be written over it. So they are occupied meanwhile.
 */
int lmdb_engine_open(struct lmdb_engine *e, const char *path, struct chatroom_error *error)
{
    bool occupied[STDERR_FILENO + 1] = {false};
    int fd, rc;

    while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO)
        occupied[fd] = true;
    if (fd >= 0)
        close(fd);
    rc = open_directory(e, path, error);
    for (fd = 0; fd <= STDERR_FILENO; fd++)
        if (occupied[fd])
            close(fd);
    return rc;
}

static int put_clean(struct lmdb_engine *e, MDB_txn *txn, void *arg)
{
    (void)arg;
    e->state.dirty = 0;
    return lmdb_put_index(e, txn);
}

void lmdb_engine_close(struct lmdb_engine *e)
{
    bool works = e->env != NULL && !e->failed;

    if (works && e->state.dirty)
        lmdb_engine_sync(e); /* what the clean mark vouches for must be there before it */
    if (works && (e->state.dirty || e->table.tail_entries || e->table.unsaved))
        lmdb_transact(e, put_clean, NULL);
    if (works && e->options.durability != CHATROOM_DURABLE_COMMIT)
        lmdb_engine_sync(e);
    if (e->env)
        mdb_env_close(e->env);
    if (e->lock_fd >= 0)
        close(e->lock_fd);
    lmdb_table_fini(&e->table);
}
