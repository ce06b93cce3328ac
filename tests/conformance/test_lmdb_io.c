/*
 * test_lmdb_io.c: the lmdb store when the n-th read, write, sync or opening of a file of its folder fails, for every n.
 *
 *     test_lmdb_io [STEP]     of the n only each STEP-th; 1 unless it is said
 */
#include "io_faults.h"
#include "lmdb_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- F03 --------------------------------------------------------------------------------------------------------- */

static void F03_failed_sync_retires_the_handle(void **state)
{
    (void)state;
    for (int syncs = 0; syncs < 6; syncs++) {
        struct store_bench b;
        struct port_call call;
        int64_t rc = 0;
        int stored = 0, calls;

        lmdb_set_up(NULL);
        bench_open(&b, &lmdb_kit);
        assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
        io_fault.syncs_to_go = syncs;
        while (stored <= syncs && (rc = bench_append(&b, "a", "entry", NULL)) > 0)
            stored++;
        assert_int_equal(stored, syncs);
        assert_int_equal(rc, CHATROOM_EUNSURE);
        calls = io_fault.calls;
        for (int i = 0; i < 5; i++)
            assert_int_equal(bench_append(&b, "a", "late", NULL), CHATROOM_EIO);
        assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, 100), CHATROOM_OK);
        assert_int_equal(call.row_count, stored);
        port_call_fini(&call);
        bench_close(&b);
        assert_int_equal(io_fault.calls, calls);
        io_faults_disarm();
        bench_open(&b, &lmdb_kit);
        assert_in_range(port_room(&b.port, "a")->seq, stored, stored + 1);
        bench_close(&b);
    }
}

static void F03_failed_sync_in_the_background_retires_the_handle(void **state)
{
    struct store_bench b;
    int64_t rc = 1;

    (void)state;
    lmdb_place.options.durability = CHATROOM_DURABLE_ASYNC;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    io_fault.syncs_to_go = 0;
    for (int i = 0; i < 2000 && rc > 0; i++, usleep(5000))
        rc = bench_append(&b, "a", "entry", NULL);
    assert_int_equal(rc, CHATROOM_EIO);
    bench_close(&b);
    io_faults_disarm();
}

/* ---- F09 --------------------------------------------------------------------------------------------------------- */

/* A call that waited for the disk would never come back: the disk waits for it. */
static void F09_stalled_disk_does_not_hold_the_owner(void **state)
{
    enum { FIT = 100 };
    static struct chatroom_write writes[FIT + 1];
    static struct port_call puts[FIT + 1], get;
    struct store_bench b;

    (void)state;
    lmdb_place.options.queue_tickets = FIT;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    io_fault.stalls = true;
    for (int i = 0; i <= FIT; i++) {
        writes[i] = (struct chatroom_write){.kind = CHATROOM_APPEND, .key = {"a", 1}, .value = {"x", 1}};
        port_write_init(&puts[i], &writes[i], 1);
    }
    assert_int_equal(b.store.ops->submit(b.store.self, &puts[0].ticket), CHATROOM_OK);
    bench_flush(&b);
    sem_wait(&io_fault.stalled); /* the writer has taken the first */
    for (int i = 1; i < FIT; i++) {
        assert_int_equal(b.store.ops->submit(b.store.self, &puts[i].ticket), CHATROOM_OK);
        bench_flush(&b);
    }
    port_read_init(&get, CHATROOM_READ_FROM, "a", 1, SIZE_MAX);
    assert_int_equal(b.store.ops->read(b.store.self, &get.ticket), CHATROOM_OK);
    assert_int_equal(b.store.ops->submit(b.store.self, &puts[FIT].ticket), CHATROOM_EAGAIN);
    assert_int_equal(puts[0].completions, 0); /* P1: nothing is said before it is synced */
    io_fault.stalls = false;
    sem_post(&io_fault.gate);
    port_wait(&get);
    assert_int_equal(get.row_count, FIT);
    port_call_fini(&get);
    bench_close(&b);
}

/* ---- F04 --------------------------------------------------------------------------------------------------------- */

enum { ENTRIES = 12 };

