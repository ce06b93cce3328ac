#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"
#include "ticket.h"

#include <chatroom/backend/memory.h>

/* The promises of store.h that the core leans on, asked of the memory store. */

struct work {
    struct cr_ticket ticket; /* first */
    struct cr_inbox inbox;
    struct cr_page page;
    int done;
};

static struct chatroom_store store;

static void done(struct cr_ticket *ticket)
{
    ((struct work *)ticket)->done++;
}

static int open_store(void **state)
{
    struct chatroom_error error;

    (void)state;
    return chatroom_memory_store(&store) || store.ops->open(store.self, NULL, &error);
}

static int close_store(void **state)
{
    (void)state;
    store.ops->close(store.self);
    return 0;
}

static int write_all(struct chatroom_write *writes, size_t count)
{
    struct work work = {.ticket = {.store = {.writes = writes, .count = count}, .done = done}};

    work.ticket.inbox = &work.inbox;
    assert_int_equal(store.ops->submit(store.self, &work.ticket.store), CHATROOM_OK);
    if (store.ops->flush)
        store.ops->flush(store.self);
    cr_inbox_take(&work.inbox);
    assert_int_equal(work.done, 1);
    return work.ticket.status;
}

static int write_one(enum chatroom_write_kind kind, const char *key, const char *value, const char *once,
                     struct chatroom_write *ret_write)
{
    *ret_write = (struct chatroom_write){
        .kind = kind, .key = chatroom_str(key), .value = chatroom_str(value), .once = chatroom_str(once)};
    return write_all(ret_write, 1);
}

static void read_page(struct work *work, enum chatroom_read_kind kind, const char *room, uint64_t seq, size_t limit)
{
    memset(work, 0, sizeof *work);
    assert_int_equal(cr_page_init(&work->page, &cr_default_alloc, 16, 64), CHATROOM_OK);
    work->ticket.store.read = (struct chatroom_read){kind, chatroom_str(room), seq, limit};
    work->ticket.inbox = &work->inbox;
    work->ticket.page = &work->page;
    work->ticket.done = done;
    assert_int_equal(store.ops->read(store.self, &work->ticket.store), CHATROOM_OK);
    cr_inbox_take(&work->inbox);
    assert_int_equal(work->done, 1);
    assert_int_equal(work->ticket.status, CHATROOM_OK);
}

static void store__entries_count_from_one_without_a_gap(void **state)
{
    struct chatroom_write w;
    struct work work;

    (void)state;
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", NULL, &w), CHATROOM_ENOENT);
    assert_int_equal(write_one(CHATROOM_CREATE_ROOM, "a", "r", NULL, &w), CHATROOM_OK);
    assert_int_equal(write_one(CHATROOM_CREATE_ROOM, "a", "r", NULL, &w), CHATROOM_EEXIST);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        assert_int_equal(write_one(CHATROOM_APPEND, "a", "entry", NULL, &w), CHATROOM_OK);
        assert_int_equal(w.ret_seq, seq);
    }
    read_page(&work, CHATROOM_READ_FROM, "a", 2, 3);
    assert_int_equal(work.page.count, 3);
    assert_int_equal(work.page.rows[0].seq, 2);
    assert_int_equal(work.page.rows[2].seq, 4);
    cr_page_fini(&work.page, &cr_default_alloc);
    read_page(&work, CHATROOM_READ_BEFORE, "a", UINT64_MAX, 2);
    assert_int_equal(work.page.count, 2);
    assert_int_equal(work.page.rows[0].seq, 5);
    assert_true(chatroom_span_equal(work.page.rows[1].value, chatroom_str("entry")));
    cr_page_fini(&work.page, &cr_default_alloc);
    read_page(&work, CHATROOM_READ_FROM, "none", 1, 9);
    assert_int_equal(work.page.count, 0);
    cr_page_fini(&work.page, &cr_default_alloc);
}

