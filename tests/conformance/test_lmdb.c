/*
 * test_lmdb.c: the suite on the lmdb store, and what is its own: limits, index, deleting in the background, durability.
 *
 *     test_lmdb [suite | GROWTHS]     of the map; 20 unless it is said
 */
#include "lmdb_kit.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What the file takes on the disk; it is sparse. */
static size_t file_kib(void)
{
    struct stat status;

    assert_int_equal(stat(lmdb_place.data, &status), 0);
    return (size_t)status.st_blocks / 2;
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static void lmdb__bad_options_are_refused(void **state)
{
    const struct chatroom_lmdb_options good = CHATROOM_LMDB_OPTIONS;
    struct chatroom_lmdb_options bad[5] = {good, good, good, good, good};
    struct chatroom_store store;

    (void)state;
    bad[0].queue_tickets = 0;
    bad[1].map_bytes = 0;
    bad[2].map_bytes_most = bad[2].map_bytes - 1;
    bad[3].durability = CHATROOM_DURABLE_NONE + 1;
    bad[4].size = 0;
    for (size_t i = 0; i < 5; i++) {
        struct chatroom_error error = {0};
        assert_int_equal(chatroom_lmdb_store("x", &bad[i], &store, &error), CHATROOM_EINVAL);
        assert_true(error.text[0]);
    }
    assert_int_equal(chatroom_lmdb_store("", NULL, &store, NULL), CHATROOM_EINVAL);
    assert_int_equal(chatroom_lmdb_store(NULL, NULL, &store, NULL), CHATROOM_EINVAL);
}

static unsigned growths = 20; /* at least */

static void F06_map_grows_under_load(void **state)
{
    (void)state;
    for (unsigned grown = 0; grown < growths;) {
        struct store_bench b;

        lmdb_set_up(NULL);
        lmdb_place.options.map_bytes = 4096;
        bench_open(&b, &lmdb_kit);
        lmdb_fill_rooms(&b, 10, 20000, 300);
        assert_true(b.port.grown >= 5);
        grown += b.port.grown;
        lmdb_expect_rooms(&b, 10, 2000, 300);
        bench_close(&b);
        bench_open(&b, &lmdb_kit); /* the file is larger than the map asked for */
        lmdb_expect_rooms(&b, 10, 2000, 300);
        bench_close(&b);
    }
}

static void lmdb__full_map_refuses_and_goes_on(void **state)
{
    static char value[100000];
    struct store_bench b;
    int64_t rc = 0;
    int stored = 0;
    struct port_call call;

    (void)state;
    memset(value, 'v', sizeof value - 1);
    lmdb_place.options.map_bytes = lmdb_place.options.map_bytes_most = 1 << 20;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    for (; stored < 100; stored++) {
        rc = bench_append(&b, "a", value, NULL);
        if (rc < 0)
            break;
    }
    assert_int_equal(rc, CHATROOM_ENOSPC);
    assert_true(stored > 3);
    assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, 1000), CHATROOM_OK);
    assert_int_equal(call.row_count, stored);
    port_call_fini(&call);
    assert_int_equal(bench_append(&b, "a", "small", NULL), stored + 1);
    bench_close(&b);
}

static void F09_full_queue_takes_nothing(void **state)
{
    enum { FIT = 4 };
    struct chatroom_write writes[FIT + 1];
    struct port_call calls[FIT + 1];
    struct store_bench b;

    (void)state;
    lmdb_place.options.queue_tickets = FIT;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    for (int i = 0; i <= FIT; i++) { /* without flush() the writer sleeps */
        writes[i] = (struct chatroom_write){.kind = CHATROOM_APPEND, .key = {"a", 1}};
        port_write_init(&calls[i], &writes[i], 1);
        assert_int_equal(b.store.ops->submit(b.store.self, &calls[i].ticket), i < FIT ? CHATROOM_OK : CHATROOM_EAGAIN);
    }
    port_wait(&calls[FIT - 1]); /* nobody need flush for a full queue to move on */
    assert_int_equal(writes[FIT - 1].ret_seq, FIT);
    assert_int_equal(calls[FIT].completions, 0);
    assert_int_equal(bench_append(&b, "a", "x", NULL), FIT + 1);
    bench_close(&b);
}

