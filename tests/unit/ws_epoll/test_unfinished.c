/* P4: what unfinished messages hold is counted as long as it is held, and no longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "assembler.h"
#include "ws_frames.h"

static const struct ws_limits limits = {.message_bytes = 131072, .frame_bytes = 131072, .message_frames = 2112};
static uint8_t wire[131072 + 14], payload[131072];

static enum ws_event_kind feed(struct ws_assembler *assembler, struct ws_readers *readers, uint8_t *octets, size_t size)
{
    struct ws_input input = {octets, octets + size};
    struct ws_event event;

    do
        ws_assembler_next(assembler, readers, &limits, &input, &event);
    while (input.at < input.end && event.kind != WS_FAIL);
    return event.kind;
}

static void unfinished__a_message_counts_until_it_has_been_taken(void **state)
{
    struct ws_readers readers = {0};
    struct ws_assembler one = {0}, other = {0};
    size_t size = wire_frame(wire, WIRE_FIN | 2, payload, 100000);

    (void)state;
    assert_int_equal(feed(&one, &readers, wire, 60000), WS_MORE);
    assert_in_range(readers.unfinished, 60000 - 10, 100000);
    assert_int_equal(readers.unfinished, ws_assembler_size(&one));
    assert_int_equal(feed(&other, &readers, wire, 30000), WS_MORE);
    assert_int_equal(readers.unfinished, ws_assembler_size(&one) + ws_assembler_size(&other));
    assert_int_equal(feed(&one, &readers, wire + 60000, size - 60000), WS_MESSAGE);
    assert_int_equal(feed(&one, &readers, wire, 0), WS_MORE); /* it has been lent out: now it is gone */
    assert_int_equal(ws_assembler_size(&one), 0);
    assert_int_equal(readers.unfinished, ws_assembler_size(&other));
    ws_assembler_fini(&other, &readers);
    assert_int_equal(readers.unfinished, 0);
    ws_assembler_fini(&one, &readers);
    ws_readers_fini(&readers);
}

static void unfinished__one_that_fails_counts_no_more(void **state)
{
    struct ws_readers readers = {0};
    struct ws_assembler assembler = {0};
    size_t size = wire_frame(wire, 2, payload, 5000);

    (void)state;
    assert_int_equal(feed(&assembler, &readers, wire, size), WS_FRAGMENT);
    assert_true(readers.unfinished >= 5000);
    size = wire_frame(wire, 2, payload, 1);
    assert_int_equal(feed(&assembler, &readers, wire, size), WS_FAIL);
    ws_assembler_fini(&assembler, &readers);
    assert_int_equal(readers.unfinished, 0);
    ws_readers_fini(&readers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfinished__a_message_counts_until_it_has_been_taken),
        cmocka_unit_test(unfinished__one_that_fails_counts_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
