/*
 * test_store_oom.c: both stores when their n-th allocation fails, once or from then on, for every n.
 */
#include "lmdb_kit.h"

#include <chatroom/backend/memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void *oom_malloc(size_t size);
void *oom_calloc(size_t count, size_t size);
void *oom_realloc(void *memory, size_t size);

static atomic_int calls, fail_at; /* fail_at 0: none fails */
static atomic_bool sticky, hit;

static bool fails(void)
{
    int at = fail_at, call = ++calls;
    bool now = at > 0 && (call == at || (call > at && sticky));

    if (now)
        hit = true;
    return now;
}

void *oom_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *oom_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

void *oom_realloc(void *memory, size_t size)
{
    return fails() ? NULL : realloc(memory, size);
}

static void arm(int at, bool stays)
{
    calls = 0;
    hit = false;
    sticky = stays;
    fail_at = at;
}

enum { STEPS = 12 };

/* What step i writes, as one group: an entry for room "a", a session, a room of its own with an entry, an older one's
 * end. */
static int step(struct store_bench *b, int i, bool *ret_again, int64_t *ret_seq)
{
    char text[16], own[16], old[16];
    struct chatroom_write writes[] = {
        {.kind = CHATROOM_WRITE_ROOM, .key = {"a", 1}, .value = {"r", 1}},
        {.kind = CHATROOM_APPEND, .key = {"a", 1}},
        {.kind = CHATROOM_WRITE_SESSION, .key = {"s", 1}, .value = {"who", 3}},
        {.kind = CHATROOM_WRITE_ROOM, .value = {"r", 1}},
        {.kind = CHATROOM_APPEND, .value = {"x", 1}},
        {.kind = CHATROOM_ERASE_ROOM},
        {.kind = CHATROOM_ERASE_SESSION, .key = {"s", 1}},
        {.kind = CHATROOM_TRIM, .key = {"a", 1}, .seq = 1},
        {.kind = CHATROOM_APPEND, .value = {"y", 1}},
    };
    struct port_call call;
    int rc;

    snprintf(text, sizeof text, "%d", i);
    snprintf(own, sizeof own, "own%d", i);
    snprintf(old, sizeof old, "own%d", i - 1);
    writes[1].value = writes[1].once = chatroom_str(text);
    writes[3].key = writes[4].key = writes[8].key = chatroom_str(own);
    writes[4].once = writes[8].once = chatroom_str("once");
    writes[5].key = chatroom_str(old);
    port_write_init(&call, writes, sizeof writes / sizeof writes[0]);
    rc = b->store.ops->submit(b->store.self, &call.ticket);
    if (rc)
        return rc;
    bench_flush(b);
    port_wait(&call);
    *ret_again = writes[1].ret_again;
    *ret_seq = (int64_t)writes[1].ret_seq;
    return call.status;
}

static void expect_entries(struct store_bench *b, const bool *stored)
{
    struct port_call call;
    size_t row = 0;

    assert_int_equal(bench_read(b, &call, CHATROOM_READ_FROM, "a", 1, SIZE_MAX), CHATROOM_OK);
    for (int i = 0; i < STEPS; i++) {
        char text[16];

        if (!stored[i])
            continue;
        assert_true(row < call.row_count);
        assert_int_equal(call.rows[row].size, snprintf(text, sizeof text, "%d", i));
        assert_memory_equal(call.rows[row].bytes, text, strlen(text));
        row++;
    }
    assert_int_equal(row, call.row_count);
    port_call_fini(&call);
}

/* What failed has left nothing and works when it is tried again; what did not is known again. */
static void expect_retries_to_work(struct store_bench *b, const bool *stored)
{
    for (int i = 0; i < STEPS; i++) {
        bool again = false;
        int64_t seq = 0;

        assert_int_equal(step(b, i, &again, &seq), CHATROOM_OK);
        assert_int_equal(again, stored[i]);
        assert_true(seq > 0);
    }
}

/* False: the scenario has fewer allocations than at. */
static bool fail_one(const struct store_kit *kit, int at, bool stays)
{
    struct store_bench b = {0};
    struct chatroom_error error = {0};
    bool stored[STEPS] = {false};
    int rc;

    arm(at, stays);
    rc = kit->make(kit->arg, &b.store);
    if (rc == CHATROOM_OK) {
        rc = b.store.ops->open(b.store.self, &b.port, &error);
        for (int i = 0; i < STEPS && rc == CHATROOM_OK; i++) {
            int64_t seq;
            bool again;
            int status = step(&b, i, &again, &seq);

            assert_true(status == CHATROOM_OK || status == CHATROOM_ENOMEM);
            stored[i] = status == CHATROOM_OK;
        }
        fail_at = 0;
        if (rc == CHATROOM_OK) {
            expect_entries(&b, stored);
            expect_retries_to_work(&b, stored);
        }
        bench_close(&b);
    }
    assert_true(rc == CHATROOM_OK || (rc == CHATROOM_ENOMEM && hit));
    fail_at = 0;
    return hit;
}

static void fail_each(const struct store_kit *kit)
{
    for (int stays = 0; stays < 2; stays++) {
        int at = 1;

        do {
            lmdb_set_up(NULL);
            lmdb_place.options.durability = CHATROOM_DURABLE_NONE;
        } while (fail_one(kit, at, stays) && ++at < 5000);
        assert_in_range(at, 50, 4999);
    }
}

static int make_memory(void *arg, struct chatroom_store *ret_store)
{
    (void)arg;
    return chatroom_memory_store(ret_store);
}

static void F20_memory_store_survives_every_failed_allocation(void **state)
{
    const struct store_kit kit = {.make = make_memory};

    (void)state;
    fail_each(&kit);
}

static void F20_lmdb_store_survives_every_failed_allocation(void **state)
{
    (void)state;
    fail_each(&lmdb_kit);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        LMDB_CASE(F20_memory_store_survives_every_failed_allocation),
        LMDB_CASE(F20_lmdb_store_survives_every_failed_allocation),
    };
    int failed;

    lmdb_kit_init();
    failed = cmocka_run_group_tests_name("stores without memory", cases, NULL, NULL);
    lmdb_kit_fini();
    return failed;
}
