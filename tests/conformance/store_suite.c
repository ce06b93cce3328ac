#include "store_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct store_kit *kit; /* of the run under way */

static struct chatroom_write make_write(enum chatroom_write_kind kind, const char *key, const char *value)
{
    return (struct chatroom_write){.kind = kind, .key = chatroom_str(key), .value = chatroom_str(value)};
}

/* The room holds these seqs, falling or rising, and "m<seq>" in each. */
static void expect_rows(struct store_bench *b, enum chatroom_read_kind kind, const char *room, uint64_t seq,
                        size_t limit, uint64_t first, size_t count)
{
    struct port_call call;

    assert_int_equal(bench_read(b, &call, kind, room, seq, limit), CHATROOM_OK);
    assert_int_equal(call.row_count, count);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        uint64_t at = kind == CHATROOM_READ_FROM ? first + i : first - i;
        int size = snprintf(text, sizeof text, "m%llu", (unsigned long long)at);

        assert_int_equal(call.rows[i].seq, at);
        assert_int_equal(call.rows[i].size, size);
        assert_memory_equal(call.rows[i].bytes, text, size);
    }
    port_call_fini(&call);
}

static void fill(struct store_bench *b, const char *room, uint64_t count)
{
    assert_int_equal(bench_write(b, CHATROOM_CREATE_ROOM, room, "{}"), CHATROOM_OK);
    for (uint64_t seq = 1; seq <= count; seq++) {
        char text[32];
        snprintf(text, sizeof text, "m%llu", (unsigned long long)seq);
        assert_int_equal(bench_append(b, room, text, NULL), seq);
    }
}

static uint64_t epoch(struct store_bench *b, const char *room)
{
    struct chatroom_write write = make_write(CHATROOM_WRITE_ROOM, room, "{}");

    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    assert_true(write.ret_epoch < (uint64_t)1 << 53);
    return write.ret_epoch;
}

/* The same data again if the store keeps it. */
static void again(struct store_bench *b)
{
    bench_close(b);
    bench_open(b, kit);
}

static void wipe(void)
{
    if (kit->wipe)
        kit->wipe(kit->arg);
}

#define BENCH(state) struct store_bench *b = *(state)

static size_t descriptors_before;

static int set_up(void **state)
{
    struct store_bench *b = malloc(sizeof *b);

    wipe();
    descriptors_before = bench_descriptors();
    bench_open(b, kit);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    BENCH(state);
    bench_close(b);
    free(b);
    assert_int_equal(bench_descriptors(), descriptors_before);
    wipe();
    return 0;
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void store__table_is_complete(void **state)
{
    BENCH(state);
    const struct chatroom_store_ops *ops = b->store.ops;

    assert_true(ops->size >= offsetof(struct chatroom_store_ops, close) + sizeof ops->close);
    assert_true(ops->open && ops->submit && ops->read && ops->close);
    assert_true(ops->name && ops->name[0]);
    assert_true(kit->keeps || !(ops->caps & CHATROOM_STORE_DURABLE));
}

static void store__close_without_open_is_fine(void **state)
{
    struct chatroom_store store;

    (void)state;
    assert_int_equal(kit->make(kit->arg, &store), CHATROOM_OK);
    store.ops->close(store.self);
}

static void store__append_counts_from_one(void **state)
{
    BENCH(state);
    fill(b, "a", 20);
    expect_rows(b, CHATROOM_READ_FROM, "a", 0, 100, 1, 20);
}

static void store__rooms_count_apart(void **state)
{
    BENCH(state);
    fill(b, "a", 3);
    fill(b, "b", 2);
    assert_int_equal(bench_append(b, "a", "m4", NULL), 4);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 4);
    expect_rows(b, CHATROOM_READ_FROM, "b", 1, 100, 1, 2);
}

static void store__tickets_complete_in_order_and_once(void **state)
{
    BENCH(state);
    enum { MANY = 20000 };
    struct port_call *calls = calloc(MANY, sizeof *calls);
    struct chatroom_write *writes = calloc(MANY, sizeof *writes);

    fill(b, "a", 0);
    for (size_t i = 0; i < MANY; i++) {
        writes[i] = make_write(CHATROOM_APPEND, "a", "x");
        port_write_init(&calls[i], &writes[i], 1);
        assert_int_equal(b->store.ops->submit(b->store.self, &calls[i].ticket), CHATROOM_OK);
        if (i % 512 == 0)
            bench_flush(b);
    }
    bench_flush(b);
    port_wait(&calls[MANY - 1]);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(calls[i].completions, 1);
        assert_int_equal(writes[i].ret_seq, i + 1);
        assert_true(i == 0 || calls[i].order > calls[i - 1].order);
    }
    free(writes);
    free(calls);
}

