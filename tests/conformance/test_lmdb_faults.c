/*
 * test_lmdb_faults.c: the lmdb store after a kill, on damaged, short, foreign and forbidden files, and opened twice.
 */
#include "lmdb_kit.h"

#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- F01: kill -9 ------------------------------------------------------------------------------------------------ */

/* What the child says of an entry once it is acknowledged. The entry itself is its number, and numbers rise. */
struct ack {
    uint64_t room, seq, number;
};

#define KILL_ROOMS 3

static const char *const kill_names[KILL_ROOMS] = {"a", "b", "c"};

static uint64_t next_number(const struct store_bench *b)
{
    uint64_t number = 1;

    for (int room = 0; room < KILL_ROOMS; room++)
        if (port_room(&b->port, kill_names[room]))
            number += port_room(&b->port, kill_names[room])->seq + 1000;
    return number;
}

/* One group of appends in several tickets; false: one of them failed. */
static bool append_some(struct store_bench *b, uint64_t *number, int fd)
{
    enum { GROUP = 40 };
    struct chatroom_write writes[GROUP];
    struct port_call calls[GROUP];
    uint64_t numbers[GROUP];

    for (int i = 0; i < GROUP; i++) {
        numbers[i] = (*number)++;
        writes[i] = (struct chatroom_write){.kind = CHATROOM_APPEND,
                                            .key = chatroom_str(kill_names[numbers[i] % KILL_ROOMS]),
                                            .value = chatroom_bytes(&numbers[i], sizeof numbers[i])};
        port_write_init(&calls[i], &writes[i], 1);
        if (b->store.ops->submit(b->store.self, &calls[i].ticket))
            return false;
        if (i % 7 == 0)
            bench_flush(b);
    }
    bench_flush(b);
    for (int i = 0; i < GROUP; i++) {
        struct ack ack = {numbers[i] % KILL_ROOMS, 0, numbers[i]};

        port_wait(&calls[i]);
        ack.seq = writes[i].ret_seq;
        if (calls[i].status || write(fd, &ack, sizeof ack) != sizeof ack)
            return false;
    }
    return true;
}

static void append_until_killed(int fd)
{
    struct store_bench b;
    uint64_t number;

    bench_open(&b, &lmdb_kit);
    number = next_number(&b);
    for (int room = 0; room < KILL_ROOMS; room++)
        bench_write(&b, CHATROOM_WRITE_ROOM, kill_names[room], "{}");
    while (append_some(&b, &number, fd))
        ;
    _exit(1);
}

/* Starts a child, kills it after a while, and returns what it had acknowledged. */
static struct ack *acks_until_killed(unsigned us, size_t *ret_count)
{
    struct ack *acks = NULL;
    size_t bytes = 0, room = 0;
    int fds[2], status;
    ssize_t got = 1;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    if (child == 0)
        append_until_killed(fds[1]);
    close(fds[1]);
    fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
    usleep(us);
    kill(child, SIGKILL);
    while (got > 0) {
        if (bytes == room)
            acks = realloc(acks, room += 1 << 20);
        assert_non_null(acks);
        got = read(fds[0], (char *)acks + bytes, room - bytes);
        bytes += got > 0 ? (size_t)got : 0;
    }
    close(fds[0]);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    *ret_count = bytes / sizeof *acks;
    return acks;
}

static uint64_t number_of(const struct port_row *row)
{
    uint64_t number;

    assert_int_equal(row->size, sizeof number);
    memcpy(&number, row->bytes, sizeof number);
    return number;
}