/* Appends numbered entries until the end, whatever becomes of them. */
static void append_all(struct store_bench *b, int64_t *ret_seqs)
{
    for (int i = 0; i < ENTRIES; i++) {
        char text[16];

        snprintf(text, sizeof text, "%d", i);
        ret_seqs[i] = bench_append(b, "a", text, text);
        assert_true(ret_seqs[i] > 0 || ret_seqs[i] == CHATROOM_EIO || ret_seqs[i] == CHATROOM_ENOSPC ||
                    ret_seqs[i] == CHATROOM_EUNSURE || ret_seqs[i] == CHATROOM_ENOENT);
        /* ENOSPC says that the handle is as good as before. */
        assert_false(i > 0 && ret_seqs[i] == CHATROOM_EIO && ret_seqs[i - 1] == CHATROOM_ENOSPC);
    }
}

/* What was acknowledged is there, what was refused is not, what is unsure may be. */
static void expect_truth(const int64_t *seqs)
{
    struct store_bench b;
    struct port_call call;
    size_t row = 0;

    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, 100), CHATROOM_OK);
    for (int i = 0; i < ENTRIES; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "%d", i);
        bool there = row < call.row_count && call.rows[row].size == (size_t)size &&
                     memcmp(call.rows[row].bytes, text, (size_t)size) == 0;

        assert_true(there || seqs[i] < 0);
        assert_true(!there || seqs[i] == CHATROOM_EUNSURE || seqs[i] == (int64_t)row + 1);
        row += there;
    }
    assert_int_equal(row, call.row_count);
    port_call_fini(&call);
    assert_int_equal(bench_write(&b, CHATROOM_WRITE_ROOM, "a", "{}"), CHATROOM_OK);
    assert_int_equal(bench_append(&b, "a", "after", NULL), row + 1);
    bench_close(&b);
}

/* False: the scenario has fewer calls than at. */
static bool fail_at(int at, bool sticky, enum io_failure kind)
{
    struct store_bench b = {0};
    struct chatroom_error error = {0};
    int64_t seqs[ENTRIES];

    for (int i = 0; i < ENTRIES; i++)
        seqs[i] = CHATROOM_ECLOSED;
    lmdb_set_up(NULL);
    assert_int_equal(lmdb_kit.make(NULL, &b.store), CHATROOM_OK);
    io_faults_arm(at, sticky, kind);
    if (b.store.ops->open(b.store.self, &b.port, &error) == CHATROOM_OK) {
        bench_write(&b, CHATROOM_WRITE_ROOM, "a", "{}");
        append_all(&b, seqs);
    } else {
        assert_true(error.text[0]);
    }
    bench_close(&b);
    io_faults_disarm();
    if (io_fault.hit &&
        lmdb_try_open() == CHATROOM_OK) /* the first pages of a new file may be torn: then it is refused */
        expect_truth(seqs);
    else
        for (int i = 0; i < ENTRIES; i++)
            assert_true(!io_fault.hit || seqs[i] < 0);
    return io_fault.hit;
}

static int step = 1;

static void sweep(bool sticky, enum io_failure kind)
{
    int at = 1;

    while (at < 1000 && fail_at(at, sticky, kind))
        at += step;
    assert_in_range(at, 40, 999);
}

static void F04_every_failing_call_leaves_the_truth(void **state)
{
    (void)state;
    for (int kind = 0; kind < FAIL_KINDS; kind++)
        for (int sticky = 0; sticky < (kind == FAIL_EINTR ? 1 : 2); sticky++)
            sweep(sticky, (enum io_failure)kind);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest cases[] = {
        LMDB_CASE(F03_failed_sync_retires_the_handle),
        LMDB_CASE(F03_failed_sync_in_the_background_retires_the_handle),
        LMDB_CASE(F09_stalled_disk_does_not_hold_the_owner),
        LMDB_CASE(F04_every_failing_call_leaves_the_truth),
    };
    int failed;

    if (argc > 1)
        step = atoi(argv[1]);
    if (step < 1)
        return 2;
    lmdb_kit_init();
    io_faults_init(lmdb_place.base);
    failed = cmocka_run_group_tests_name("lmdb input and output", cases, NULL, NULL);
    lmdb_kit_fini();
    return failed;
}