static void store__bad_group_does_nothing(void **state)
{
    BENCH(state);
    struct chatroom_write writes[] = {
        make_write(CHATROOM_APPEND, "a", "m3"),      make_write(CHATROOM_WRITE_SESSION, "s", "x"),
        make_write(CHATROOM_CREATE_ROOM, "b", "{}"), make_write(CHATROOM_APPEND, "b", "m1"),
        make_write(CHATROOM_ERASE_ROOM, "a", NULL),  make_write(CHATROOM_APPEND, "a", "m1"),
    };

    fill(b, "a", 2);
    writes[0].once = chatroom_str("o");
    assert_int_equal(bench_group(b, writes, 6), CHATROOM_ENOENT);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 2);
    assert_int_equal(bench_append(b, "b", "m1", NULL), CHATROOM_ENOENT);
    assert_int_equal(bench_append(b, "a", "m3", "o"), 3);
    again(b);
    assert_null(port_session(&b->port, "s"));
}

static void store__bad_group_leaves_others_of_its_batch(void **state)
{
    BENCH(state);
    struct chatroom_write good = make_write(CHATROOM_APPEND, "a", "m1"), bad = make_write(CHATROOM_APPEND, "no", "x"),
                          more = make_write(CHATROOM_APPEND, "a", "m2");
    struct port_call calls[3];

    fill(b, "a", 0);
    port_write_init(&calls[0], &good, 1);
    port_write_init(&calls[1], &bad, 1);
    port_write_init(&calls[2], &more, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b->store.ops->submit(b->store.self, &calls[i].ticket), CHATROOM_OK);
    bench_flush(b);
    port_wait(&calls[2]);
    assert_int_equal(calls[0].status, CHATROOM_OK);
    assert_int_equal(calls[1].status, CHATROOM_ENOENT);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 2);
}

static void store__group_sees_its_own_writes(void **state)
{
    BENCH(state);
    struct chatroom_write writes[] = {
        make_write(CHATROOM_CREATE_ROOM, "a", "{}"), make_write(CHATROOM_APPEND, "a", "old"),
        make_write(CHATROOM_ERASE_ROOM, "a", NULL),  make_write(CHATROOM_CREATE_ROOM, "a", "{}"),
        make_write(CHATROOM_APPEND, "a", "m1"),      make_write(CHATROOM_APPEND, "a", "m2"),
    };

    assert_int_equal(bench_group(b, writes, 6), CHATROOM_OK);
    assert_int_equal(writes[1].ret_seq, 1);
    assert_int_equal(writes[5].ret_seq, 2);
    assert_true(writes[1].ret_epoch != writes[4].ret_epoch);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 2);
}

static void store__create_twice_is_refused(void **state)
{
    BENCH(state);
    struct chatroom_write both[] = {make_write(CHATROOM_CREATE_ROOM, "b", "1"),
                                    make_write(CHATROOM_CREATE_ROOM, "b", "2")};

    fill(b, "a", 1);
    assert_int_equal(bench_write(b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_EEXIST);
    assert_int_equal(bench_group(b, both, 2), CHATROOM_EEXIST);
    assert_int_equal(bench_append(b, "b", "x", NULL), CHATROOM_ENOENT);
}

static void store__append_needs_a_room(void **state)
{
    BENCH(state);
    assert_int_equal(bench_append(b, "a", "x", NULL), CHATROOM_ENOENT);
    fill(b, "a", 1);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_ROOM, "a", NULL), CHATROOM_OK);
    assert_int_equal(bench_append(b, "a", "x", NULL), CHATROOM_ENOENT);
}

static void store__erased_room_begins_anew(void **state)
{
    BENCH(state);
    uint64_t before;

    fill(b, "a", 5);
    before = epoch(b, "a");
    assert_int_equal(bench_append(b, "a", "m6", "o"), 6);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_ROOM, "a", NULL), CHATROOM_OK);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 0, 0);
    fill(b, "a", 2);
    assert_int_equal(bench_append(b, "a", "m3", "o"), 3);
    assert_true(epoch(b, "a") != before);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", UINT64_MAX, 100, 3, 3);
}

