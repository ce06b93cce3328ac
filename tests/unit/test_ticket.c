#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"
#include "ticket.h"

struct fixture {
    struct cr_ticket ticket; /* first */
    struct cr_inbox inbox;
    struct cr_page page;
    int done, woken;
};

static void done(struct cr_ticket *ticket)
{
    ((struct fixture *)ticket)->done++;
}

static void wake(void *arg)
{
    ((struct fixture *)arg)->woken++;
}

static void prepare(struct fixture *f, size_t rows, size_t bytes)
{
    memset(f, 0, sizeof *f);
    cr_page_init(&f->page, &cr_default_alloc, rows, bytes);
    f->ticket.inbox = &f->inbox;
    f->ticket.page = &f->page;
    f->ticket.done = done;
    f->ticket.wake = wake;
    f->ticket.wake_arg = f;
}

static void ticket__completion_waits_for_the_owner(void **state)
{
    struct fixture f;

    (void)state;
    prepare(&f, 1, 1);
    chatroom_write_done(&f.ticket.store, CHATROOM_ENOSPC);
    assert_int_equal(f.done, 0);
    assert_int_equal(f.woken, 1);
    cr_inbox_take(&f.inbox);
    assert_int_equal(f.done, 1);
    assert_int_equal(f.ticket.status, CHATROOM_ENOSPC);
    cr_page_fini(&f.page);
}

static void ticket__page_takes_what_fits_and_refuses_the_rest(void **state)
{
    struct fixture f;

    (void)state;
    prepare(&f, 3, 5);
    assert_true(chatroom_read_row(&f.ticket.store, 9, chatroom_str("abc")));
    assert_true(chatroom_read_row(&f.ticket.store, 8, chatroom_str("")));
    assert_false(f.page.full);
    assert_false(chatroom_read_row(&f.ticket.store, 7, chatroom_str("def")));
    assert_false(chatroom_read_row(&f.ticket.store, 6, chatroom_str("d"))); /* would leave a gap */
    assert_true(f.page.full);
    chatroom_read_done(&f.ticket.store, CHATROOM_OK);
    cr_inbox_take(&f.inbox);
    assert_int_equal(f.page.count, 2);
    assert_int_equal(f.page.rows[0].seq, 9);
    assert_true(chatroom_span_equal(cr_page_value(&f.page, 0), chatroom_str("abc")));
    assert_int_equal(f.page.rows[1].size, 0);
    cr_page_fini(&f.page);
}

static void *no_memory(void *arg, void *memory, size_t old_size, size_t size)
{
    int *left = arg;

    return size == 0 || (*left)-- > 0 ? cr_default_alloc.resize(NULL, memory, old_size, size) : NULL;
}

/* What was taken stands; a page without its first row is a failure. */
static void ticket__page_out_of_memory_is_short_or_none(void **state)
{
    (void)state;
    for (int budget = 0; budget < 6; budget++) {
        int left = budget, rows = 0;
        const struct chatroom_alloc alloc = {no_memory, &left};
        struct fixture f;

        prepare(&f, 100, 100);
        f.page.alloc = &alloc;
        while (chatroom_read_row(&f.ticket.store, 1, chatroom_str("a")))
            rows++;
        assert_false(chatroom_read_row(&f.ticket.store, 1, chatroom_str(""))); /* would leave a gap */
        assert_true(f.page.full);
        chatroom_read_done(&f.ticket.store, CHATROOM_OK);
        cr_inbox_take(&f.inbox);
        assert_int_equal(f.ticket.status, rows > 0 ? CHATROOM_OK : CHATROOM_ENOMEM);
        assert_int_equal(rows > 0, budget >= 2);
        assert_int_equal(f.page.count, rows);
        cr_page_fini(&f.page);
    }
}

static void ticket__page_grows_with_what_is_read(void **state)
{
    struct fixture f;

    (void)state;
    prepare(&f, 1000, 1000000);
    assert_null(f.page.rows);
    for (unsigned i = 1; i <= 1000; i++) {
        assert_true(chatroom_read_row(&f.ticket.store, i, chatroom_str("0123456789")));
        assert_true(f.page.size <= 2 * f.page.used);
        assert_true(f.page.capacity <= 2 * f.page.count + 2);
    }
    for (unsigned i = 0; i < 1000; i++)
        assert_true(chatroom_span_equal(cr_page_value(&f.page, i), chatroom_str("0123456789")));
    cr_page_fini(&f.page);
}

static void ticket__an_owner_that_looks_by_itself_need_not_be_woken(void **state)
{
    struct fixture f;

    (void)state;
    prepare(&f, 1, 1);
    f.ticket.wake = NULL;
    chatroom_write_done(&f.ticket.store, CHATROOM_OK);
    assert_int_equal(f.woken, 0);
    cr_inbox_take(&f.inbox);
    assert_int_equal(f.done, 1);
    cr_page_fini(&f.page);
}

static void ticket__an_owner_is_woken_once_for_what_it_has_not_taken(void **state)
{
    struct fixture f;
    struct cr_ticket second;

    (void)state;
    prepare(&f, 1, 1);
    second = f.ticket;
    chatroom_write_done(&f.ticket.store, CHATROOM_OK);
    chatroom_write_done(&second.store, CHATROOM_EIO);
    assert_int_equal(f.woken, 1);
    cr_page_fini(&f.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticket__completion_waits_for_the_owner),
        cmocka_unit_test(ticket__page_takes_what_fits_and_refuses_the_rest),
        cmocka_unit_test(ticket__page_out_of_memory_is_short_or_none),
        cmocka_unit_test(ticket__page_grows_with_what_is_read),
        cmocka_unit_test(ticket__an_owner_that_looks_by_itself_need_not_be_woken),
        cmocka_unit_test(ticket__an_owner_is_woken_once_for_what_it_has_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
