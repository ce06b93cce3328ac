/*
 * table.h: what the store keeps in memory: for each room where its log stands, and the once window.
 *
 * Changes are noted in a journal until lmdb_table_commit() or lmdb_table_rollback(), to go with a transaction of the
 * database. Going back never allocates. Belongs to the writer thread (and to open() before there is one).
 */
#ifndef LMDB_TABLE_H
#define LMDB_TABLE_H

#include <chatroom/store.h>

struct lmdb_slot;
struct lmdb_once;
struct lmdb_undo;

/* One life of a room. The newest tail_count entries are in the log but not yet in the index. */
struct lmdb_room {
    uint64_t number;
    uint64_t first; /* entries below are trimmed */
    uint64_t newest;
    uint64_t *tail; /* log ids */
    size_t tail_count, tail_capacity;
    struct lmdb_room *previous, *next; /* rooms that have a tail */
};

struct lmdb_table {
    uint8_t key[16]; /* random: names come from strangers */
    struct lmdb_slot *slots;
    struct lmdb_slot *found; /* the last that was: a write asks more than once */
    struct lmdb_room *tails;
    uint64_t tail_entries; /* of all rooms */
    struct lmdb_once *onces, *oldest, *newest;
    struct lmdb_once *unsaved; /* the oldest that only the log holds */
    size_t once_count;
    struct lmdb_undo *journal;
    size_t journal_count, journal_capacity;
};

/* What a saved window consists of: this, then size bytes. */
struct lmdb_once_head {
    uint64_t number;
    uint64_t seq;
    uint64_t size;
};

int lmdb_table_init(struct lmdb_table *t);
void lmdb_table_fini(struct lmdb_table *t);

struct lmdb_room *lmdb_table_find(struct lmdb_table *t, chatroom_span name);

/* Journaled. All that can fail fails with CHATROOM_ENOMEM and changes nothing. */
int lmdb_table_create(struct lmdb_table *t, chatroom_span name, uint64_t number, struct lmdb_room **ret_room);
int lmdb_table_erase(struct lmdb_table *t, chatroom_span name);
int lmdb_table_append(struct lmdb_table *t, struct lmdb_room *room, uint64_t id);
int lmdb_table_trim(struct lmdb_table *t, struct lmdb_room *room, uint64_t first);
int lmdb_table_remember(struct lmdb_table *t, uint64_t number, chatroom_span once, uint64_t seq);

/* The seq remembered with once, 0 if none. */
uint64_t lmdb_table_recall(const struct lmdb_table *t, uint64_t number, chatroom_span once);

void lmdb_table_commit(struct lmdb_table *t);
void lmdb_table_rollback(struct lmdb_table *t);

/* The index holds everything now: forgets the tails. Only with an empty journal. */
void lmdb_table_indexed(struct lmdb_table *t);

/* Packs the unsaved part of the window into *ret_bytes, which the caller frees; NULL if there is none. */
int lmdb_table_pack_onces(const struct lmdb_table *t, char **ret_bytes, size_t *ret_size, uint64_t *ret_count);

/* Takes a packed window in, as saved. False: not one. Journaled. */
int lmdb_table_unpack_onces(struct lmdb_table *t, chatroom_span packed, bool *ret_sound);

#endif
