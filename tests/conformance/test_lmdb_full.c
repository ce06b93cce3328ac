/*
 * test_lmdb_full.c: the lmdb store on a disk that is full, and then is not: a small tmpfs in a mount namespace of our
 * own.
 */
#include "lmdb_kit.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SKIPPED 77 /* meson's word for it */

static bool disk_set(unsigned kib, unsigned long flags)
{
    char size[32];

    snprintf(size, sizeof size, "size=%uk", kib);
    return mount("tmpfs", lmdb_place.base, "tmpfs", flags, size) == 0;
}

static char entry[1000];

/* Appends until that fails; how often it did not. */
static size_t fill(struct store_bench *b, int64_t *ret_failure)
{
    for (size_t count = 0; count < 100000; count++) {
        *ret_failure = bench_append(b, "a", entry, NULL);
        if (*ret_failure < 0)
            return count;
    }
    fail_msg("the disk does not get full");
    return 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The quickest of three refusals: the machine may do something else at times. */
static void expect_quick_refusal(struct store_bench *b)
{
    uint64_t quickest = UINT64_MAX;

    for (int i = 0; i < 3; i++) {
        uint64_t began = now_ms(), took;

        assert_int_equal(bench_append(b, "a", entry, NULL), CHATROOM_ENOSPC);
        took = now_ms() - began;
        quickest = took < quickest ? took : quickest;
    }
    assert_in_range(quickest, 0, 100);
}

static void F05_full_disk_refuses_and_then_works_again(void **state)
{
    struct store_bench b;
    unsigned kib = 256;
    size_t stored = 0;

    (void)state;
    assert_true(disk_set(kib, 0));
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    for (int cycle = 0; cycle < 20; cycle++) {
        struct port_call call;
        int64_t failure;
        uint64_t began;

        stored += fill(&b, &failure);
        assert_int_equal(failure, CHATROOM_ENOSPC);
        expect_quick_refusal(&b);
        assert_string_equal(b.port.reason, strerror(ENOSPC));
        assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, SIZE_MAX), CHATROOM_OK);
        assert_int_equal(call.row_count, stored);
        port_call_fini(&call);
        assert_true(disk_set(kib += 128, MS_REMOUNT));
        began = now_ms();
        assert_int_equal(bench_append(&b, "a", entry, NULL), ++stored);
        assert_in_range(now_ms() - began, 0, 5000);
    }
    bench_close(&b);
    bench_open(&b, &lmdb_kit);
    assert_int_equal(port_room(&b.port, "a")->seq, stored);
    bench_close(&b);
}

static void F05_full_disk_opens_what_is_there(void **state)
{
    struct store_bench b;
    size_t stored;
    int64_t failure;

    (void)state;
    assert_true(disk_set(256, 0));
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    stored = fill(&b, &failure);
    bench_close(&b); /* without room for the index */
    bench_open(&b, &lmdb_kit);
    assert_int_equal(port_room(&b.port, "a")->seq, stored);
    assert_int_equal(bench_append(&b, "a", entry, NULL), CHATROOM_ENOSPC);
    bench_close(&b);
}

static void F05_full_disk_takes_no_new_store(void **state)
{
    (void)state;
    assert_true(disk_set(4, 0));
    assert_int_equal(lmdb_try_open(), CHATROOM_ENOSPC);
}

/* All disks here are smaller than the reserve. */
static int set_up(void **state)
{
    int rc = lmdb_set_up(state);

    lmdb_place.options.reserve_bytes = 0;
    return rc;
}

static int unmount(void **state)
{
    int rc = lmdb_tear_down(state);

    return umount(lmdb_place.base) ? -1 : rc;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, unmount)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(F05_full_disk_refuses_and_then_works_again),
        CASE(F05_full_disk_opens_what_is_there),
        CASE(F05_full_disk_takes_no_new_store),
    };
    int failed;

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
        puts("Skipped: only root can mount a small disk.");
        return SKIPPED;
    }
    memset(entry, 'e', sizeof entry - 1);
    lmdb_kit_init();
    failed = cmocka_run_group_tests_name("lmdb on a full disk", cases, NULL, NULL);
    lmdb_kit_fini();
    return failed;
}