/* Rising numbers: in order and none twice. Each acknowledged one: in its place. */
static void expect_acknowledged(struct store_bench *b, uint64_t room, const struct ack *acks, size_t count)
{
    struct port_call call;
    uint64_t last = 0;

    assert_int_equal(bench_read(b, &call, CHATROOM_READ_FROM, kill_names[room], 1, SIZE_MAX), CHATROOM_OK);
    for (size_t i = 0; i < call.row_count; i++) {
        assert_int_equal(call.rows[i].seq, i + 1);
        assert_true(number_of(&call.rows[i]) > last);
        last = number_of(&call.rows[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (acks[i].room == room) {
            assert_true(acks[i].seq <= call.row_count);
            assert_int_equal(number_of(&call.rows[acks[i].seq - 1]), acks[i].number);
        }
    port_call_fini(&call);
}

static void kill_again_and_again(int times)
{
    size_t acknowledged = 0;

    for (int i = 0; i < times || (acknowledged == 0 && i < 10 * times); i++) {
        struct store_bench b;
        struct ack *acks;
        size_t count;
        unsigned us;

        assert_int_equal(getrandom(&us, sizeof us, 0), sizeof us);
        /* A machine that does much else needs longer until anything is acknowledged. */
        acks = acks_until_killed(us % 60000 + (acknowledged == 0 ? (unsigned)i * 10000 : 0), &count);
        bench_open(&b, &lmdb_kit);
        for (uint64_t room = 0; room < KILL_ROOMS; room++)
            if (port_room(&b.port, kill_names[room]))
                expect_acknowledged(&b, room, acks, count);
            else
                assert_int_equal(count, 0);
        bench_close(&b);
        free(acks);
        acknowledged += count;
    }
    assert_true(acknowledged > 0);
}

static void F01_kill_loses_nothing_acknowledged(void **state)
{
    (void)state;
    kill_again_and_again(20);
}

static void F01_kill_loses_nothing_acknowledged_without_sync(void **state)
{
    (void)state;
    lmdb_place.options.durability = CHATROOM_DURABLE_ASYNC;
    kill_again_and_again(8);
}

/* ---- F07, P7: damage --------------------------------------------------------------------------------------------- */

static void flip(off_t at)
{
    int fd = open(lmdb_place.data, O_RDWR);
    unsigned char byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x15;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* Flips a byte wherever the file holds text; old pages hold it too. Returns how often. */
static int damage_text(const char *text)
{
    struct stat status;
    int found = 0, fd = open(lmdb_place.data, O_RDONLY);
    char *map, *end, *at;

    assert_int_equal(fstat(fd, &status), 0);
    map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    close(fd);
    end = map + status.st_size;
    for (at = map; (at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL; at++, found++)
        flip(at - map);
    munmap(map, (size_t)status.st_size);
    return found;
}

static void P7_damaged_entry_is_not_served_and_the_rest_is(void **state)
{
    struct store_bench b;
    int status;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 2, 200, 150);
    bench_close(&b);
    assert_true(damage_text("0:51:v") > 0);
    bench_open(&b, &lmdb_kit);
    assert_int_equal(lmdb_check_room(&b, 0, 150, &status), 50);
    assert_int_equal(status, CHATROOM_ECORRUPT);
    assert_int_equal(b.port.damaged, 1);
    assert_int_equal(lmdb_check_room(&b, 1, 150, &status), 100);
    assert_int_equal(status, CHATROOM_OK);
    assert_int_equal(bench_append(&b, "r0", "x", NULL), 101);
    bench_close(&b);
}

static void P7_damaged_newest_entry_does_not_keep_a_store_from_opening(void **state)
{
    struct store_bench b;
    int status;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 2, 200, 150);
    bench_close(&b);
    assert_true(damage_text("0:100:v") > 0);
    bench_open(&b, &lmdb_kit);
    assert_null(port_room(&b.port, "r0")->newest);
    assert_non_null(port_room(&b.port, "r1")->newest);
    assert_int_equal(b.port.damaged, 1);
    assert_int_equal(lmdb_check_room(&b, 1, 150, &status), 100);
    assert_int_equal(status, CHATROOM_OK);
    assert_int_equal(bench_append(&b, "r0", "x", NULL), 101);
    bench_close(&b);
}

static void P7_damaged_record_is_not_reported(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(bench_write(&b, CHATROOM_WRITE_SESSION, "s", "who this is"), CHATROOM_OK);
    bench_close(&b);
    assert_true(damage_text("who this") > 0);
    assert_int_equal(lmdb_try_open(), CHATROOM_ECORRUPT);
}

/* True: something wrong was served. */
static bool serves_wrong(void)
{
    struct store_bench b = {0};
    struct chatroom_error error;
    bool wrong = false;
    int status;

    if (lmdb_kit.make(NULL, &b.store))
        return false;
    if (b.store.ops->open(b.store.self, &b.port, &error) == CHATROOM_OK) {
        for (size_t i = 0; i < b.port.room_count; i++)
            wrong |= b.port.rooms[i].record_size != 6 || memcmp(b.port.rooms[i].record, "record", 6) != 0;
        for (unsigned room = 0; room < 5; room++)
            wrong |= lmdb_check_room(&b, room, 150, &status) == SIZE_MAX;
    }
    b.store.ops->close(b.store.self);
    return wrong;
}

/* In a child: LMDB itself may give up on a page whose structure is damaged, but what it serves is right. */
static void F07_flipped_bytes_are_never_served(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 5, 2000, 150);
    bench_close(&b);
    for (off_t at = 100; at < 400000; at += 3331) {
        pid_t child;
        int status;

        flip(at);
        child = fork();
        if (child == 0) {
            int quiet = open("/dev/null", O_WRONLY);
            dup2(quiet, 1);
            dup2(quiet, 2);
            alarm(20);
            _exit(serves_wrong() ? 7 : 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        flip(at);
    }
    assert_int_equal(lmdb_try_open(), CHATROOM_OK);
}

/* ---- F08, F12: files that are not ours, or not whole ------------------------------------------------------------- */

static MDB_env *open_env(unsigned flags)
{
    MDB_env *env;

    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, lmdb_place.path, flags, 0600), 0);
    return env;
}

static void F08_foreign_file_is_refused(void **state)
{
    static char bytes[20000];
    int fd;

    (void)state;
    mkdir(lmdb_place.path, 0700);
    memset(bytes, 'f', sizeof bytes);
    for (size_t size = 1; size < sizeof bytes; size += 600) {
        fd = open(lmdb_place.data, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        assert_int_equal(write(fd, bytes, size), size);
        close(fd);
        assert_int_equal(lmdb_try_open(), CHATROOM_EFORMAT);
    }
}

/* Cut while it was made, before anybody was told anything: the sentence says what to do. */
static void F02_store_whose_making_was_cut_is_refused_with_advice(void **state)
{
    struct chatroom_store store;
    struct chatroom_error error = {0};
    chatroom_store_port port = {0};
    int fd;

    (void)state;
    mkdir(lmdb_place.path, 0700);
    fd = open(lmdb_place.data, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(ftruncate(fd, 8192), 0);
    close(fd);
    assert_int_equal(lmdb_kit.make(NULL, &store), CHATROOM_OK);
    assert_int_equal(store.ops->open(store.self, &port, &error), CHATROOM_EFORMAT);
    assert_non_null(strstr(error.text, "If it never served, remove it"));
    assert_non_null(strstr(error.text, "remove it"));
    store.ops->close(store.self);
    unlink(lmdb_place.data);
    assert_int_equal(lmdb_try_open(), CHATROOM_OK);
}

static void F08_foreign_database_is_refused(void **state)
{
    MDB_val key = {3, "key"}, value = {5, "value"};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    (void)state;
    mkdir(lmdb_place.path, 0700);
    env = open_env(0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "theirs", MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(lmdb_try_open(), CHATROOM_EFORMAT);
}

static void F08_file_cut_at_any_page_is_refused(void **state)
{
    struct store_bench b;
    MDB_env *env;
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t pages;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 5, 1000, 200);
    bench_close(&b);
    env = open_env(MDB_RDONLY);
    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat);
    mdb_env_close(env);
    pages = info.me_last_pgno + 1;
    assert_true(pages > 50);
    assert_int_equal(truncate(lmdb_place.data, (off_t)(pages * stat.ms_psize)), 0);
    assert_int_equal(lmdb_try_open(), CHATROOM_OK);
    for (uint64_t page = pages; page-- > 0;) {
        assert_int_equal(truncate(lmdb_place.data, (off_t)(page * stat.ms_psize)), 0);
        assert_int_equal(lmdb_try_open(), CHATROOM_EFORMAT);
    }
    unlink(lmdb_place.data);
    assert_int_equal(lmdb_try_open(), CHATROOM_EFORMAT);
}

/* The state record, sealed as the store seals it, but of version 2. */
static void F12_other_version_is_refused(void **state)
{
    static const uint8_t seal[16] = "chatroom log v1";
    struct store_bench b;
    MDB_val key = {5, "state"}, value;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char record[256];
    uint32_t version = 2;
    uint64_t sum, of_key = chatroom_hash(seal, "state", 5);

    (void)state;
    bench_open(&b, &lmdb_kit);
    bench_close(&b);
    env = open_env(0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
    assert_int_equal(mdb_get(txn, dbi, &key, &value), 0);
    assert_in_range(value.mv_size, 20, sizeof record);
    memcpy(record, value.mv_data, value.mv_size);
    memcpy(&sum, record, 8);
    assert_true(sum == (chatroom_hash(seal, record + 8, value.mv_size - 8) ^ (of_key << 1 | of_key >> 63)));
    memcpy(record + 16, &version, sizeof version);
    sum = chatroom_hash(seal, record + 8, value.mv_size - 8) ^ (of_key << 1 | of_key >> 63);
    memcpy(record, &sum, 8);
    value.mv_data = record;
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(lmdb_try_open(), CHATROOM_EFORMAT);
}

/* ---- F07: a look before opening -----------------------------------------------------------------------------------
 */

static int verify(enum chatroom_lmdb_depth depth, unsigned most_ms, struct chatroom_lmdb_report *ret_report)
{
    struct chatroom_error error = {0};
    int rc;

    *ret_report = (struct chatroom_lmdb_report)CHATROOM_LMDB_REPORT;
    rc = chatroom_lmdb_verify(lmdb_place.path, depth, most_ms, ret_report, &error);
    assert_int_equal(ret_report->size, sizeof *ret_report);
    assert_true((rc == CHATROOM_OK) == (error.text[0] == '\0'));
    return rc;
}

static void F07_sound_store_is_called_sound(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;

    (void)state;
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 0, &report), CHATROOM_OK); /* there is none */
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 5, 3000, 150);
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 0, &report), CHATROOM_EBUSY);
    bench_close(&b);
    assert_int_equal(verify(CHATROOM_LMDB_STRUCTURE, 0, &report), CHATROOM_OK);
    assert_true(report.pages > 100);
    assert_int_equal(report.records, 0);
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 0, &report), CHATROOM_OK);
    assert_true(report.records > 3000);
    assert_int_equal(report.damaged, 0);
    assert_string_equal(report.where, "");
    bench_open(&b, &lmdb_kit); /* looking changed nothing */
    lmdb_expect_rooms(&b, 5, 600, 150);
    bench_close(&b);
}

