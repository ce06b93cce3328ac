/*
 * test_lmdb.c: the suite on the lmdb store, and what only a store on a disk can get wrong.
 */
#include "store_suite.h"

#include <chatroom/backend/lmdb.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char base[] = "/tmp/chatroom-test-XXXXXX";
static char path[64], data_file[96];
static struct chatroom_lmdb_options options = CHATROOM_LMDB_OPTIONS;

static int make(void *arg, struct chatroom_store *ret_store)
{
    (void)arg;
    return chatroom_lmdb_store(path, &options, ret_store, NULL);
}

static void wipe(void *arg)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "chatroom.lock"};
    char name[128];

    (void)arg;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", path, names[i]);
        unlink(name);
    }
    rmdir(path);
}

static const struct store_kit kit = {.make = make, .wipe = wipe, .keeps = true};

static int set_up(void **state)
{
    (void)state;
    options = (struct chatroom_lmdb_options)CHATROOM_LMDB_OPTIONS;
    wipe(NULL);
    return 0;
}

static int tear_down(void **state)
{
    return set_up(state);
}

/* Opens and closes; what open() said. */
static int try_open(void)
{
    struct chatroom_store store;
    chatroom_store_port port = {0};
    struct chatroom_error error = {0};
    int rc;

    assert_int_equal(make(NULL, &store), CHATROOM_OK);
    rc = store.ops->open(store.self, &port, &error);
    assert_true(rc == CHATROOM_OK || error.text[0] != '\0');
    store.ops->close(store.self);
    port_fini(&port);
    return rc;
}

/* count entries "room:seq:" and filling, to rooms r0..r<rooms-1> in turn, in groups. */
static void fill_rooms(struct store_bench *b, unsigned rooms, unsigned count, size_t size)
{
    enum { GROUP = 256 };
    static struct chatroom_write writes[GROUP];
    static char names[GROUP][16];
    char *values = malloc(GROUP * size);

    for (unsigned i = 0; i < rooms; i++) {
        snprintf(names[0], sizeof names[0], "r%u", i);
        assert_int_equal(bench_write(b, CHATROOM_WRITE_ROOM, names[0], "record"), CHATROOM_OK);
    }
    for (unsigned done = 0; done < count; done += GROUP) {
        unsigned now = count - done < GROUP ? count - done : GROUP;
        for (unsigned i = 0; i < now; i++) {
            unsigned room = (done + i) % rooms;
            memset(values + i * size, 'v', size);
            values[i * size + (size_t)snprintf(values + i * size, size, "%u:%u:", room, (done + i) / rooms + 1)] = 'v';
            snprintf(names[i], sizeof names[i], "r%u", room);
            writes[i] = (struct chatroom_write){.kind = CHATROOM_APPEND,
                                                .key = chatroom_str(names[i]),
                                                .value = chatroom_bytes(values + i * size, size)};
        }
        assert_int_equal(bench_group(b, writes, now), CHATROOM_OK);
    }
    free(values);
}

/* Every row that is served is the right one; returns how many were. */
static size_t check_room(struct store_bench *b, unsigned room, size_t size, int *ret_status)
{
    char name[16], wanted[32];
    struct port_call call;
    size_t count;

    snprintf(name, sizeof name, "r%u", room);
    *ret_status = bench_read(b, &call, CHATROOM_READ_FROM, name, 1, SIZE_MAX);
    for (size_t i = 0; i < call.row_count; i++) {
        int length = snprintf(wanted, sizeof wanted, "%u:%u:", room, (unsigned)i + 1);
        bool right = call.rows[i].seq == i + 1 && call.rows[i].size == size &&
                     memcmp(call.rows[i].bytes, wanted, (size_t)length) == 0;
        for (size_t at = (size_t)length; right && at < size; at++)
            right = call.rows[i].bytes[at] == 'v';
        if (!right)
            return SIZE_MAX;
    }
    count = call.row_count;
    port_call_fini(&call);
    return count;
}

