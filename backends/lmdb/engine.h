/*
 * engine.h: the database: opening, writing a batch in one transaction, reading, and the work in the background.
 *
 * Layout. Messages of all rooms go to one log in the order of arrival, which touches few pages; which of them belong to
 * a room is written to an index every few thousand messages, and until then kept in memory and found again at open by
 * reading the log's end.
 *
 *   log       id                      -> room number, seq, once, entry
 *   index     room number, first seq  -> ids of a run of entries
 *   rooms     name                    -> room number, record
 *   trims     room number             -> first seq
 *   sessions  id                      -> record
 *   onces     count of those before   -> a part of the once window
 *   drops     room number             -> entries below this seq are to be deleted
 *   meta      "state"                 -> struct lmdb_state
 *
 * A room number is one life of a room and never used again. Belongs to one thread at a time.
 */
#ifndef LMDB_ENGINE_H
#define LMDB_ENGINE_H

#include "space.h"
#include "table.h"

#include <chatroom/backend/lmdb.h>
#include <lmdb.h>

struct lmdb_state {
    uint64_t magic;
    uint32_t version;
    uint32_t dirty; /* opened without syncing every commit, and not closed since */
    uint64_t next_number;
    uint64_t mark; /* the index holds every entry up to this id */
    uint64_t once_count;
    uint64_t epoch_base;
};

struct lmdb_engine {
    chatroom_store_port *port;
    struct chatroom_lmdb_options options;
    MDB_env *env;
    int lock_fd;
    MDB_dbi log, index, rooms, trims, sessions, onces, drops, meta;
    struct lmdb_table table;
    struct lmdb_state state; /* next_number runs ahead of the database inside a transaction */
    uint64_t next_id;
    uint64_t file_bytes;
    struct lmdb_space space;
    bool failed;       /* a commit failed half way: never write again */
    bool index_in_txn; /* the transaction under way writes the index */
    bool has_drops;
    bool unsynced;
};

/* One ticket of a batch. */
struct lmdb_item {
    struct chatroom_ticket *ticket;
    bool is_read;
    int status;
};

/* Also reports what was found. After an error only lmdb_engine_close(). */
int lmdb_engine_open(struct lmdb_engine *e, const char *path, struct chatroom_error *error);

/* Writes the groups of the batch in one transaction and sets each status. with_index: also the index. */
void lmdb_engine_write(struct lmdb_engine *e, struct lmdb_item *items, size_t count, bool with_index);

/* What lmdb_engine_write() refuses follows from it: see space.h. */
void lmdb_engine_look_at_space(struct lmdb_engine *e, uint64_t now_ns);

/* Gives a read ticket its rows, up to the completion; txn is ended by mdb_txn_abort(). */
int lmdb_engine_begin_reads(struct lmdb_engine *e, MDB_txn **ret_txn);
int lmdb_engine_read(struct lmdb_engine *e, MDB_txn *txn, struct chatroom_ticket *ticket);

/* The newest entry of the room; its span is valid as long as txn. MDB_NOTFOUND: there is none. ECORRUPT: logged. */
int lmdb_engine_newest(struct lmdb_engine *e, MDB_txn *txn, const struct lmdb_room *room, chatroom_span *ret_value);

/* Deletes at most rows entries of erased rooms and trimmed logs. */
void lmdb_engine_drop_some(struct lmdb_engine *e, size_t rows);

/* Writes what commits left to the system. */
void lmdb_engine_sync(struct lmdb_engine *e);

/*
 * Gives back the places of readers that died. They are other programs that looked at the store (a backup): while a
 * place is held no page that its reader may see is used again, and the file grows.
 */
void lmdb_engine_check_readers(struct lmdb_engine *e);

/* Ends cleanly; also after a failed open. */
void lmdb_engine_close(struct lmdb_engine *e);

#endif