static void store__erasing_nothing_is_fine(void **state)
{
    BENCH(state);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_ROOM, "a", NULL), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_SESSION, "s", NULL), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_TRIM, "a", NULL), CHATROOM_OK);
}

static void store__write_room_makes_or_keeps(void **state)
{
    BENCH(state);
    struct chatroom_write write = make_write(CHATROOM_WRITE_ROOM, "a", "1");
    uint64_t first;

    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    assert_int_equal(write.ret_seq, 0);
    first = write.ret_epoch;
    assert_int_equal(bench_append(b, "a", "m1", NULL), 1);
    write.value = chatroom_str("22");
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    assert_int_equal(write.ret_seq, 1);
    assert_true(write.ret_epoch == first);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 1);
}

static void store__once_appends_once(void **state)
{
    BENCH(state);
    struct chatroom_write write = make_write(CHATROOM_APPEND, "a", "m1");

    fill(b, "a", 0);
    fill(b, "b", 0);
    write.once = chatroom_str("o1");
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    assert_false(write.ret_again);
    assert_int_equal(bench_append(b, "a", "m2", "o2"), 2);
    write.value = chatroom_str("other");
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    assert_true(write.ret_again);
    assert_int_equal(write.ret_seq, 1);
    assert_int_equal(bench_append(b, "b", "m1", "o1"), 1);
    expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 2);
}

static void store__once_window_is_kept(void **state)
{
    BENCH(state);
    enum { GROUP = 512 };
    static struct chatroom_write writes[GROUP];
    static char once[GROUP][16];

    fill(b, "a", 0);
    for (size_t done = 0; done < CHATROOM_ONCE_WINDOW + 2 * GROUP; done += GROUP) {
        for (size_t i = 0; i < GROUP; i++) {
            snprintf(once[i], sizeof once[i], "%zu", done + i + 1);
            writes[i] = make_write(CHATROOM_APPEND, "a", "x");
            writes[i].once = chatroom_str(once[i]);
        }
        assert_int_equal(bench_group(b, writes, GROUP), CHATROOM_OK);
        assert_false(writes[0].ret_again);
    }
    for (int round = 0; round < (kit->keeps ? 3 : 1); round++) {
        if (round)
            again(b);
        for (size_t seq = 2 * GROUP + 1; seq < CHATROOM_ONCE_WINDOW; seq += 1000) {
            snprintf(once[0], sizeof once[0], "%zu", seq);
            assert_int_equal(bench_append(b, "a", "x", once[0]), seq);
        }
    }
}

static void store__reads_from(void **state)
{
    BENCH(state);
    fill(b, "a", 10);
    expect_rows(b, CHATROOM_READ_FROM, "a", 4, 100, 4, 7);
    expect_rows(b, CHATROOM_READ_FROM, "a", 4, 3, 4, 3);
    expect_rows(b, CHATROOM_READ_FROM, "a", 11, 3, 0, 0);
    expect_rows(b, CHATROOM_READ_FROM, "a", UINT64_MAX, 3, 0, 0);
    expect_rows(b, CHATROOM_READ_FROM, "a", 4, 0, 0, 0);
    expect_rows(b, CHATROOM_READ_FROM, "none", 1, 3, 0, 0);
}

static void store__reads_before(void **state)
{
    BENCH(state);
    fill(b, "a", 10);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", UINT64_MAX, 4, 10, 4);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", 4, 100, 3, 3);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", 11, 1, 10, 1);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", 1, 100, 0, 0);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", 0, 100, 0, 0);
}

/* Without it nobody could tell the entries of a room from those of the room that was there before. */
static void store__a_read_tells_the_epoch_of_its_rows(void **state)
{
    static const char *const rooms[] = {"a", "b", "gone", "none"};
    BENCH(state);
    struct port_call call;

    fill(b, "a", 3);
    fill(b, "b", 0);
    fill(b, "gone", 1);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_ROOM, "gone", NULL), CHATROOM_OK);
    for (size_t i = 0; i < 4; i++) {
        uint64_t wanted = i < 2 ? epoch(b, rooms[i]) : 0;

        assert_int_equal(bench_read(b, &call, CHATROOM_READ_FROM, rooms[i], 1, 100), CHATROOM_OK);
        assert_true(call.ticket.read.ret_epoch == wanted);
        port_call_fini(&call);
    }
}

