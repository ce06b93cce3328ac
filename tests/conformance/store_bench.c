#include "store_bench.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void bench_open(struct store_bench *b, const struct store_kit *from)
{
    struct chatroom_error error = {0};
    int rc;

    memset(b, 0, sizeof *b);
    assert_int_equal(from->make(from->arg, &b->store), CHATROOM_OK);
    rc = b->store.ops->open(b->store.self, &b->port, &error);
    if (rc)
        fail_msg("open: %d %s", rc, error.text);
}

void bench_close(struct store_bench *b)
{
    b->store.ops->close(b->store.self);
    port_fini(&b->port);
}

void bench_flush(struct store_bench *b)
{
    if (b->store.ops->flush)
        b->store.ops->flush(b->store.self);
}

int bench_group(struct store_bench *b, struct chatroom_write *writes, size_t count)
{
    struct port_call call;

    port_write_init(&call, writes, count);
    assert_int_equal(b->store.ops->submit(b->store.self, &call.ticket), CHATROOM_OK);
    bench_flush(b);
    port_wait(&call);
    assert_int_equal(call.completions, 1);
    return call.status;
}

int bench_write(struct store_bench *b, enum chatroom_write_kind kind, const char *key, const char *value)
{
    struct chatroom_write write = {.kind = kind, .key = chatroom_str(key), .value = chatroom_str(value)};

    return bench_group(b, &write, 1);
}

int64_t bench_append(struct store_bench *b, const char *room, const char *value, const char *once)
{
    struct chatroom_write write = {
        .kind = CHATROOM_APPEND, .key = chatroom_str(room), .value = chatroom_str(value), .once = chatroom_str(once)};
    int rc = bench_group(b, &write, 1);

    return rc ? rc : (int64_t)write.ret_seq;
}

int bench_read(struct store_bench *b, struct port_call *call, enum chatroom_read_kind kind, const char *room,
               uint64_t seq, size_t limit)
{
    port_read_init(call, kind, room, seq, limit);
    assert_int_equal(b->store.ops->read(b->store.self, &call->ticket), CHATROOM_OK);
    bench_flush(b);
    port_wait(call);
    return call->status;
}

size_t bench_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}