static void expect_rooms(struct store_bench *b, unsigned rooms, size_t each, size_t size)
{
    int status;

    for (unsigned room = 0; room < rooms; room++) {
        assert_int_equal(check_room(b, room, size, &status), each);
        assert_int_equal(status, CHATROOM_OK);
    }
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void lmdb__second_opener_is_refused(void **state)
{
    struct store_bench b;
    pid_t child;
    int status;

    (void)state;
    bench_open(&b, &kit);
    assert_int_equal(try_open(), CHATROOM_EBUSY);
    child = fork();
    if (child == 0)
        _exit(try_open() == CHATROOM_EBUSY ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    bench_close(&b);
    assert_int_equal(try_open(), CHATROOM_OK);
}

static void lmdb__foreign_file_is_refused(void **state)
{
    static char bytes[20000];
    int fd;

    (void)state;
    mkdir(path, 0700);
    for (size_t size = 1; size < sizeof bytes; size += 6000) {
        memset(bytes, 'f', sizeof bytes);
        fd = open(data_file, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        assert_int_equal(write(fd, bytes, size), size);
        close(fd);
        assert_int_equal(try_open(), CHATROOM_EFORMAT);
    }
}

static void lmdb__truncated_file_is_refused(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &kit);
    fill_rooms(&b, 10, 5000, 200);
    bench_close(&b);
    for (off_t size = 400000; size > 0; size /= 3) {
        assert_int_equal(truncate(data_file, size), 0);
        assert_int_equal(try_open(), CHATROOM_EFORMAT);
    }
}

static void lmdb__forbidden_directory_is_refused(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip();
    mkdir(path, 0500);
    assert_int_equal(try_open(), CHATROOM_EACCES);
}

static void lmdb__bad_options_are_refused(void **state)
{
    struct chatroom_store store;

    (void)state;
    assert_int_equal(chatroom_lmdb_store("", NULL, &store, NULL), CHATROOM_EINVAL);
    options.queue_tickets = 0;
    assert_int_equal(make(NULL, &store), CHATROOM_EINVAL);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static void lmdb__map_grows(void **state)
{
    struct store_bench b;

    (void)state;
    options.map_bytes = 4096;
    bench_open(&b, &kit);
    fill_rooms(&b, 10, 20000, 300);
    assert_true(b.port.grown > 2);
    expect_rooms(&b, 10, 2000, 300);
    bench_close(&b);
    bench_open(&b, &kit);
    fill_rooms(&b, 1, 1, 300);
    bench_close(&b);
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
    options.map_bytes = options.map_bytes_most = 1 << 20;
    bench_open(&b, &kit);
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

static void lmdb__full_queue_refuses(void **state)
{
    struct store_bench b;
    struct chatroom_write write = {.kind = CHATROOM_ERASE_SESSION};
    static struct port_call calls[1000];
    size_t taken[2] = {0, 0};

    (void)state;
    options.queue_tickets = 4;
    bench_open(&b, &kit);
    for (size_t i = 0; i < 1000; i++) {
        int rc;
        port_write_init(&calls[i], &write, 1);
        rc = b.store.ops->submit(b.store.self, &calls[i].ticket);
        assert_true(rc == CHATROOM_OK || rc == CHATROOM_EAGAIN);
        taken[rc == CHATROOM_OK]++;
    }
    assert_true(taken[0] > 0 && taken[1] >= 4);
    bench_close(&b);
}

/* ---- the index -------------------------------------------------------------------------------------------------- */

static void lmdb__index_is_written_and_read_back(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &kit);
    fill_rooms(&b, 50, 50 * 250, 60);
    expect_rooms(&b, 50, 250, 60);
    for (int i = 0; i < 2; i++) {
        bench_close(&b);
        bench_open(&b, &kit);
        expect_rooms(&b, 50, 250, 60);
    }
    bench_close(&b);
}

static void lmdb__drops_resume(void **state)
{
    struct store_bench b;
    struct chatroom_write trim = {.kind = CHATROOM_TRIM, .key = {"r1", 2}, .seq = 2500};
    struct port_call call;

    (void)state;
    bench_open(&b, &kit);
    fill_rooms(&b, 3, 30000, 60);
    assert_int_equal(bench_write(&b, CHATROOM_ERASE_ROOM, "r0", NULL), CHATROOM_OK);
    assert_int_equal(bench_group(&b, &trim, 1), CHATROOM_OK);
    for (int i = 0; i < 3; i++) {
        int status;

        bench_close(&b);
        bench_open(&b, &kit);
        usleep(20000);
        assert_null(port_room(&b.port, "r0"));
        assert_int_equal(port_room(&b.port, "r1")->seq, 10000);
        assert_int_equal(check_room(&b, 2, 60, &status), 10000);
        assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "r1", 1, SIZE_MAX), CHATROOM_OK);
        assert_int_equal(call.row_count, 7501);
        assert_int_equal(call.rows[0].seq, 2500);
        port_call_fini(&call);
    }
    fill_rooms(&b, 1, 500, 60);
    expect_rooms(&b, 1, 500, 60);
    bench_close(&b);
}

/* ---- crashes and damage ----------------------------------------------------------------------------------------- */

/* Appends without end and says each acknowledged seq on fd, then is killed. */
static void append_until_killed(int fd)
{
    struct store_bench b;

    bench_open(&b, &kit);
    bench_write(&b, CHATROOM_WRITE_ROOM, "a", "{}");
    for (;;) {
        enum { GROUP = 40 };
        struct chatroom_write writes[GROUP];
        struct port_call calls[GROUP];

        for (int i = 0; i < GROUP; i++) {
            writes[i] = (struct chatroom_write){.kind = CHATROOM_APPEND, .key = {"a", 1}, .value = {"entry", 5}};
            port_write_init(&calls[i], &writes[i], 1);
            b.store.ops->submit(b.store.self, &calls[i].ticket);
            if (i % 7 == 0)
                bench_flush(&b);
        }
        bench_flush(&b);
        for (int i = 0; i < GROUP; i++) {
            port_wait(&calls[i]);
            if (calls[i].status || write(fd, &writes[i].ret_seq, 8) != 8)
                _exit(1);
        }
    }
}

static uint64_t kill_after(unsigned us)
{
    uint64_t seq, newest = 0;
    int pipe_fds[2];
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0)
        append_until_killed(pipe_fds[1]);
    close(pipe_fds[1]);
    if (read(pipe_fds[0], &seq, 8) == 8)
        newest = seq;
    fcntl(pipe_fds[0], F_SETPIPE_SZ, 1 << 20);
    usleep(us);
    kill(child, SIGKILL);
    while (read(pipe_fds[0], &seq, 8) == 8)
        newest = seq;
    close(pipe_fds[0]);
    waitpid(child, NULL, 0);
    return newest;
}