static void store__stops_at_a_full_page(void **state)
{
    BENCH(state);
    struct port_call call;

    fill(b, "a", 10);
    port_read_init(&call, CHATROOM_READ_FROM, "a", 1, 100);
    call.page = 3;
    assert_int_equal(b->store.ops->read(b->store.self, &call.ticket), CHATROOM_OK);
    bench_flush(b);
    port_wait(&call);
    assert_int_equal(call.status, CHATROOM_OK);
    assert_int_equal(call.row_count, 3);
    port_call_fini(&call);
}

static void store__read_sees_what_came_before(void **state)
{
    BENCH(state);
    fill(b, "a", 0);
    for (uint64_t i = 1; i <= 50; i++) {
        char text[32];
        struct chatroom_write write;
        struct port_call put, get;

        snprintf(text, sizeof text, "m%llu", (unsigned long long)i);
        write = make_write(CHATROOM_APPEND, "a", text);
        port_write_init(&put, &write, 1);
        port_read_init(&get, CHATROOM_READ_BEFORE, "a", UINT64_MAX, 1);
        assert_int_equal(b->store.ops->submit(b->store.self, &put.ticket), CHATROOM_OK);
        assert_int_equal(b->store.ops->read(b->store.self, &get.ticket), CHATROOM_OK);
        port_wait(&get);
        assert_int_equal(put.completions, 1);
        assert_int_equal(get.row_count, 1);
        assert_int_equal(get.rows[0].seq, i);
        port_call_fini(&get);
    }
}

static void store__read_while_writing_sees_no_gap(void **state)
{
    BENCH(state);
    enum { ROUNDS = 200, EACH = 7 };
    static struct chatroom_write writes[ROUNDS][EACH];
    static struct port_call puts[ROUNDS][EACH], gets[ROUNDS];

    fill(b, "a", 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t j = 0; j < EACH; j++) {
            writes[i][j] = make_write(CHATROOM_APPEND, "a", "x");
            port_write_init(&puts[i][j], &writes[i][j], 1);
            assert_int_equal(b->store.ops->submit(b->store.self, &puts[i][j].ticket), CHATROOM_OK);
        }
        port_read_init(&gets[i], i % 2 ? CHATROOM_READ_FROM : CHATROOM_READ_BEFORE, "a", i % 2 ? 1 : UINT64_MAX,
                       SIZE_MAX);
        assert_int_equal(b->store.ops->read(b->store.self, &gets[i].ticket), CHATROOM_OK);
        bench_flush(b);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        port_wait(&gets[i]);
        assert_int_equal(gets[i].status, CHATROOM_OK);
        assert_true(gets[i].order > puts[i][EACH - 1].order);
        assert_true(gets[i].row_count >= (i + 1) * EACH);
        for (size_t row = 0; row < gets[i].row_count; row++)
            assert_int_equal(gets[i].rows[row].seq, i % 2 ? row + 1 : gets[i].row_count - row);
        port_call_fini(&gets[i]);
    }
}

static void store__large_and_empty_values(void **state)
{
    BENCH(state);
    enum { LARGE = 128 * 1024 };
    char *large = malloc(LARGE + 1);
    struct port_call call;

    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    fill(b, "a", 0);
    assert_int_equal(bench_append(b, "a", large, NULL), 1);
    assert_int_equal(bench_append(b, "a", "", NULL), 2);
    assert_int_equal(bench_write(b, CHATROOM_WRITE_SESSION, "s", large), CHATROOM_OK);
    assert_int_equal(bench_read(b, &call, CHATROOM_READ_FROM, "a", 1, 9), CHATROOM_OK);
    assert_int_equal(call.row_count, 2);
    assert_int_equal(call.rows[0].size, LARGE);
    assert_memory_equal(call.rows[0].bytes, large, LARGE);
    assert_int_equal(call.rows[1].size, 0);
    port_call_fini(&call);
    free(large);
}