static void F07_lost_records_are_counted_and_do_not_stop_a_start(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 2, 200, 150);
    bench_close(&b);
    assert_true(damage_text("0:51:v") > 0);
    assert_true(damage_text("1:7:v") > 0);
    assert_int_equal(verify(CHATROOM_LMDB_STRUCTURE, 0, &report), CHATROOM_OK);
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 0, &report), CHATROOM_OK);
    assert_int_equal(report.damaged, 2);
    assert_string_equal(report.where, "a record of \"log\"");
}

static void F07_damaged_structure_is_told_with_its_page(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;
    struct stat status;
    off_t end;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 5, 3000, 150);
    bench_close(&b);
    assert_int_equal(stat(lmdb_place.data, &status), 0);
    /* The number that a page has of itself, page by page until one is hit that is in use. */
    for (end = 2 * 4096; end < status.st_size; end += 4096) {
        flip(end);
        if (verify(CHATROOM_LMDB_STRUCTURE, 0, &report) == CHATROOM_ECORRUPT)
            break;
        flip(end);
    }
    assert_true(end < status.st_size);
    assert_true(strncmp(report.where, "page ", 5) == 0);
    flip(end);
    assert_int_equal(verify(CHATROOM_LMDB_STRUCTURE, 0, &report), CHATROOM_OK);
}