/* ---- the index and what it lets go ------------------------------------------------------------------------------- */

static void lmdb__index_is_written_and_read_back(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 50, 50 * 250, 60);
    lmdb_expect_rooms(&b, 50, 250, 60);
    for (int i = 0; i < 2; i++) {
        bench_close(&b);
        bench_open(&b, &lmdb_kit);
        lmdb_expect_rooms(&b, 50, 250, 60);
    }
    bench_close(&b);
}

static void lmdb__deleting_goes_on_after_a_restart(void **state)
{
    struct store_bench b;
    struct chatroom_write trim = {.kind = CHATROOM_TRIM, .key = {"r1", 2}, .seq = 2500};
    struct port_call call;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 3, 30000, 60);
    assert_int_equal(bench_write(&b, CHATROOM_ERASE_ROOM, "r0", NULL), CHATROOM_OK);
    assert_int_equal(bench_group(&b, &trim, 1), CHATROOM_OK);
    for (int i = 0; i < 3; i++) {
        int status;

        bench_close(&b);
        bench_open(&b, &lmdb_kit);
        assert_null(port_room(&b.port, "r0"));
        assert_int_equal(port_room(&b.port, "r1")->seq, 10000);
        assert_int_equal(lmdb_check_room(&b, 2, 60, &status), 10000);
        assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "r1", 1, SIZE_MAX), CHATROOM_OK);
        assert_int_equal(call.row_count, 7501);
        assert_int_equal(call.rows[0].seq, 2500);
        port_call_fini(&call);
    }
    lmdb_fill_rooms(&b, 1, 500, 60);
    lmdb_expect_rooms(&b, 1, 500, 60);
    bench_close(&b);
}

/* 20 times 1 MiB, and each time it goes again. */
static void lmdb__space_of_erased_rooms_is_used_again(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    for (int i = 0; i < 20; i++) {
        lmdb_fill_rooms(&b, 1, 5000, 200);
        lmdb_expect_rooms(&b, 1, 5000, 200);
        assert_int_equal(bench_write(&b, CHATROOM_ERASE_ROOM, "r0", NULL), CHATROOM_OK);
    }
    assert_int_equal(b.port.damaged, 0);
    bench_close(&b);
    assert_in_range(file_kib(), 1, 8 * 1024);
}

static void F10_overwriting_does_not_grow_the_file(void **state)
{
    struct store_bench b;
    struct port_call call;

    (void)state;
    lmdb_place.options.durability = CHATROOM_DURABLE_NONE;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(bench_write(&b, CHATROOM_WRITE_SESSION, "s", "record"), CHATROOM_OK);
        assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, 10), CHATROOM_OK);
        port_call_fini(&call);
    }
    bench_close(&b);
    assert_in_range(file_kib(), 1, 512);
}

/* A room that keeps its newest entries for ever: what went makes room for what comes. */
static void F10_trimmed_log_takes_at_most_twice_what_is_kept(void **state)
{
    enum { KEPT = 20000, EACH = 1000, SIZE = 300 };
    struct store_bench b;
    struct port_call call;

    (void)state;
    lmdb_place.options.durability = CHATROOM_DURABLE_NONE; /* pages are used again in the same way, and sooner */
    bench_open(&b, &lmdb_kit);
    for (unsigned said = EACH; said <= 8 * KEPT; said += EACH) {
        struct chatroom_write trim = {
            .kind = CHATROOM_TRIM, .key = {"r0", 2}, .seq = said > KEPT ? said - KEPT + 1 : 1};

        lmdb_fill_rooms(&b, 1, EACH, SIZE);
        assert_int_equal(bench_group(&b, &trim, 1), CHATROOM_OK);
    }
    assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "r0", 1, SIZE_MAX), CHATROOM_OK);
    assert_int_equal(call.row_count, KEPT);
    port_call_fini(&call);
    bench_close(&b);
    assert_in_range(file_kib(), 1, 2 * KEPT * SIZE / 1024);
}

