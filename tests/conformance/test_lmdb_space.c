/*
 * test_lmdb_space.c: T36, the lmdb store on a file system that says how much is free: what it refuses, what goes on,
 * and what it logs. The fstatvfs() of this executable comes before the system's.
 */
#include "lmdb_kit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define UNIT     2 /* bytes of a unit of what is free */
#define RESERVE  ((uint64_t)1 << 20)
#define PLENTY   (100 * RESERVE)
#define LOW_MARK (4 * RESERVE)

/* ---- instead of the system's ------------------------------------------------------------------------------------- */

static atomic_int looks;
static atomic_bool untold; /* the call fails */
static atomic_bool empty;  /* it says of everything that it is 0 */
static _Atomic uint64_t free_units;

/* By their symbols: with 64 bit offsets the header makes another of the name. */
int told_fstatvfs(int fd, struct statvfs *status) __asm__("fstatvfs");
int told_fstatvfs64(int fd, struct statvfs *status) __asm__("fstatvfs64");

/* What only the superuser may use, and the larger blocks, are not what counts. */
int told_fstatvfs(int fd, struct statvfs *status)
{
    (void)fd;
    looks++;
    errno = EIO;
    memset(status, 0, sizeof *status);
    if (!empty) { /* nor is anything that a failing call leaves */
        status->f_frsize = UNIT;
        status->f_bsize = 4096;
        status->f_blocks = status->f_bfree = UINT64_MAX / UNIT;
        status->f_bavail = free_units;
    }
    return untold ? -1 : 0;
}

int told_fstatvfs64(int fd, struct statvfs *status)
{
    return told_fstatvfs(fd, status);
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

/* So that the next write looks. */
static void wait_a_second(void)
{
    usleep(1010000);
}

static void leave_free(uint64_t bytes)
{
    free_units = bytes / UNIT;
    wait_a_second();
}

static int set_up(void **state)
{
    lmdb_set_up(state);
    lmdb_place.options.reserve_bytes = RESERVE;
    untold = empty = false;
    looks = 0;
    free_units = PLENTY / UNIT;
    return 0;
}

/* With a room "a" of two entries. */
static void open_with_room(struct store_bench *b)
{
    bench_open(b, &lmdb_kit);
    assert_int_equal(bench_write(b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    assert_int_equal(bench_append(b, "a", "one", "once"), 1);
    assert_int_equal(bench_append(b, "a", "two", NULL), 2);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void T36_room_is_refused_below_the_reserve_and_given_at_it(void **state)
{
    struct store_bench b;

    (void)state;
    open_with_room(&b);
    leave_free(RESERVE);
    assert_int_equal(bench_append(&b, "a", "three", NULL), 3);
    leave_free(RESERVE - UNIT);
    assert_int_equal(bench_append(&b, "a", "none", NULL), CHATROOM_ENOSPC);
    assert_int_equal(b.port.full, 1);
    assert_int_equal(b.port.free_bytes, RESERVE - UNIT);
    leave_free(0);
    assert_int_equal(bench_append(&b, "a", "none", NULL), CHATROOM_ENOSPC);
    assert_int_equal(b.port.full, 1);
    assert_int_equal(b.port.has_room, 0);
    leave_free(RESERVE);
    assert_int_equal(bench_append(&b, "a", "four", NULL), 4);
    assert_int_equal(b.port.has_room, 1);
    assert_int_equal(b.port.free_bytes, RESERVE);
    bench_close(&b);
}

static void expect_refusals(struct store_bench *b)
{
    struct chatroom_write both[] = {{.kind = CHATROOM_WRITE_SESSION, .key = {"never", 5}, .value = {"x", 1}},
                                    {.kind = CHATROOM_APPEND, .key = {"a", 1}, .value = {"x", 1}}};

    assert_int_equal(bench_group(b, both, 2), CHATROOM_ENOSPC);
    assert_int_equal(bench_append(b, "a", "one", "once"), CHATROOM_ENOSPC);
    assert_int_equal(bench_write(b, CHATROOM_CREATE_ROOM, "new", "{}"), CHATROOM_ENOSPC);
    assert_int_equal(bench_append(b, "new", "x", NULL), CHATROOM_ENOSPC);
    assert_int_equal(bench_write(b, CHATROOM_WRITE_ROOM, "new", "{}"), CHATROOM_ENOSPC);
    assert_int_equal(bench_write(b, CHATROOM_WRITE_ROOM, "a", "{1}"), CHATROOM_ENOSPC);
}

static void expect_the_rest_goes_on(struct store_bench *b)
{
    struct chatroom_write trim = {.kind = CHATROOM_TRIM, .key = {"a", 1}, .seq = 2};

    assert_int_equal(bench_write(b, CHATROOM_WRITE_SESSION, "s", "later"), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_SESSION, "t", NULL), CHATROOM_OK);
    assert_int_equal(bench_group(b, &trim, 1), CHATROOM_OK);
    assert_int_equal(bench_write(b, CHATROOM_ERASE_ROOM, "b", NULL), CHATROOM_OK);
}

static void T36_sessions_erasing_and_trimming_go_on(void **state)
{
    struct store_bench b;
    struct port_call call;

    (void)state;
    open_with_room(&b);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "b", "{}"), CHATROOM_OK);
    assert_int_equal(bench_write(&b, CHATROOM_WRITE_SESSION, "t", "there"), CHATROOM_OK);
    leave_free(RESERVE - UNIT);
    expect_refusals(&b);
    expect_the_rest_goes_on(&b);
    bench_close(&b);
    bench_open(&b, &lmdb_kit); /* also with too little: and the first write is refused */
    assert_int_equal(bench_append(&b, "a", "none", NULL), CHATROOM_ENOSPC);
    assert_int_equal(b.port.room_count, 1);
    assert_int_equal(b.port.session_count, 1);
    assert_memory_equal(port_room(&b.port, "a")->record, "{}", 2);
    assert_memory_equal(port_session(&b.port, "s")->record, "later", 5);
    assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, 10), CHATROOM_OK);
    assert_int_equal(call.row_count, 1);
    assert_int_equal(call.rows[0].seq, 2);
    port_call_fini(&call);
    bench_close(&b);
}

