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
    assert_int_equal(cr_page_init(&f->page, &cr_default_alloc, rows, bytes), CHATROOM_OK);
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
    cr_page_fini(&f.page, &cr_default_alloc);
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
    assert_true(chatroom_span_equal(f.page.rows[0].value, chatroom_str("abc")));
    assert_int_equal(f.page.rows[1].value.size, 0);
    cr_page_fini(&f.page, &cr_default_alloc);
}

static void *no_memory(void *arg, void *memory, size_t old_size, size_t size)
{
    int *left = arg;

    return size == 0 || (*left)-- > 0 ? cr_default_alloc.resize(NULL, memory, old_size, size) : NULL;
}

static void ticket__page_out_of_memory_leaks_nothing(void **state)
{
    (void)state;
    for (int budget = 0; budget < 2; budget++) {
        int left = budget;
        const struct chatroom_alloc alloc = {no_memory, &left};
        struct cr_page page;

        assert_int_equal(cr_page_init(&page, &alloc, 4, 64), CHATROOM_ENOMEM);
        assert_null(page.rows);
        assert_null(page.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticket__completion_waits_for_the_owner),
        cmocka_unit_test(ticket__page_takes_what_fits_and_refuses_the_rest),
        cmocka_unit_test(ticket__page_out_of_memory_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