/* The queue is never empty while rooms come and go, each with as many entries as the one that lives. */
static void F10_deleting_keeps_up_under_load(void **state)
{
    enum { TICKETS = 4000, ROUNDS = 60, SIZE = 200 };
    static struct chatroom_write writes[2][TICKETS];
    static struct port_call calls[2][TICKETS];
    static char value[SIZE];
    struct store_bench b;

    (void)state;
    lmdb_place.options.durability = CHATROOM_DURABLE_NONE;
    bench_open(&b, &lmdb_kit);
    for (unsigned round = 0; round <= ROUNDS; round++) {
        struct port_call *mine = calls[round % 2], *others = calls[(round + 1) % 2];

        for (unsigned i = 0; i < TICKETS && round < ROUNDS; i++) {
            struct chatroom_write write = {.kind = i == 0   ? CHATROOM_ERASE_ROOM
                                                   : i == 1 ? CHATROOM_CREATE_ROOM
                                                            : CHATROOM_APPEND,
                                           .key = {"a", 1},
                                           .value = {value, SIZE}};
            writes[round % 2][i] = write;
            port_write_init(&mine[i], &writes[round % 2][i], 1);
            assert_int_equal(b.store.ops->submit(b.store.self, &mine[i].ticket), CHATROOM_OK);
        }
        bench_flush(&b);
        for (unsigned i = 0; i < TICKETS && round > 0; i++) {
            port_wait(&others[i]);
            assert_int_equal(others[i].status, CHATROOM_OK);
        }
    }
    /* Of one room, the next one and the one that is being deleted. */
    assert_in_range(file_kib(), 1, 2 * 3 * TICKETS * SIZE / 1024);
    bench_close(&b);
}

/* ---- durability -------------------------------------------------------------------------------------------------- */

static void lmdb__every_durability_keeps_what_was_closed(void **state)
{
    (void)state;
    for (int durability = 0; durability <= CHATROOM_DURABLE_NONE; durability++) {
        struct store_bench b;
        uint64_t epoch;
        bool durable = durability == CHATROOM_DURABLE_COMMIT;

        lmdb_set_up(NULL);
        lmdb_place.options.durability = (enum chatroom_durability)durability;
        bench_open(&b, &lmdb_kit);
        assert_int_equal(b.store.ops->caps & CHATROOM_STORE_DURABLE, durable ? CHATROOM_STORE_DURABLE : 0);
        lmdb_fill_rooms(&b, 3, 300, 60);
        bench_close(&b);
        bench_open(&b, &lmdb_kit);
        epoch = port_room(&b.port, "r1")->epoch;
        lmdb_expect_rooms(&b, 3, 100, 60);
        bench_close(&b);
        bench_open(&b, &lmdb_kit);
        assert_true(port_room(&b.port, "r1")->epoch == epoch);
        bench_close(&b);
    }
}

