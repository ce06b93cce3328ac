#include "record.h"

#include <chatroom/store.h>

static const uint8_t checksum_key[16] = "chatroom log v1";

_Static_assert(sizeof((struct lmdb_name_key){0}).bytes == 1 + CHATROOM_KEY_MAX, "names fit");

static void put_be64(uint8_t *to, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        to[i] = (uint8_t)value;
}

static uint64_t get_be64(const uint8_t *from)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | from[i];
    return value;
}

struct lmdb_name_key lmdb_name_key(chatroom_span name)
{
    struct lmdb_name_key key;

    key.bytes[0] = 'n';
    if (name.size)
        memcpy(key.bytes + 1, name.bytes, name.size);
    key.size = 1 + name.size;
    return key;
}

struct lmdb_index_key lmdb_index_key(uint64_t number, uint64_t seq)
{
    struct lmdb_index_key key;

    put_be64(key.bytes, number);
    put_be64(key.bytes + 8, seq);
    return key;
}

struct lmdb_number_key lmdb_number_key(uint64_t number)
{
    struct lmdb_number_key key;

    put_be64(key.bytes, number);
    return key;
}

uint64_t lmdb_number_key_parse(const void *bytes)
{
    return get_be64(bytes);
}

void lmdb_index_key_parse(const void *bytes, uint64_t *ret_number, uint64_t *ret_seq)
{
    *ret_number = get_be64(bytes);
    *ret_seq = get_be64((const uint8_t *)bytes + 8);
}

/* Over the key too: a sound value under another's key would be served as the other's. */
static uint64_t checksum(MDB_val key, const void *payload, size_t size)
{
    uint64_t of_key = chatroom_hash(checksum_key, key.mv_data, key.mv_size);

    return chatroom_hash(checksum_key, payload, size) ^ (of_key << 1 | of_key >> 63);
}

int lmdb_record_put(MDB_txn *txn, MDB_dbi dbi, MDB_val key, const chatroom_span *parts, size_t count, unsigned flags)
{
    uint64_t sum;
    char *to;
    MDB_val value = {sizeof sum, NULL};
    int rc;

    for (size_t i = 0; i < count; i++)
        value.mv_size += parts[i].size;
    rc = mdb_put(txn, dbi, &key, &value, flags | MDB_RESERVE);
    if (rc)
        return rc;
    to = (char *)value.mv_data + sizeof sum;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(to, parts[i].bytes, parts[i].size);
        to += parts[i].size;
    }
    sum = checksum(key, (char *)value.mv_data + sizeof sum, value.mv_size - sizeof sum);
    memcpy(value.mv_data, &sum, sizeof sum);
    return 0;
}

bool lmdb_record_payload(MDB_val key, MDB_val value, chatroom_span *ret_payload)
{
    uint64_t sum;

    if (value.mv_size < sizeof sum)
        return false;
    memcpy(&sum, value.mv_data, sizeof sum);
    *ret_payload = chatroom_bytes((char *)value.mv_data + sizeof sum, value.mv_size - sizeof sum);
    return sum == checksum(key, ret_payload->bytes, ret_payload->size);
}

bool lmdb_record_copy(MDB_val key, MDB_val value, void *ret, size_t size)
{
    chatroom_span payload;

    if (!lmdb_record_payload(key, value, &payload) || payload.size != size)
        return false;
    memcpy(ret, payload.bytes, size);
    return true;
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

struct entry_head {
    uint64_t number;
    uint64_t seq;
    uint64_t once_size;
};

int lmdb_entry_put(MDB_txn *txn, MDB_dbi dbi, uint64_t id, const struct lmdb_entry *entry)
{
    struct entry_head head = {entry->number, entry->seq, entry->once.size};
    chatroom_span parts[] = {chatroom_bytes(&head, sizeof head), entry->once, entry->value};

    return lmdb_record_put(txn, dbi, lmdb_val(&id, sizeof id), parts, 3, MDB_APPEND);
}

bool lmdb_entry_parse(MDB_val key, MDB_val value, struct lmdb_entry *ret_entry)
{
    struct entry_head head;
    chatroom_span payload;

    if (!lmdb_record_payload(key, value, &payload) || payload.size < sizeof head)
        return false;
    memcpy(&head, payload.bytes, sizeof head);
    payload = chatroom_bytes(payload.bytes + sizeof head, payload.size - sizeof head);
    if (head.once_size > payload.size)
        return false;
    ret_entry->number = head.number;
    ret_entry->seq = head.seq;
    ret_entry->once = chatroom_bytes(payload.bytes, (size_t)head.once_size);
    ret_entry->value = chatroom_bytes(payload.bytes + head.once_size, payload.size - (size_t)head.once_size);
    return true;
}

/* ---- the small tables and the index ------------------------------------------------------------------------------ */

int lmdb_number_put(MDB_txn *txn, MDB_dbi dbi, uint64_t number, uint64_t seq)
{
    struct lmdb_number_key key = lmdb_number_key(number);
    chatroom_span part = chatroom_bytes(&seq, sizeof seq);

    return lmdb_record_put(txn, dbi, lmdb_val(key.bytes, sizeof key.bytes), &part, 1, 0);
}

int lmdb_number_erase(MDB_txn *txn, MDB_dbi dbi, uint64_t number)
{
    struct lmdb_number_key key = lmdb_number_key(number);
    MDB_val val = lmdb_val(key.bytes, sizeof key.bytes);

    return lmdb_absent_is_fine(mdb_del(txn, dbi, &val, NULL));
}

int lmdb_run_put(MDB_txn *txn, MDB_dbi dbi, uint64_t number, uint64_t first, chatroom_span ids)
{
    struct lmdb_index_key key = lmdb_index_key(number, first);

    return lmdb_record_put(txn, dbi, lmdb_val(key.bytes, sizeof key.bytes), &ids, 1, 0);
}

bool lmdb_run_parse(MDB_val key, MDB_val value, struct lmdb_run *ret_run)
{
    chatroom_span payload;

    if (key.mv_size != 16 || !lmdb_record_payload(key, value, &payload) || payload.size == 0 || payload.size % 8)
        return false;
    lmdb_index_key_parse(key.mv_data, &ret_run->number, &ret_run->first);
    ret_run->count = payload.size / 8;
    ret_run->ids = payload.bytes;
    return true;
}
