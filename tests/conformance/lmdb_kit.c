#include "lmdb_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct lmdb_place lmdb_place = {.base = "/tmp/chatroom-test-XXXXXX", .options = CHATROOM_LMDB_OPTIONS};
static size_t descriptors_before;

static int make(void *arg, struct chatroom_store *ret_store)
{
    (void)arg;
    return chatroom_lmdb_store(lmdb_place.path, &lmdb_place.options, ret_store, NULL);
}

static void wipe(void *arg)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "chatroom.lock"};
    char name[128];

    (void)arg;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", lmdb_place.path, names[i]);
        unlink(name);
    }
    rmdir(lmdb_place.path);
}

const struct store_kit lmdb_kit = {.make = make, .wipe = wipe, .keeps = true};

void lmdb_kit_init(void)
{
    if (!mkdtemp(lmdb_place.base) || chmod(lmdb_place.base, 0755))
        abort();
    snprintf(lmdb_place.path, sizeof lmdb_place.path, "%s/store", lmdb_place.base);
    snprintf(lmdb_place.data, sizeof lmdb_place.data, "%s/data.mdb", lmdb_place.path);
}

void lmdb_kit_fini(void)
{
    rmdir(lmdb_place.base);
}

int lmdb_set_up(void **state)
{
    (void)state;
    lmdb_place.options = (struct chatroom_lmdb_options)CHATROOM_LMDB_OPTIONS;
    wipe(NULL);
    descriptors_before = bench_descriptors();
    return 0;
}

int lmdb_tear_down(void **state)
{
    (void)state;
    wipe(NULL);
    assert_int_equal(bench_descriptors(), descriptors_before);
    return 0;
}

int lmdb_try_open(void)
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

void lmdb_fill_rooms(struct store_bench *b, unsigned rooms, unsigned count, size_t size)
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

size_t lmdb_check_room(struct store_bench *b, unsigned room, size_t size, int *ret_status)
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

void lmdb_expect_rooms(struct store_bench *b, unsigned rooms, size_t each, size_t size)
{
    int status;

    for (unsigned room = 0; room < rooms; room++) {
        assert_int_equal(lmdb_check_room(b, room, size, &status), each);
        assert_int_equal(status, CHATROOM_OK);
    }
}
