#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "group.h"

#include <stdlib.h>

enum { MEMBERS = 7 };

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

static chatroom_frame *frame_of(const char *text)
{
    chatroom_frame *frame = chatroom_frame_new(&counting, CHATROOM_TEXT_MESSAGE, chatroom_str(text), 0);

    assert_non_null(frame);
    return frame;
}

static void tape__single_frame_is_referred_to(void **state)
{
    chatroom_frame *frame = frame_of("alone");
    struct ws_tape *tape = ws_tape_new(frame);

    (void)state;
    assert_non_null(tape);
    assert_ptr_equal(ws_tape_at(tape, 0), chatroom_frame_wire(frame).bytes);
    assert_int_equal(tape->size, chatroom_frame_wire(frame).size);
    chatroom_frame_unref(frame);
    assert_int_equal(live, 1);
    ws_tape_unref(tape);
    assert_int_equal(live, 0);
}

static void tape__several_are_one_run_of_octets(void **state)
{
    static char long_text[2000];
    chatroom_frame *first = frame_of("one"), *second = frame_of(memset(long_text, 'x', sizeof long_text - 1));
    struct ws_tape *tape = ws_tape_new(first);

    (void)state;
    assert_int_equal(ws_tape_append(tape, second), CHATROOM_OK);
    assert_int_equal(ws_tape_append(tape, first), CHATROOM_OK);
    assert_int_equal(tape->size, 2 * 5 + 4 + sizeof long_text - 1);
    assert_memory_equal(ws_tape_at(tape, 0), chatroom_frame_wire(first).bytes, 5);
    assert_memory_equal(ws_tape_at(tape, 5), chatroom_frame_wire(second).bytes, 4 + sizeof long_text - 1);
    assert_memory_equal(ws_tape_at(tape, tape->size - 5), chatroom_frame_wire(first).bytes, 5);
    chatroom_frame_unref(first);
    chatroom_frame_unref(second);
    assert_int_equal(live, 0); /* the tape has a copy */
    assert_ptr_equal(ws_tape_ref(tape), tape);
    ws_tape_unref(tape);
    assert_memory_equal(ws_tape_at(tape, 2), "one", 3);
    ws_tape_unref(tape);
}

static void tape__ends_where_a_new_one_is_better(void **state)
{
    static char long_text[WS_TAPE_MOST - 3];
    chatroom_frame *frame = frame_of(memset(long_text, 'x', sizeof long_text - 1));
    struct ws_tape *tape = ws_tape_new(frame);

    (void)state;
    assert_int_equal(tape->size, WS_TAPE_MOST);
    assert_true(ws_tape_takes(tape, 0));
    assert_false(ws_tape_takes(tape, 1));
    assert_false(ws_tape_takes(tape, SIZE_MAX));
    chatroom_frame_unref(frame);
    ws_tape_unref(tape);
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static char names[MEMBERS]; /* their addresses stand for connections */
static struct chatroom_seat seats[MEMBERS];

static struct ws_connection *connection_of(int i)
{
    return (struct ws_connection *)(void *)&names[i];
}

static void check(const struct ws_group *group)
{
    assert_in_range(group->following, 0, group->count);
    for (size_t i = 0; i < group->count; i++) {
        assert_ptr_equal(ws_group_of(group->members[i].seat), group);
        assert_int_equal(group->members[i].seat->place, i);
        assert_ptr_equal(group->members[i].connection, connection_of((int)(group->members[i].seat - seats)));
    }
}

static bool follows(const struct ws_group *group, int i)
{
    return seats[i].place < group->following;
}

static void group__frame_costs_a_look_at_the_strays_alone(void **state)
{
    struct ws_group *group = ws_group_new();

    (void)state;
    assert_non_null(group);
    assert_null(ws_group_gather(group));
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(ws_group_add(group, connection_of(i), &seats[i]), CHATROOM_OK);
    for (int i = 0; i < MEMBERS; i++)
        assert_non_null(ws_group_gather(group));
    assert_null(ws_group_gather(group));
    ws_group_stray(&seats[0]);
    ws_group_stray(&seats[3]);
    check(group);
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(follows(group, i), i != 0 && i != 3);
    ws_group_remove(&seats[1]); /* one that follows */
    ws_group_remove(&seats[3]); /* one that strays */
    check(group);
    assert_int_equal(group->count, MEMBERS - 2);
    assert_ptr_equal(ws_group_gather(group)->connection, connection_of(0));
    assert_null(ws_group_gather(group));
    while (group->count > 0) {
        ws_group_remove(group->members[group->count / 2].seat);
        check(group);
    }
    ws_group_free(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tape__single_frame_is_referred_to),
        cmocka_unit_test(tape__several_are_one_run_of_octets),
        cmocka_unit_test(tape__ends_where_a_new_one_is_better),
        cmocka_unit_test(group__frame_costs_a_look_at_the_strays_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