static void T36_low_space_is_warned_of_once(void **state)
{
    struct store_bench b;

    (void)state;
    open_with_room(&b);
    leave_free(LOW_MARK);
    assert_int_equal(bench_append(&b, "a", "x", NULL), 3);
    assert_int_equal(b.port.low, 0);
    for (int i = 0; i < 2; i++) {
        leave_free(LOW_MARK - UNIT);
        assert_int_equal(bench_append(&b, "a", "x", NULL), 4 + i);
        assert_int_equal(b.port.low, 1);
        assert_int_equal(b.port.free_bytes, LOW_MARK - UNIT);
    }
    leave_free(PLENTY);
    assert_int_equal(bench_append(&b, "a", "x", NULL), 6);
    leave_free(LOW_MARK - UNIT);
    assert_int_equal(bench_append(&b, "a", "x", NULL), 7);
    assert_int_equal(b.port.low, 2);
    assert_int_equal(b.port.full, 0);
    bench_close(&b);
}

static void T36_without_a_reserve_nobody_looks(void **state)
{
    struct store_bench b;

    (void)state;
    lmdb_place.options.reserve_bytes = 0;
    free_units = 0;
    open_with_room(&b);
    assert_int_equal(b.port.low, 0);
    bench_close(&b);
    assert_int_equal(looks, 0);
}

static void T36_space_that_is_not_told_changes_nothing(void **state)
{
    struct store_bench b;

    (void)state;
    empty = true;
    open_with_room(&b); /* all is well until somebody says otherwise */
    empty = false;
    leave_free(0);
    assert_int_equal(bench_append(&b, "a", "none", NULL), CHATROOM_ENOSPC);
    untold = true;
    leave_free(PLENTY);
    assert_int_equal(bench_append(&b, "a", "none", NULL), CHATROOM_ENOSPC);
    untold = false;
    wait_a_second();
    assert_int_equal(bench_append(&b, "a", "three", NULL), 3);
    assert_int_equal(b.port.low, 1);
    bench_close(&b);
}

static void T36_space_is_looked_at_once_a_second(void **state)
{
    struct timespec began, now;
    struct store_bench b;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &began);
    open_with_room(&b);
    for (int i = 0; i < 50; i++)
        assert_int_equal(bench_append(&b, "a", "x", NULL), 3 + i);
    wait_a_second();
    assert_int_equal(bench_append(&b, "a", "x", NULL), 53);
    clock_gettime(CLOCK_MONOTONIC, &now);
    bench_close(&b);
    assert_in_range(looks, 2, 2 + (now.tv_sec - began.tv_sec));
}

static void T36_more_than_can_be_counted_is_enough(void **state)
{
    struct store_bench b;

    (void)state;
    free_units = (UINT64_MAX >> 1) + 1; /* twice that is 0 */
    lmdb_place.options.reserve_bytes = INT64_MAX / 4;
    open_with_room(&b);
    assert_int_equal(b.port.low, 0);
    bench_close(&b);
}

static void T36_quota_of_the_store_refuses_until_it_is_raised(void **state)
{
    static char value[2000];
    struct store_bench b;
    struct port_call call;
    int64_t rc = 0;
    int stored = 0;

    (void)state;
    memset(value, 'v', sizeof value - 1);
    lmdb_place.options.map_bytes = lmdb_place.options.map_bytes_most = 1 << 20;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    while (stored < 10000 && (rc = bench_append(&b, "a", value, NULL)) > 0)
        stored++;
    assert_int_equal(rc, CHATROOM_ENOSPC);
    assert_true(stored > 100);
    assert_int_equal(b.port.full, 0);
    assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, SIZE_MAX), CHATROOM_OK);
    assert_int_equal(call.row_count, stored);
    port_call_fini(&call);
    bench_close(&b);
    lmdb_place.options.map_bytes_most <<= 1;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_append(&b, "a", value, NULL), stored + 1);
    assert_int_equal(bench_write(&b, CHATROOM_ERASE_ROOM, "a", NULL), CHATROOM_OK);
    bench_close(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, lmdb_tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(T36_room_is_refused_below_the_reserve_and_given_at_it),
        CASE(T36_sessions_erasing_and_trimming_go_on),
        CASE(T36_low_space_is_warned_of_once),
        CASE(T36_without_a_reserve_nobody_looks),
        CASE(T36_space_that_is_not_told_changes_nothing),
        CASE(T36_space_is_looked_at_once_a_second),
        CASE(T36_more_than_can_be_counted_is_enough),
        CASE(T36_quota_of_the_store_refuses_until_it_is_raised),
    };
    int failed;

    lmdb_kit_init();
    failed = cmocka_run_group_tests_name("lmdb and the space that is left", cases, NULL, NULL);
    lmdb_kit_fini();
    return failed;
}
