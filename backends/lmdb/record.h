/*
 * record.h: values in the database, each behind a checksum over its key and its bytes.
 *
 * The checksum is against accidents (a bad disk, a stray write), not against people. Whoever reads a value goes through
 * lmdb_record_payload() and never uses what does not pass it.
 */
#ifndef LMDB_RECORD_H
#define LMDB_RECORD_H

#include <chatroom/base.h>
#include <lmdb.h>

/* Room names and session ids may be empty, LMDB's keys may not: they are stored behind one letter. */
struct lmdb_name_key {
    char bytes[1 + 400];
    size_t size;
};

struct lmdb_index_key {
    uint8_t bytes[16]; /* room number and seq, big endian, so that they sort */
};

struct lmdb_number_key {
    uint8_t bytes[8];
};

/* name has at most CHATROOM_KEY_MAX bytes. */
struct lmdb_name_key lmdb_name_key(chatroom_span name);
struct lmdb_index_key lmdb_index_key(uint64_t number, uint64_t seq);
struct lmdb_number_key lmdb_number_key(uint64_t number);
uint64_t lmdb_number_key_parse(const void *bytes);
void lmdb_index_key_parse(const void *bytes, uint64_t *ret_number, uint64_t *ret_seq);

static inline MDB_val lmdb_val(const void *bytes, size_t size)
{
    MDB_val val = {size, (void *)bytes};
    return val;
}

/* Puts the parts, one after the other, under key. Returns LMDB's code. */
int lmdb_record_put(MDB_txn *txn, MDB_dbi dbi, MDB_val key, const chatroom_span *parts, size_t count, unsigned flags);

/* The bytes of a value that was read under key, valid as long as it; false: damaged. */
bool lmdb_record_payload(MDB_val key, MDB_val value, chatroom_span *ret_payload);

/* A payload that must have exactly size bytes, copied out. */
bool lmdb_record_copy(MDB_val key, MDB_val value, void *ret, size_t size);

/* An entry of the log. Spans point into the payload. */
struct lmdb_entry {
    uint64_t number;
    uint64_t seq;
    chatroom_span once;
    chatroom_span value;
};

/* With MDB_APPEND: id is above all others. */
int lmdb_entry_put(MDB_txn *txn, MDB_dbi dbi, uint64_t id, const struct lmdb_entry *entry);
bool lmdb_entry_parse(MDB_val key, MDB_val value, struct lmdb_entry *ret_entry);

/* A run of the index: entries of one room whose seqs follow each other. Valid as long as its value. */
struct lmdb_run {
    uint64_t number;
    uint64_t first;
    size_t count;
    const char *ids; /* 8 bytes each */
};

int lmdb_run_put(MDB_txn *txn, MDB_dbi dbi, uint64_t number, uint64_t first, chatroom_span ids);
/* False: damaged. */
bool lmdb_run_parse(MDB_val key, MDB_val value, struct lmdb_run *ret_run);

/* One seq under a room number. */
int lmdb_number_put(MDB_txn *txn, MDB_dbi dbi, uint64_t number, uint64_t seq);
int lmdb_number_erase(MDB_txn *txn, MDB_dbi dbi, uint64_t number);

static inline int lmdb_absent_is_fine(int rc)
{
    return rc == MDB_NOTFOUND ? 0 : rc;
}

#endif
