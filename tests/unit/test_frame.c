#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"

#include <chatroom/transport.h>

#include <stdlib.h>
#include <string.h>

static chatroom_frame *frame_of(size_t size, size_t frame_bytes)
{
    char *payload = malloc(size + 1);
    chatroom_frame *frame;

    assert_non_null(payload);
    for (size_t i = 0; i < size; i++)
        payload[i] = (char)(i * 7);
    frame = chatroom_frame_new(&cr_default_alloc, CHATROOM_TEXT_MESSAGE, chatroom_bytes(payload, size), frame_bytes);
    free(payload);
    assert_non_null(frame);
    return frame;
}

static void assert_payload(const chatroom_frame *frame, size_t size)
{
    char *payload = malloc(size + 1);

    assert_non_null(payload);
    assert_int_equal(chatroom_frame_payload_size(frame), size);
    chatroom_frame_payload(frame, payload);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(payload[i], (char)(i * 7));
    free(payload);
}

static void frame__has_the_shortest_header(void **state)
{
    static const struct {
        size_t size, header;
    } table[] = {{0, 2}, {1, 2}, {125, 2}, {126, 4}, {127, 4}, {65535, 4}, {65536, 10}, {100000, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        chatroom_frame *frame = frame_of(table[i].size, 0);
        chatroom_span wire = chatroom_frame_wire(frame);

        assert_int_equal(wire.size, table[i].size + table[i].header);
        assert_int_equal((uint8_t)wire.bytes[0], 0x81);
        assert_payload(frame, table[i].size);
        chatroom_frame_unref(frame);
    }
}

static void frame__is_fragmented_above_the_limit(void **state)
{
    chatroom_frame *frame = frame_of(100, 40);
    const uint8_t *wire = (const uint8_t *)chatroom_frame_wire(frame).bytes;

    (void)state;
    assert_int_equal(chatroom_frame_wire(frame).size, 100 + 3 * 2);
    assert_int_equal(wire[0], 0x01);
    assert_int_equal(wire[1], 40);
    assert_int_equal(wire[42], 0x00);
    assert_int_equal(wire[84], 0x80);
    assert_int_equal(wire[85], 20);
    assert_payload(frame, 100);
    chatroom_frame_unref(frame);
}

static void frame__at_the_limit_is_whole(void **state)
{
    chatroom_frame *frame = frame_of(40, 40);

    (void)state;
    assert_int_equal(chatroom_frame_wire(frame).size, 42);
    assert_int_equal((uint8_t)chatroom_frame_wire(frame).bytes[0], 0x81);
    chatroom_frame_unref(frame);
}

static void frame__lives_until_the_last_reference(void **state)
{
    chatroom_frame *frame = frame_of(3, 0);

    (void)state;
    assert_ptr_equal(chatroom_frame_ref(frame), frame);
    chatroom_frame_unref(frame);
    assert_payload(frame, 3);
    chatroom_frame_unref(frame);
    chatroom_frame_unref(NULL);
}

static void *no_memory(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg, (void)memory, (void)old_size, (void)size;
    return NULL;
}

static void frame__out_of_memory_is_null(void **state)
{
    const struct chatroom_alloc none = {no_memory, NULL};

    (void)state;
    assert_null(chatroom_frame_new(&none, CHATROOM_TEXT_MESSAGE, chatroom_str("x"), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame__has_the_shortest_header), cmocka_unit_test(frame__is_fragmented_above_the_limit),
        cmocka_unit_test(frame__at_the_limit_is_whole),   cmocka_unit_test(frame__lives_until_the_last_reference),
        cmocka_unit_test(frame__out_of_memory_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