static void store__a_thousand_rooms(void **state)
{
    BENCH(state);
    enum { ROOMS = 1000, ROUNDS = 5 };
    struct chatroom_write *writes = calloc(ROOMS, sizeof *writes);
    char names[ROOMS][8];

    for (size_t i = 0; i < ROOMS; i++) {
        snprintf(names[i], sizeof names[i], "r%zu", i);
        writes[i] = make_write(CHATROOM_CREATE_ROOM, names[i], "{}");
    }
    assert_int_equal(bench_group(b, writes, ROOMS), CHATROOM_OK);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        char text[32];
        snprintf(text, sizeof text, "m%llu", (unsigned long long)round);
        for (size_t i = 0; i < ROOMS; i++)
            writes[i] = make_write(CHATROOM_APPEND, names[i], text);
        assert_int_equal(bench_group(b, writes, ROOMS), CHATROOM_OK);
        for (size_t i = 0; i < ROOMS; i++)
            assert_int_equal(writes[i].ret_seq, round);
    }
    for (size_t i = 0; i < ROOMS; i += 37)
        expect_rows(b, CHATROOM_READ_BEFORE, names[i], UINT64_MAX, 100, ROUNDS, ROUNDS);
    free(writes);
}

static void store__trim_keeps_the_count(void **state)
{
    BENCH(state);
    struct chatroom_write write = make_write(CHATROOM_TRIM, "a", NULL);

    fill(b, "a", 10);
    write.seq = 7;
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    expect_rows(b, CHATROOM_READ_FROM, "a", 7, 100, 7, 4);
    expect_rows(b, CHATROOM_READ_BEFORE, "a", UINT64_MAX, 4, 10, 4);
    write.seq = 1000;
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    if (kit->keeps)
        again(b);
    assert_int_equal(bench_append(b, "a", "m11", NULL), 11);
    expect_rows(b, CHATROOM_READ_FROM, "a", 11, 100, 11, 1);
}

static void store__keys_of_all_sizes(void **state)
{
    BENCH(state);
    char longest[CHATROOM_KEY_MAX + 2];
    struct chatroom_write write;

    memset(longest, 'k', sizeof longest);
    longest[CHATROOM_KEY_MAX] = '\0';
    fill(b, "", 2);
    fill(b, longest, 3);
    assert_int_equal(bench_write(b, CHATROOM_WRITE_SESSION, "", "empty"), CHATROOM_OK);
    assert_int_equal(bench_append(b, longest, "m4", longest), 4);
    assert_int_equal(bench_append(b, longest, "m5", longest), 4);
    expect_rows(b, CHATROOM_READ_FROM, "", 1, 100, 1, 2);
    expect_rows(b, CHATROOM_READ_FROM, longest, 1, 100, 1, 4);
    longest[CHATROOM_KEY_MAX] = 'k';
    longest[CHATROOM_KEY_MAX + 1] = '\0';
    write = make_write(CHATROOM_CREATE_ROOM, longest, "{}");
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_EINVAL);
}

static void store__names_are_bytes(void **state)
{
    BENCH(state);
    struct chatroom_write writes[2] = {make_write(CHATROOM_CREATE_ROOM, "", "{}"),
                                       make_write(CHATROOM_CREATE_ROOM, "", "{}")};

    writes[0].key = chatroom_bytes("a\0b", 3);
    writes[1].key = chatroom_bytes("a\0c", 3);
    assert_int_equal(bench_group(b, writes, 2), CHATROOM_OK);
    assert_int_equal(bench_append(b, "a", "x", NULL), CHATROOM_ENOENT);
}

static void store__close_completes_everything(void **state)
{
    BENCH(state);
    enum { MANY = 300 };
    static struct port_call calls[MANY];
    static struct chatroom_write writes[MANY];

    fill(b, "a", 0);
    for (size_t i = 0; i < MANY; i++) {
        writes[i] = make_write(CHATROOM_APPEND, "a", "x");
        if (i % 3)
            port_write_init(&calls[i], &writes[i], 1);
        else
            port_read_init(&calls[i], CHATROOM_READ_FROM, "a", 1, 2);
        assert_int_equal(i % 3 ? b->store.ops->submit(b->store.self, &calls[i].ticket)
                               : b->store.ops->read(b->store.self, &calls[i].ticket),
                         CHATROOM_OK);
    }
    bench_close(b);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(calls[i].completions, 1);
        assert_true(calls[i].status == CHATROOM_OK || calls[i].status == CHATROOM_ECLOSED);
        port_call_fini(&calls[i]);
    }
    bench_open(b, kit);
}

static void store__empty_group_is_done(void **state)
{
    BENCH(state);
    assert_int_equal(bench_group(b, NULL, 0), CHATROOM_OK);
}

static void store__epochs_of_two_stores_differ(void **state)
{
    BENCH(state);
    uint64_t before;

    fill(b, "a", 1);
    before = epoch(b, "a");
    bench_close(b);
    wipe();
    bench_open(b, kit);
    fill(b, "a", 1);
    assert_true(epoch(b, "a") != before);
}