static void store__group_is_all_or_nothing(void **state)
{
    struct chatroom_write writes[3] = {
        {.kind = CHATROOM_CREATE_ROOM, .key = chatroom_str("a")},
        {.kind = CHATROOM_APPEND, .key = chatroom_str("a"), .value = chatroom_str("x")},
        {.kind = CHATROOM_APPEND, .key = chatroom_str("missing"), .value = chatroom_str("x")},
    };

    (void)state;
    assert_int_equal(write_all(writes, 3), CHATROOM_ENOENT);
    assert_int_equal(write_all(writes, 2), CHATROOM_OK); /* so the room was not made by the first try */
    assert_int_equal(writes[1].ret_seq, 1);
}

static void store__once_is_once_a_room(void **state)
{
    struct chatroom_write w;

    (void)state;
    assert_int_equal(write_one(CHATROOM_WRITE_ROOM, "a", "r", NULL, &w), CHATROOM_OK);
    assert_int_equal(write_one(CHATROOM_WRITE_ROOM, "b", "r", NULL, &w), CHATROOM_OK);
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", "id", &w), CHATROOM_OK);
    assert_false(w.ret_again);
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "y", NULL, &w), CHATROOM_OK);
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", "id", &w), CHATROOM_OK);
    assert_true(w.ret_again);
    assert_int_equal(w.ret_seq, 1);
    assert_int_equal(write_one(CHATROOM_APPEND, "b", "x", "id", &w), CHATROOM_OK);
    assert_false(w.ret_again);
}

static void store__room_made_anew_has_another_epoch(void **state)
{
    struct chatroom_write first, w;

    (void)state;
    assert_int_equal(write_one(CHATROOM_CREATE_ROOM, "a", "r", NULL, &first), CHATROOM_OK);
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", NULL, &w), CHATROOM_OK);
    assert_true(w.ret_epoch == first.ret_epoch);
    assert_int_equal(write_one(CHATROOM_ERASE_ROOM, "a", NULL, NULL, &w), CHATROOM_OK);
    assert_int_equal(write_one(CHATROOM_CREATE_ROOM, "a", "r", NULL, &w), CHATROOM_OK);
    assert_true(w.ret_epoch != first.ret_epoch);
    assert_int_equal(w.ret_seq, 0);
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", NULL, &w), CHATROOM_OK);
    assert_int_equal(w.ret_seq, 1);
}

static void store__trimmed_entries_go_and_the_rest_keep_their_place(void **state)
{
    struct chatroom_write w;
    struct work work;

    (void)state;
    assert_int_equal(write_one(CHATROOM_WRITE_ROOM, "a", "r", NULL, &w), CHATROOM_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", NULL, &w), CHATROOM_OK);
    w = (struct chatroom_write){.kind = CHATROOM_TRIM, .key = chatroom_str("a"), .seq = 3};
    assert_int_equal(write_all(&w, 1), CHATROOM_OK);
    read_page(&work, CHATROOM_READ_BEFORE, "a", 5, 9);
    assert_true(work.page.count >= 2); /* may go, says the contract */
    assert_int_equal(work.page.rows[0].seq, 4);
    assert_int_equal(work.page.rows[1].seq, 3);
    cr_page_fini(&work.page, &cr_default_alloc);
    assert_int_equal(write_one(CHATROOM_APPEND, "a", "x", NULL, &w), CHATROOM_OK);
    assert_int_equal(w.ret_seq, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(store__entries_count_from_one_without_a_gap, open_store, close_store),
        cmocka_unit_test_setup_teardown(store__group_is_all_or_nothing, open_store, close_store),
        cmocka_unit_test_setup_teardown(store__once_is_once_a_room, open_store, close_store),
        cmocka_unit_test_setup_teardown(store__room_made_anew_has_another_epoch, open_store, close_store),
        cmocka_unit_test_setup_teardown(store__trimmed_entries_go_and_the_rest_keep_their_place, open_store,
                                        close_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
