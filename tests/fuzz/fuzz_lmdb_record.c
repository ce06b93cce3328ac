/*
 * Any octets as a value of the database under a key, its first sixteen octets. As they came they are refused, but for
 * the one checksum in 2^64. As the store writes them they come back as they were, and a bit that is turned anywhere in
 * key or value is noticed. What stands behind a right checksum may still be anything: an entry, a run of the index and
 * a part of the once window are taken if they lie inside the value, or refused.
 */
#include "fuzz.h"

#include "lmdb/record.h"
#include "lmdb/table.h"

#include <string.h>

enum { KEY = 16 };

static MDB_env *env; /* opened once; every transaction is taken back */
static MDB_dbi dbi;

static void open_database(void)
{
    char folder[] = "/tmp/fuzz-record-XXXXXX", path[64];
    MDB_txn *txn;

    REQUIRE(mkdtemp(folder));
    REQUIRE(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 16 << 20) == 0);
    REQUIRE(mdb_env_open(env, folder, MDB_NOSYNC | MDB_NOLOCK, 0600) == 0);
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    REQUIRE(remove(path) == 0 && remove(folder) == 0);
    REQUIRE(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    REQUIRE(mdb_txn_commit(txn) == 0);
}

static MDB_val copy_of(const void *bytes, size_t size)
{
    MDB_val copy = {size, malloc(size ? size : 1)};

    REQUIRE(copy.mv_data);
    memcpy(copy.mv_data, bytes, size);
    return copy;
}

/* The parts as the store writes them, in a block of their own. */
static MDB_val written(MDB_val key, const chatroom_span *parts, size_t count)
{
    MDB_val value, copy;
    MDB_txn *txn;

    REQUIRE(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    REQUIRE(lmdb_record_put(txn, dbi, key, parts, count, 0) == 0 && mdb_get(txn, dbi, &key, &value) == 0);
    copy = copy_of(value.mv_data, value.mv_size);
    mdb_txn_abort(txn);
    return copy;
}

static bool is_inside(chatroom_span part, MDB_val whole)
{
    return part.bytes >= (char *)whole.mv_data && part.bytes + part.size <= (char *)whole.mv_data + whole.mv_size;
}

/* ---- what the checksum is for ---- */

static void require_refused(MDB_val key, MDB_val value)
{
    struct lmdb_entry entry;
    struct lmdb_run run;
    chatroom_span payload;
    uint64_t number;

    REQUIRE(!lmdb_record_payload(key, value, &payload) && !lmdb_record_copy(key, value, &number, sizeof number));
    REQUIRE(!lmdb_entry_parse(key, value, &entry) && !lmdb_run_parse(key, value, &run));
}

static void check_turned_bit(MDB_val key, MDB_val value, size_t bit)
{
    size_t at = bit / 8 % (key.mv_size + value.mv_size);
    uint8_t *octet = at < key.mv_size ? (uint8_t *)key.mv_data + at : (uint8_t *)value.mv_data + at - key.mv_size;
    uint8_t turn = (uint8_t)(1 << bit % 8);

    *octet ^= turn;
    require_refused(key, value);
    *octet ^= turn;
}

static void check_cut(MDB_val key, MDB_val value, size_t where)
{
    MDB_val cut = copy_of(value.mv_data, where % value.mv_size);

    require_refused(key, cut);
    free(cut.mv_data);
}

/* ---- what stands behind it ---- */

static void check_entry(MDB_val key, MDB_val value)
{
    struct lmdb_entry entry;

    if (!lmdb_entry_parse(key, value, &entry))
        return;
    REQUIRE(is_inside(entry.once, value) && is_inside(entry.value, value));
    REQUIRE(entry.once.bytes + entry.once.size == entry.value.bytes);
    REQUIRE(entry.value.bytes + entry.value.size == (char *)value.mv_data + value.mv_size);
}

static void check_run(MDB_val key, MDB_val value)
{
    struct lmdb_run run;

    if (!lmdb_run_parse(key, value, &run))
        return;
    REQUIRE(run.count > 0 && is_inside(chatroom_bytes(run.ids, run.count * 8), value));
}

/* What was taken in is packed to the same octets again, unless it had something twice. */
static void check_onces(chatroom_span packed)
{
    struct lmdb_table table;
    bool sound;

    REQUIRE(lmdb_table_init(&table) == CHATROOM_OK);
    REQUIRE(lmdb_table_unpack_onces(&table, packed, &sound) == CHATROOM_OK);
    REQUIRE(!sound || table.once_count <= packed.size / sizeof(struct lmdb_once_head));
    if (sound && table.oldest) {
        size_t size;
        uint64_t count;
        char *again;

        table.unsaved = table.oldest; /* as if only the log held them */
        REQUIRE(lmdb_table_pack_onces(&table, &again, &size, &count) == CHATROOM_OK && count == table.once_count);
        REQUIRE_WRITTEN(again, size);
        REQUIRE(size <= packed.size && (size < packed.size || memcmp(again, packed.bytes, size) == 0));
        free(again);
    }
    lmdb_table_commit(&table); /* as open() does, sound or not */
    lmdb_table_fini(&table);
}

static void check(MDB_val key, chatroom_span payload)
{
    chatroom_span parts[] = {chatroom_bytes(payload.bytes, payload.size / 3),
                             chatroom_bytes(payload.bytes + payload.size / 3, payload.size - payload.size / 3)};
    MDB_val value = written(key, parts, 2);
    chatroom_span again;
    uint64_t bits;

    memcpy(&bits, key.mv_data, sizeof bits);
    REQUIRE_WRITTEN(value.mv_data, value.mv_size);
    REQUIRE(lmdb_record_payload(key, value, &again) && chatroom_span_equal(again, payload));
    check_entry(key, value);
    check_run(key, value);
    check_onces(again);
    check_cut(key, value, bits >> 32);
    check_turned_bit(key, value, bits);
    free(value.mv_data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    MDB_val key, value;

    if (size < KEY)
        return 0;
    if (!env)
        open_database();
    key = copy_of(bytes, KEY);
    value = copy_of(bytes + KEY, size - KEY);
    require_refused(key, value);
    check(key, chatroom_bytes(value.mv_data, value.mv_size));
    free(key.mv_data);
    free(value.mv_data);
    return 0;
}