/* Names of tables have no checksum. This one stays behind all others. */
static void F07_table_of_another_name_is_not_called_sound(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 2, 200, 150);
    bench_close(&b);
    assert_true(damage_text("ims") > 0);
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 0, &report), CHATROOM_EFORMAT);
    assert_int_equal(lmdb_try_open(), CHATROOM_EFORMAT);
}

static void F07_look_ends_in_time_and_says_so(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 10, 100000, 600);
    bench_close(&b);
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 1, &report), CHATROOM_ETIMEDOUT);
    signal(SIGCHLD, SIG_IGN); /* a host that wants to hear of no child */
    assert_int_equal(verify(CHATROOM_LMDB_RECORDS, 0, &report), CHATROOM_OK);
    assert_true(report.records > 100000);
    signal(SIGCHLD, SIG_DFL);
}

static void F07_copies_of_a_store_are_sound(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;
    char copy[160];

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 5, 3000, 150);
    assert_int_equal(bench_write(&b, CHATROOM_ERASE_ROOM, "r0", NULL), CHATROOM_OK);
    bench_close(&b);
    snprintf(copy, sizeof copy, "%s/copy", lmdb_place.base);
    for (unsigned flags = 0; flags <= MDB_CP_COMPACT; flags += MDB_CP_COMPACT) {
        char name[180];
        MDB_env *env = open_env(MDB_RDONLY);

        report = (struct chatroom_lmdb_report)CHATROOM_LMDB_REPORT;
        assert_int_equal(mkdir(copy, 0700), 0);
        assert_int_equal(mdb_env_copy2(env, copy, flags), 0);
        mdb_env_close(env);
        assert_int_equal(chatroom_lmdb_verify(copy, CHATROOM_LMDB_RECORDS, 0, &report, NULL), CHATROOM_OK);
        assert_true(report.records > 2400);
        snprintf(name, sizeof name, "%s/data.mdb", copy);
        unlink(name);
        rmdir(copy);
    }
}