static void lmdb__acknowledged_survives_kill(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct store_bench b;
        struct port_call call;
        uint64_t newest = kill_after(1000 + round * 3700);

        assert_true(newest > 0);
        bench_open(&b, &kit);
        assert_true(port_room(&b.port, "a")->seq >= newest);
        assert_int_equal(bench_read(&b, &call, CHATROOM_READ_FROM, "a", 1, SIZE_MAX), CHATROOM_OK);
        assert_int_equal(call.row_count, port_room(&b.port, "a")->seq);
        for (size_t i = 0; i < call.row_count; i++)
            assert_true(call.rows[i].seq == i + 1 && call.rows[i].size == 5);
        port_call_fini(&call);
        bench_close(&b);
    }
}

static void lmdb__unclean_stop_without_sync_changes_epochs(void **state)
{
    struct store_bench b;
    uint64_t before;

    (void)state;
    options.durability = CHATROOM_DURABLE_ASYNC;
    bench_open(&b, &kit);
    assert_int_equal(b.store.ops->caps & CHATROOM_STORE_DURABLE, 0);
    assert_int_equal(bench_write(&b, CHATROOM_WRITE_ROOM, "a", "{}"), CHATROOM_OK);
    bench_close(&b);
    bench_open(&b, &kit);
    before = port_room(&b.port, "a")->epoch;
    bench_close(&b);
    bench_open(&b, &kit);
    assert_true(port_room(&b.port, "a")->epoch == before);
    bench_close(&b);
    kill_after(1000);
    bench_open(&b, &kit);
    assert_true(port_room(&b.port, "a")->epoch != before);
    bench_close(&b);
}

/* In a child: LMDB itself may give up on a damaged page. 1: something wrong was served. */
static int read_damaged(void)
{
    struct store_bench b = {0};
    struct chatroom_error error;
    int status;

    if (make(NULL, &b.store) || b.store.ops->open(b.store.self, &b.port, &error))
        return 0;
    for (size_t i = 0; i < b.port.room_count; i++)
        if (b.port.rooms[i].record_size != 6 || memcmp(b.port.rooms[i].record, "record", 6) != 0)
            return 1;
    for (unsigned room = 0; room < 5; room++)
        if (check_room(&b, room, 150, &status) == SIZE_MAX)
            return 1;
    return 0;
}

static void flip(off_t at)
{
    int fd = open(data_file, O_RDWR);
    unsigned char byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x15;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void lmdb__damage_is_never_served(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &kit);
    fill_rooms(&b, 5, 2000, 150);
    bench_close(&b);
    for (off_t at = 100; at < 500000; at += 3331) {
        pid_t child;
        int status;

        flip(at);
        child = fork();
        if (child == 0) {
            int quiet = open("/dev/null", O_WRONLY);
            dup2(quiet, 1);
            dup2(quiet, 2);
            signal(SIGSEGV, SIG_DFL);
            signal(SIGBUS, SIG_DFL);
            signal(SIGABRT, SIG_DFL);
            alarm(10);
            _exit(read_damaged() ? 7 : 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        flip(at);
    }
    assert_int_equal(try_open(), CHATROOM_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* "suite": what every store must do. Otherwise the cases of this file. */
int main(int argc, char **argv)
{
    const struct CMUnitTest lmdb_suite[] = {
        CASE(lmdb__second_opener_is_refused),       CASE(lmdb__foreign_file_is_refused),
        CASE(lmdb__truncated_file_is_refused),      CASE(lmdb__forbidden_directory_is_refused),
        CASE(lmdb__bad_options_are_refused),        CASE(lmdb__map_grows),
        CASE(lmdb__full_map_refuses_and_goes_on),   CASE(lmdb__full_queue_refuses),
        CASE(lmdb__index_is_written_and_read_back), CASE(lmdb__drops_resume),
        CASE(lmdb__acknowledged_survives_kill),     CASE(lmdb__unclean_stop_without_sync_changes_epochs),
        CASE(lmdb__damage_is_never_served),
    };
    int failed;

    if (!mkdtemp(base))
        return 1;
    snprintf(path, sizeof path, "%s/store", base);
    snprintf(data_file, sizeof data_file, "%s/data.mdb", path);
    if (argc > 1 && strcmp(argv[1], "suite") == 0)
        failed = store_suite_run("lmdb", &kit);
    else
        failed = cmocka_run_group_tests(lmdb_suite, NULL, NULL);
    rmdir(base);
    return failed;
}