static void store__finds_sessions_again(void **state)
{
    BENCH(state);
    const struct port_found *found;

    if (!kit->keeps)
        skip();
    assert_int_equal(bench_write(b, CHATROOM_WRITE_SESSION, "s1", "one"), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_WRITE_SESSION, "s2", "two"), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_WRITE_SESSION, "s1", "uno"), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_SESSION, "s2", NULL), CHATROOM_OK);
    again(b);
    assert_int_equal(b->port.session_count, 1);
    found = port_session(&b->port, "s1");
    assert_non_null(found);
    assert_int_equal(found->record_size, 3);
    assert_memory_equal(found->record, "uno", 3);
}

static void store__finds_rooms_again(void **state)
{
    BENCH(state);
    const struct port_found *found;
    uint64_t before;

    if (!kit->keeps)
        skip();
    fill(b, "a", 7);
    fill(b, "b", 1);
    fill(b, "gone", 1);
    before = epoch(b, "a");
    assert_int_equal(bench_write(b, CHATROOM_ERASE_ROOM, "gone", NULL), CHATROOM_OK);
    for (int i = 0; i < 3; i++) {
        again(b);
        assert_int_equal(b->port.room_count, 2);
        found = port_room(&b->port, "a");
        assert_non_null(found);
        assert_int_equal(found->seq, 7 + i);
        assert_true(found->epoch == before);
        assert_int_equal(found->record_size, 2);
        assert_int_equal(bench_append(b, "a", i ? "m9" : "m8", NULL), 8 + i);
        if (i < 2)
            expect_rows(b, CHATROOM_READ_FROM, "a", 1, 100, 1, 8 + (size_t)i);
    }
}

/* A store may say nothing; what it says is right. */
static void F40_store__newest_entry_is_told_rightly(void **state)
{
    BENCH(state);
    struct chatroom_write write = make_write(CHATROOM_TRIM, "trimmed", NULL);
    const struct port_found *found;

    if (!kit->keeps)
        skip();
    fill(b, "a", 7);
    fill(b, "empty", 0);
    fill(b, "trimmed", 3);
    write.seq = 4;
    assert_int_equal(bench_group(b, &write, 1), CHATROOM_OK);
    again(b);
    found = port_room(&b->port, "a");
    assert_true(!found->newest || (found->newest_size == 2 && memcmp(found->newest, "m7", 2) == 0));
    assert_null(port_room(&b->port, "empty")->newest);
    found = port_room(&b->port, "trimmed"); /* may be there still */
    assert_true(!found->newest || (found->newest_size == 2 && memcmp(found->newest, "m3", 2) == 0));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int store_suite_run(const char *name, const struct store_kit *from)
{
    const struct CMUnitTest store_suite[] = {
        CASE(store__table_is_complete),
        CASE(store__close_without_open_is_fine),
        CASE(store__append_counts_from_one),
        CASE(store__rooms_count_apart),
        CASE(store__tickets_complete_in_order_and_once),
        CASE(store__bad_group_does_nothing),
        CASE(store__bad_group_leaves_others_of_its_batch),
        CASE(store__group_sees_its_own_writes),
        CASE(store__create_twice_is_refused),
        CASE(store__append_needs_a_room),
        CASE(store__erased_room_begins_anew),
        CASE(store__erasing_nothing_is_fine),
        CASE(store__write_room_makes_or_keeps),
        CASE(store__once_appends_once),
        CASE(store__once_window_is_kept),
        CASE(store__reads_from),
        CASE(store__reads_before),
        CASE(store__a_read_tells_the_epoch_of_its_rows),
        CASE(store__stops_at_a_full_page),
        CASE(store__read_sees_what_came_before),
        CASE(store__read_while_writing_sees_no_gap),
        CASE(store__large_and_empty_values),
        CASE(store__a_thousand_rooms),
        CASE(store__trim_keeps_the_count),
        CASE(store__keys_of_all_sizes),
        CASE(store__names_are_bytes),
        CASE(store__close_completes_everything),
        CASE(store__empty_group_is_done),
        CASE(store__epochs_of_two_stores_differ),
        CASE(store__finds_sessions_again),
        CASE(store__finds_rooms_again),
        CASE(F40_store__newest_entry_is_told_rightly),
    };

    kit = from;
    return cmocka_run_group_tests_name(name, store_suite, NULL, NULL);
}