static void F08_cut_or_foreign_file_is_not_called_sound(void **state)
{
    struct chatroom_lmdb_report report;
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, 2, 200, 150);
    bench_close(&b);
    for (off_t size = 9 * 4096; size >= 0; size -= 512) {
        assert_int_equal(truncate(lmdb_place.data, size), 0);
        assert_int_equal(verify(CHATROOM_LMDB_STRUCTURE, 0, &report), CHATROOM_EFORMAT);
    }
}

/* ---- F10: other programs that look ------------------------------------------------------------------------------- */

/* Looks at the store as a backup would, says so, and stays until it is killed. */
static void look_until_killed(int fd)
{
    MDB_env *env = open_env(MDB_RDONLY);
    MDB_txn *txn;

    alarm(60); /* should nobody do it */
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) || write(fd, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void F10_killed_reader_does_not_make_the_file_grow(void **state)
{
    struct store_bench b;
    struct stat status;
    int fds[2];
    pid_t child;
    char byte;

    (void)state;
    lmdb_place.options.durability = CHATROOM_DURABLE_NONE;
    bench_open(&b, &lmdb_kit);
    bench_close(&b);
    assert_int_equal(pipe(fds), 0);
    child = fork();
    if (child == 0)
        look_until_killed(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    close(fds[1]);
    bench_open(&b, &lmdb_kit);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(bench_write(&b, CHATROOM_WRITE_SESSION, "s", "record"), CHATROOM_OK);
    bench_close(&b);
    assert_int_equal(stat(lmdb_place.data, &status), 0);
    assert_in_range(status.st_blocks / 2, 1, 1024);
}

/* ---- F11 and rights ---------------------------------------------------------------------------------------------- */

/* In a child that is nobody in particular, if we are root. */
static int try_open_elsewhere(bool drop_root)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (drop_root && geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(0);
        _exit(-lmdb_try_open());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

static void F11_second_opener_is_refused(void **state)
{
    struct store_bench b;

    (void)state;
    bench_open(&b, &lmdb_kit);
    assert_int_equal(lmdb_try_open(), CHATROOM_EBUSY);
    assert_int_equal(try_open_elsewhere(false), CHATROOM_EBUSY);
    assert_int_equal(bench_write(&b, CHATROOM_CREATE_ROOM, "a", "{}"), CHATROOM_OK);
    bench_close(&b);
    assert_int_equal(try_open_elsewhere(false), CHATROOM_OK);
    assert_int_equal(lmdb_try_open(), CHATROOM_OK);
}

static void lmdb__forbidden_directory_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(lmdb_place.path, 0555), 0);
    assert_int_equal(try_open_elsewhere(true), CHATROOM_EACCES);
    assert_int_equal(chmod(lmdb_place.base, 0555), 0);
    assert_int_equal(rmdir(lmdb_place.path) == 0 ? try_open_elsewhere(true) : CHATROOM_EACCES, CHATROOM_EACCES);
    assert_int_equal(chmod(lmdb_place.base, 0755), 0);
}

static void lmdb__place_that_is_no_directory_is_refused(void **state)
{
    int fd;

    (void)state;
    fd = open(lmdb_place.path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(lmdb_try_open(), CHATROOM_EIO);
    assert_int_equal(unlink(lmdb_place.path), 0);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        LMDB_CASE(F01_kill_loses_nothing_acknowledged),
        LMDB_CASE(F01_kill_loses_nothing_acknowledged_without_sync),
        LMDB_CASE(P7_damaged_entry_is_not_served_and_the_rest_is),
        LMDB_CASE(P7_damaged_newest_entry_does_not_keep_a_store_from_opening),
        LMDB_CASE(P7_damaged_record_is_not_reported),
        LMDB_CASE(F07_flipped_bytes_are_never_served),
        LMDB_CASE(F07_sound_store_is_called_sound),
        LMDB_CASE(F07_lost_records_are_counted_and_do_not_stop_a_start),
        LMDB_CASE(F07_damaged_structure_is_told_with_its_page),
        LMDB_CASE(F07_table_of_another_name_is_not_called_sound),
        LMDB_CASE(F07_look_ends_in_time_and_says_so),
        LMDB_CASE(F07_copies_of_a_store_are_sound),
        LMDB_CASE(F08_cut_or_foreign_file_is_not_called_sound),
        LMDB_CASE(F08_foreign_file_is_refused),
        LMDB_CASE(F02_store_whose_making_was_cut_is_refused_with_advice),
        LMDB_CASE(F08_foreign_database_is_refused),
        LMDB_CASE(F08_file_cut_at_any_page_is_refused),
        LMDB_CASE(F12_other_version_is_refused),
        LMDB_CASE(F10_killed_reader_does_not_make_the_file_grow),
        LMDB_CASE(F11_second_opener_is_refused),
        LMDB_CASE(lmdb__forbidden_directory_is_refused),
        LMDB_CASE(lmdb__place_that_is_no_directory_is_refused),
    };
    int failed;

    lmdb_kit_init();
    failed = cmocka_run_group_tests_name("lmdb faults", cases, NULL, NULL);
    lmdb_kit_fini();
    return failed;
}