/* Writes in a child that dies without closing. */
static void write_and_die(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct store_bench b;
        bench_open(&b, &lmdb_kit);
        bench_append(&b, "r0", "x", NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* What was not synced may be gone after a power cut; a store that cannot tell says that positions are void. */
static void P3_unclean_end_changes_epochs_unless_durable(void **state)
{
    (void)state;
    for (int durability = 0; durability <= CHATROOM_DURABLE_NONE; durability++) {
        struct store_bench b;
        uint64_t before;

        lmdb_set_up(NULL);
        lmdb_place.options.durability = (enum chatroom_durability)durability;
        bench_open(&b, &lmdb_kit);
        lmdb_fill_rooms(&b, 1, 10, 60);
        bench_close(&b);
        bench_open(&b, &lmdb_kit);
        before = port_room(&b.port, "r0")->epoch;
        bench_close(&b);
        write_and_die();
        bench_open(&b, &lmdb_kit);
        assert_true((port_room(&b.port, "r0")->epoch == before) == (durability == CHATROOM_DURABLE_COMMIT));
        assert_int_equal(port_room(&b.port, "r0")->seq, 11);
        bench_close(&b);
    }
}

/* In a process that has no standard streams; what it prints goes nowhere. Ends with 0 if all went well. */
static void write_without_streams(void)
{
    struct store_bench b;

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        close(fd);
    bench_open(&b, &lmdb_kit);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (write(fd, "this is printed", 15) >= 0)
            _exit(1);
    lmdb_fill_rooms(&b, 1, 10, 60);
    bench_close(&b);
    _exit(0);
}

static void lmdb__standard_streams_are_never_the_database(void **state)
{
    struct store_bench b;
    int status;
    pid_t child;

    (void)state;
    lmdb_set_up(NULL);
    child = fork();
    if (child == 0)
        write_without_streams();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    bench_open(&b, &lmdb_kit);
    assert_int_equal(port_room(&b.port, "r0")->seq, 10);
    bench_close(&b);
}

static void expect_newest(const struct store_bench *b, const char *text)
{
    const struct port_found *found = port_room(&b->port, "r0");

    assert_non_null(found);
    assert_non_null(found->newest);
    assert_int_equal(found->newest_size, strlen(text));
    assert_memory_equal(found->newest, text, found->newest_size);
}

static void F40_newest_entry_is_told_from_the_index_and_from_the_tail(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "r0", "{}"), CHATROOM_OK);
    assert_int_equal(bench_append(&b, "r0", "one", NULL), 1);
    assert_int_equal(bench_append(&b, "r0", "two", NULL), 2);
    bench_close(&b); /* writes the index */
    bench_open(&b, &lmdb_kit);
    expect_newest(&b, "two");
    bench_close(&b);
    write_and_die();
    bench_open(&b, &lmdb_kit);
    expect_newest(&b, "x");
    bench_close(&b);
}

static int run_own(void)
{
    const struct CMUnitTest cases[] = {
        LMDB_CASE(lmdb__bad_options_are_refused),
        LMDB_CASE(F06_map_grows_under_load),
        LMDB_CASE(lmdb__full_map_refuses_and_goes_on),
        LMDB_CASE(F09_full_queue_takes_nothing),
        LMDB_CASE(lmdb__index_is_written_and_read_back),
        LMDB_CASE(lmdb__deleting_goes_on_after_a_restart),
        LMDB_CASE(lmdb__space_of_erased_rooms_is_used_again),
        LMDB_CASE(F10_overwriting_does_not_grow_the_file),
        LMDB_CASE(F10_deleting_keeps_up_under_load),
        LMDB_CASE(F10_trimmed_log_takes_at_most_twice_what_is_kept),
        LMDB_CASE(lmdb__every_durability_keeps_what_was_closed),
        LMDB_CASE(lmdb__standard_streams_are_never_the_database),
        LMDB_CASE(F40_newest_entry_is_told_from_the_index_and_from_the_tail),
        LMDB_CASE(P3_unclean_end_changes_epochs_unless_durable),
    };

    return cmocka_run_group_tests_name("lmdb", cases, NULL, NULL);
}

int main(int argc, char **argv)
{
    int failed;

    lmdb_kit_init();
    if (argc > 1 && atoi(argv[1]) > 0)
        growths = (unsigned)atoi(argv[1]);
    failed = argc > 1 && strcmp(argv[1], "suite") == 0 ? store_suite_run("lmdb", &lmdb_kit) : run_own();
    lmdb_kit_fini();
    return failed;
}
