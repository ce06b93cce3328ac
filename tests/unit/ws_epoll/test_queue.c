#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "queue.h"

#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECES 8

static struct ws_queue queue;
static struct ws_pool pool;

static size_t live; /* blocks of frames */

static void *count(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    live += !memory && size > 0;
    live -= memory && size == 0;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static const struct chatroom_alloc counting = {count, NULL};

static int begin(void **state)
{
    (void)state;
    queue = (struct ws_queue){0};
    pool = (struct ws_pool){0};
    live = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    ws_queue_clear(&queue, &pool);
    ws_pool_fini(&pool);
    return !ws_queue_empty(&queue) || queue.charge != 0 || pool.charge != 0 || queue.pongs != 0 || live != 0;
}

static void put(const char *text)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, chatroom_str(text), 0);

    assert_non_null(frame);
    assert_int_equal(ws_queue_frame(&queue, &pool, frame), CHATROOM_OK);
    chatroom_frame_unref(frame);
}

/* Writes at most so many octets a time, and gives all that was written as text, with '.' for a header's octets. */
static void drain(size_t step, char *ret_text)
{
    struct iovec pieces[PIECES];
    size_t size = 0;

    while (!ws_queue_empty(&queue)) {
        size_t count_of = ws_queue_gather(&queue, pieces, PIECES), taken = 0;

        assert_in_range(count_of, 1, PIECES);
        for (size_t i = 0; i < count_of && taken < step; i++)
            for (size_t j = 0; j < pieces[i].iov_len && taken < step; j++, taken++) {
                char c = ((const char *)pieces[i].iov_base)[j];
                ret_text[size++] = c >= 'a' && c <= 'z' ? c : '.';
            }
        assert_int_equal(ws_queue_advance(&queue, &pool, taken), CHATROOM_OK);
    }
    ret_text[size] = '\0';
}

static void queue__partial_writes_resume_at_the_right_octet(void **state)
{
    char text[256];

    (void)state;
    for (size_t step = 1; step < 40; step++) {
        put("one");
        put("");
        assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("pong"), false), CHATROOM_OK);
        put("three");
        assert_int_equal(ws_queue_lasting(&queue, &pool, chatroom_str("lasting")), CHATROOM_OK);
        assert_int_equal(ws_queue_close(&queue, &pool, 1000, chatroom_str("bye")), CHATROOM_OK);
        drain(step, text);
        assert_string_equal(text, "..one....pong..threelasting....bye");
        assert_int_equal(queue.charge, 0);
    }
}

static void queue__frame_is_shared_and_not_copied(void **state)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, chatroom_str("shared"), 0);
    struct ws_queue other = {0};
    struct iovec piece;

    (void)state;
    assert_int_equal(ws_queue_frame(&queue, &pool, frame), CHATROOM_OK);
    assert_int_equal(ws_queue_frame(&other, &pool, frame), CHATROOM_OK);
    assert_int_equal(ws_queue_gather(&other, &piece, 1), 1);
    assert_ptr_equal(piece.iov_base, chatroom_frame_wire(frame).bytes);
    chatroom_frame_unref(frame);
    assert_int_equal(live, 1);
    ws_queue_clear(&queue, &pool);
    assert_int_equal(live, 1);
    ws_queue_clear(&other, &pool);
    assert_int_equal(live, 0);
}

static void queue__charge_counts_what_empty_messages_cost(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        put("");
    assert_true(queue.charge >= 100 * (2 + sizeof(void *)));
}

static void queue__pong_overtakes_data_but_never_enters_a_frame(void **state)
{
    char text[256];

    (void)state;
    put("abc");
    put("def");
    assert_int_equal(ws_queue_advance(&queue, &pool, 1), CHATROOM_OK); /* the peer has the first octet of "abc" */
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("p"), true), CHATROOM_OK);
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("q"), true), CHATROOM_OK);
    assert_int_equal(ws_queue_ping(&queue, &pool, true), CHATROOM_OK);
    drain(100, text);
    assert_string_equal(text, ".abc..p..q....def");
    put("abc");
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("p"), true), CHATROOM_OK);
    drain(100, text);
    assert_string_equal(text, "..p..abc");
}

static void queue__pongs_keep_their_order_when_only_later_ones_overtake(void **state)
{
    char text[256];

    (void)state;
    put("abc");
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("p"), false), CHATROOM_OK);
    put("def");
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("q"), true), CHATROOM_OK);
    put("ghi");
    drain(100, text);
    assert_string_equal(text, "..abc..p..q..def..ghi");
}

static void queue__nothing_overtakes_an_answer_to_http(void **state)
{
    char text[256];

    (void)state;
    assert_int_equal(ws_queue_copy(&queue, &pool, chatroom_str("switching")), CHATROOM_OK);
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("p"), true), CHATROOM_OK);
    put("abc");
    drain(100, text);
    assert_string_equal(text, "switching..p..abc");
}

/* ---- following a tape -------------------------------------------------------------------------------------------- */

static struct ws_group *group;
static struct chatroom_seat seat;

static void begin_group(void)
{
    group = ws_group_new();
    assert_non_null(group);
    assert_int_equal(ws_group_add(group, NULL, &seat), CHATROOM_OK);
}

