/*
 * What the LMDB backend makes of bytes that its checksum lets through, and of those that it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lmdb/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An environment in a file that goes with it, and a transaction in it. */
struct fixture {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
};

static int begin(void **state)
{
    static struct fixture f;
    char path[] = "/tmp/chatroom-record-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(mdb_env_create(&f.env), 0);
    assert_int_equal(mdb_env_open(f.env, path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK, 0600), 0);
    unlink(path);
    assert_int_equal(mdb_txn_begin(f.env, NULL, 0, &f.txn), 0);
    assert_int_equal(mdb_dbi_open(f.txn, NULL, 0, &f.dbi), 0);
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    mdb_txn_abort(f->txn);
    mdb_env_close(f->env);
    return 0;
}

/* The value of payload under a key, as it is stored. */
static MDB_val stored(struct fixture *f, MDB_val key, const void *payload, size_t size)
{
    chatroom_span part = chatroom_bytes(payload, size);
    MDB_val value;

    assert_int_equal(lmdb_record_put(f->txn, f->dbi, key, &part, 1, 0), 0);
    assert_int_equal(mdb_get(f->txn, f->dbi, &key, &value), 0);
    return value;
}

static void lmdb_record__every_octet_and_the_key_are_covered(void **state)
{
    MDB_val key = lmdb_val("k", 1), other = lmdb_val("l", 1), value = stored(*state, key, "payload", 7);
    chatroom_span payload;
    char copy[15];

    assert_true(lmdb_record_payload(key, value, &payload));
    assert_true(chatroom_span_equal(payload, chatroom_str("payload")));
    assert_false(lmdb_record_payload(other, value, &payload));
    assert_int_equal(value.mv_size, sizeof copy);
    for (size_t at = 0; at < sizeof copy; at++) {
        memcpy(copy, value.mv_data, sizeof copy);
        copy[at] ^= 1;
        assert_false(lmdb_record_payload(key, lmdb_val(copy, sizeof copy), &payload));
    }
    for (size_t cut = 0; cut < sizeof copy; cut++)
        assert_false(lmdb_record_payload(key, lmdb_val(value.mv_data, cut), &payload));
}

static void lmdb_record__a_copy_has_its_size_exactly(void **state)
{
    MDB_val key = lmdb_val("k", 1), value = stored(*state, key, "payload", 7);
    char copy[9] = "";

    assert_true(lmdb_record_copy(key, value, copy, 7));
    assert_string_equal(copy, "payload");
    assert_false(lmdb_record_copy(key, value, copy, 6));
    assert_false(lmdb_record_copy(key, value, copy, 8));
    assert_false(lmdb_record_copy(lmdb_val("l", 1), value, copy, 7));
}

static void lmdb_record__an_entry_comes_back_and_one_of_another_shape_does_not(void **state)
{
    struct fixture *f = *state;
    const struct lmdb_entry entry = {7, 9, chatroom_str("once"), chatroom_str("value")};
    const uint64_t id = 1, heads[][3] = {{7, 9, 0}, {7, 9, 5}, {7, 9, 6}, {7, 9, UINT64_MAX}};
    MDB_val key = lmdb_val(&id, sizeof id), value;
    struct lmdb_entry back;
    char payload[3 * 8 + 5] = "";

    assert_int_equal(lmdb_entry_put(f->txn, f->dbi, id, &entry), 0);
    assert_int_equal(mdb_get(f->txn, f->dbi, &key, &value), 0);
    assert_true(lmdb_entry_parse(key, value, &back));
    assert_true(back.number == 7 && back.seq == 9);
    assert_true(chatroom_span_equal(back.once, entry.once) && chatroom_span_equal(back.value, entry.value));
    for (size_t size = 0; size < 3 * 8; size++)
        assert_false(lmdb_entry_parse(key, stored(f, key, payload, size), &back));
    for (size_t i = 0; i < 4; i++) {
        memcpy(payload, heads[i], sizeof heads[i]);
        assert_int_equal(lmdb_entry_parse(key, stored(f, key, payload, sizeof payload), &back), i < 2);
    }
}

static void lmdb_record__a_run_is_of_whole_ids_under_a_whole_key(void **state)
{
    struct fixture *f = *state;
    struct lmdb_index_key index = lmdb_index_key(7, 9);
    const uint64_t ids[] = {1, 2, 3};
    struct lmdb_run run;

    for (size_t key_size = 15; key_size <= 16; key_size++)
        for (size_t size = 0; size <= sizeof ids; size++) {
            MDB_val key = lmdb_val(index.bytes, key_size), value = stored(f, key, ids, size);

            assert_int_equal(lmdb_run_parse(key, value, &run), key_size == 16 && size > 0 && size % 8 == 0);
        }
    assert_false(
        lmdb_run_parse(lmdb_val(&(struct lmdb_index_key){0}, 16), stored(f, lmdb_val(index.bytes, 16), ids, 8), &run));
    assert_true(lmdb_run_parse(lmdb_val(index.bytes, 16), stored(f, lmdb_val(index.bytes, 16), ids, sizeof ids), &run));
    assert_true(run.number == 7 && run.first == 9 && run.count == 3);
    assert_memory_equal(run.ids, ids, sizeof ids);
}

static void lmdb_record__keys_sort_as_their_numbers(void **state)
{
    const uint64_t numbers[] = {0, 1, 255, 256, UINT64_C(1) << 32, UINT64_MAX};
    uint64_t number, seq;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct lmdb_index_key key = lmdb_index_key(numbers[i], numbers[5 - i]), next;
        struct lmdb_number_key short_key = lmdb_number_key(numbers[i]);

        lmdb_index_key_parse(key.bytes, &number, &seq);
        assert_true(number == numbers[i] && seq == numbers[5 - i]);
        assert_true(lmdb_number_key_parse(short_key.bytes) == numbers[i]);
        if (i == 5)
            break;
        next = lmdb_index_key(numbers[i + 1], 0);
        assert_true(memcmp(key.bytes, next.bytes, sizeof key.bytes) < 0);
    }
    assert_int_equal(lmdb_name_key(chatroom_bytes(NULL, 0)).size, 1);
    assert_memory_equal(lmdb_name_key(chatroom_str("ab")).bytes, "nab", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lmdb_record__every_octet_and_the_key_are_covered, begin, end),
        cmocka_unit_test_setup_teardown(lmdb_record__a_copy_has_its_size_exactly, begin, end),
        cmocka_unit_test_setup_teardown(lmdb_record__an_entry_comes_back_and_one_of_another_shape_does_not, begin, end),
        cmocka_unit_test_setup_teardown(lmdb_record__a_run_is_of_whole_ids_under_a_whole_key, begin, end),
        cmocka_unit_test(lmdb_record__keys_sort_as_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