/* As output.c does it, with one member. */
static void put_in_group(const char *text)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, chatroom_str(text), 0);
    size_t from = group->tape ? group->tape->size : 0;

    assert_non_null(frame);
    if (group->tape)
        assert_int_equal(ws_tape_append(group->tape, frame), CHATROOM_OK);
    else
        assert_non_null(group->tape = ws_tape_new(frame));
    chatroom_frame_unref(frame);
    if (!ws_group_gather(group))
        return;
    assert_int_equal(ws_queue_leave(&queue, &pool), CHATROOM_OK);
    ws_queue_follow(&queue, &seat, from);
}

static void end_group(void)
{
    assert_int_equal(ws_queue_cut(&queue, &pool), CHATROOM_OK);
    ws_tape_unref(group->tape);
    group->tape = NULL;
    group->following = 0;
}

static void queue__what_it_follows_is_in_its_place(void **state)
{
    char text[256];

    (void)state;
    begin_group();
    for (size_t step = 1; step < 40; step++) {
        put("a");
        put_in_group("b");
        put_in_group("c"); /* nobody tells the queue */
        assert_int_equal(ws_queue_following(&queue), 6);
        put("d");
        put_in_group("e");
        assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("f"), false), CHATROOM_OK);
        put_in_group("g");
        drain(step, text);
        assert_string_equal(text, "..a..b..c..d..e..f..g");
        put_in_group("h");
        end_group();
        put("i");
        drain(step, text);
        assert_string_equal(text, "..h..i");
    }
    ws_group_remove(&seat);
    ws_group_free(group);
}

static void queue__what_is_left_when_the_tape_ends_is_charged_and_kept(void **state)
{
    char text[256];

    (void)state;
    begin_group();
    put_in_group("ab");
    put_in_group("cd");
    assert_int_equal(queue.charge, 0);
    assert_int_equal(ws_queue_advance(&queue, &pool, 4), CHATROOM_OK);
    assert_int_equal(seat.place, 0);
    assert_int_equal(group->following, 0); /* of the rest some may have been started: it is a piece */
    assert_int_equal(queue.charge, ws_queue_charge(8));
    end_group();
    drain(3, text);
    assert_string_equal(text, "..cd");
    ws_group_remove(&seat);
    ws_group_free(group);
}

static void queue__pong_overtakes_what_is_followed(void **state)
{
    char text[256];

    (void)state;
    begin_group();
    put_in_group("ab");
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("p"), true), CHATROOM_OK);
    put_in_group("cd");
    drain(100, text);
    assert_string_equal(text, "..p..ab..cd");
    assert_int_equal(group->following, 1);
    ws_queue_clear(&queue, &pool);
    assert_int_equal(group->following, 0);
    end_group();
    ws_group_remove(&seat);
    ws_group_free(group);
}

static void T08_beyond_sixteen_pongs_the_newest_replaces_the_last(void **state)
{
    char text[256], expected[] = "..a..b..c..d..e..f..g..h..i..j..k..l..m..n..o..zz";
    size_t charge = 0;

    (void)state;
    for (char c = 'a'; c <= 'z'; c++) {
        const char payload[3] = {c, '\0'};

        assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str(payload), true), CHATROOM_OK);
        if (c == 'p')
            charge = queue.charge;
    }
    assert_int_equal(queue.charge, charge);
    assert_int_equal(ws_queue_pong(&queue, &pool, chatroom_str("zz"), true), CHATROOM_OK);
    assert_int_equal(queue.charge, charge + 1);
    drain(100, text);
    assert_string_equal(text, expected);
    assert_int_equal(queue.pongs, 0);
}

static void queue__close_without_a_code_has_no_payload(void **state)
{
    struct iovec piece;

    (void)state;
    assert_int_equal(ws_queue_close(&queue, &pool, 0, chatroom_str(NULL)), CHATROOM_OK);
    assert_int_equal(ws_queue_gather(&queue, &piece, 1), 1);
    assert_int_equal(piece.iov_len, 2);
    assert_memory_equal(piece.iov_base, "\x88\x00", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queue__partial_writes_resume_at_the_right_octet, begin, end),
        cmocka_unit_test_setup_teardown(queue__frame_is_shared_and_not_copied, begin, end),
        cmocka_unit_test_setup_teardown(queue__charge_counts_what_empty_messages_cost, begin, end),
        cmocka_unit_test_setup_teardown(queue__pong_overtakes_data_but_never_enters_a_frame, begin, end),
        cmocka_unit_test_setup_teardown(queue__pongs_keep_their_order_when_only_later_ones_overtake, begin, end),
        cmocka_unit_test_setup_teardown(queue__nothing_overtakes_an_answer_to_http, begin, end),
        cmocka_unit_test_setup_teardown(queue__what_it_follows_is_in_its_place, begin, end),
        cmocka_unit_test_setup_teardown(queue__what_is_left_when_the_tape_ends_is_charged_and_kept, begin, end),
        cmocka_unit_test_setup_teardown(queue__pong_overtakes_what_is_followed, begin, end),
        cmocka_unit_test_setup_teardown(T08_beyond_sixteen_pongs_the_newest_replaces_the_last, begin, end),
        cmocka_unit_test_setup_teardown(queue__close_without_a_code_has_no_payload, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
