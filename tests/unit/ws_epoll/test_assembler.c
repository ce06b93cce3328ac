#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "assembler.h"

#include "ws_frames.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP 131072

enum { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG };

static struct ws_readers readers;
static const struct ws_limits usual = {CAP, CAP, 64 + CAP / 64};
static const uint8_t key[4] = {0x11, 0x22, 0x33, 0x44};

static bool wslay_fails;

ssize_t __real_wslay_frame_recv(wslay_frame_context_ptr context, struct wslay_frame_iocb *frame);
ssize_t __wrap_wslay_frame_recv(wslay_frame_context_ptr context, struct wslay_frame_iocb *frame);

ssize_t __wrap_wslay_frame_recv(wslay_frame_context_ptr context, struct wslay_frame_iocb *frame)
{
    return wslay_fails ? WSLAY_ERR_PROTO : __real_wslay_frame_recv(context, frame);
}

/* What came out of some octets: one line an event, "T:hello P:ping F:1002". */
static char story[65536];

static void note(const struct ws_event *event)
{
    static const char letters[] = {
        [WS_FRAGMENT] = '+', [WS_PING] = 'P', [WS_PONG] = 'O', [WS_CLOSE] = 'C', [WS_FAIL] = 'F'};
    size_t at = strlen(story), left = sizeof story - at;

    if (event->kind == WS_MESSAGE)
        snprintf(story + at, left, "%c:%.*s ", event->message == CHATROOM_TEXT_MESSAGE ? 'T' : 'B',
                 (int)event->bytes.size, event->bytes.bytes ? event->bytes.bytes : "");
    else if (event->kind == WS_FAIL)
        snprintf(story + at, left, "F:%u ", event->code);
    else if (event->kind == WS_CLOSE)
        snprintf(story + at, left, "C:%u:%.*s ", event->code, (int)event->bytes.size, event->bytes.bytes);
    else
        snprintf(story + at, left, "%c:%.*s ", letters[event->kind], (int)event->bytes.size, event->bytes.bytes);
}

/* Feeds size octets from a block of their own, so that a read or write beyond it shows. False after a failure. */
static bool feed(struct ws_assembler *assembler, const struct ws_limits *limits, const uint8_t *octets, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct ws_input input = {copy, copy + size};
    struct ws_event event;

    memcpy(copy, octets, size);
    do {
        ws_assembler_next(assembler, &readers, limits, &input, &event);
        assert_int_not_equal(event.kind, WS_NO_MEMORY);
        if (event.kind != WS_MORE)
            note(&event);
    } while (event.kind != WS_MORE && event.kind != WS_FAIL && event.kind != WS_CLOSE);
    free(copy);
    return event.kind == WS_MORE;
}

/* The story of octets that come in pieces of that size. */
static const char *tell_cut(const struct ws_limits *limits, const uint8_t *octets, size_t size, size_t piece)
{
    struct ws_assembler assembler = {0};
    bool going = true;

    story[0] = '\0';
    for (size_t at = 0; at < size && going; at += piece)
        going = feed(&assembler, limits, octets + at, size - at < piece ? size - at : piece);
    ws_assembler_fini(&assembler, &readers);
    return story;
}

static const char *tell(const uint8_t *octets, size_t size)
{
    return tell_cut(&usual, octets, size, size);
}

static int end(void **state)
{
    (void)state;
    ws_readers_fini(&readers);
    return 0;
}

/* ---- unmasking ----------------------------------------------------------------------------------------------------
 */

static void assembler__unmasks_every_offset_and_length(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 16; offset++)
        for (size_t size = 0; size <= 64; size++) {
            uint8_t block[96], plain[96];

            for (size_t i = 0; i < sizeof block; i++)
                plain[i] = block[i] = (uint8_t)(i * 7 + size);
            for (size_t i = 0; i < size; i++)
                plain[offset + i] ^= key[i % 4];
            ws_unmask(block + offset, size, key);
            assert_memory_equal(block, plain, sizeof block);
        }
}

/* ---- conversations -------------------------------------------------------------------------------------------------
 */

static size_t conversation(uint8_t *to)
{
    const char *longer = "a long one that takes the middle form of a length, because it is longer than one hundred and "
                         "twenty-five octets; now it is";
    size_t at = wire_frame(to, WIRE_FIN | TEXT, "one", 3);

    at += wire_frame(to + at, WIRE_FIN | PING, "p", 1);
    at += wire_frame(to + at, TEXT, "tw", 2);
    at += wire_frame(to + at, WIRE_FIN | PING, "", 0);
    at += wire_frame(to + at, CONTINUATION, "", 0);
    at += wire_frame(to + at, WIRE_FIN | PONG, "o", 1);
    at += wire_frame(to + at, WIRE_FIN | CONTINUATION, "o", 1);
    at += wire_frame(to + at, WIRE_FIN | BINARY, "", 0);
    at += wire_frame(to + at, WIRE_FIN | TEXT, longer, strlen(longer));
    at += wire_frame(to + at, WIRE_FIN | CLOSE,
                     "\x03\xe8"
                     "bye",
                     5);
    return at + wire_frame(to + at, WIRE_FIN | TEXT, "late", 4);
}

static void assembler__says_the_same_however_the_octets_are_cut(void **state)
{
    uint8_t octets[512];
    size_t size = conversation(octets);
    char whole[1024];

    (void)state;
    snprintf(whole, sizeof whole, "%s", tell(octets, size));
    assert_non_null(strstr(whole, "T:one P:p +: P: +: O:o T:two B: T:a long one"));
    assert_non_null(strstr(whole, "C:1000:bye "));
    assert_null(strstr(whole, "late"));
    for (size_t piece = 1; piece < size; piece++)
        assert_string_equal(tell_cut(&usual, octets, size, piece), whole);
    for (size_t at = 1; at < size - 11; at++) {
        struct ws_assembler assembler = {0};

        story[0] = '\0';
        if (feed(&assembler, &usual, octets, at))
            feed(&assembler, &usual, octets + at, size - at);
        assert_string_equal(story, whole);
        ws_assembler_fini(&assembler, &readers);
    }
}

static void assembler__never_delivers_what_has_not_ended(void **state)
{
    uint8_t octets[512];
    size_t size = conversation(octets);
    char whole[1024];

    (void)state;
    snprintf(whole, sizeof whole, "%s", tell(octets, size));
    for (size_t at = 0; at < size; at++) {
        tell(octets, at);
        assert_memory_equal(story, whole, strlen(story));
    }
}

static void assembler__holds_nothing_between_messages(void **state)
{
    struct ws_assembler assembler = {0};
    uint8_t octets[64];
    size_t size = wire_frame(octets, WIRE_FIN | TEXT, "hello", 5);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        feed(&assembler, &usual, octets + i, 1);
        assert_int_equal(ws_assembler_busy(&assembler), i < size - 1);
    }
    feed(&assembler, &usual, octets, 0);
    assert_null(assembler.partial);
    assert_int_equal(readers.count, 1);
}

static void assembler__fails_at_the_first_octet_that_is_not_utf8(void **state)
{
    struct ws_assembler assembler = {0};
    uint8_t octets[64];
    size_t size = wire_frame(octets, WIRE_FIN | TEXT, "\xce\xba\xf4\x90\x80\x80 and more", 15);

    (void)state;
    story[0] = '\0';
    assert_true(feed(&assembler, &usual, octets, size - 12)); /* up to F4 */
    assert_false(feed(&assembler, &usual, octets + size - 12, 1));
    assert_string_equal(story, "F:1007 ");
    ws_assembler_fini(&assembler, &readers);
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static void assert_fails(uint16_t code, const uint8_t *octets, size_t size)
{
    char wanted[16];

    snprintf(wanted, sizeof wanted, "F:%u ", code);
    assert_string_equal(tell(octets, size), wanted);
    assert_string_equal(tell_cut(&usual, octets, size, 1), wanted);
}

static void T03_frames_that_break_a_rule(void **state)
{
    uint8_t octets[256];
    size_t size;

    (void)state;
    for (unsigned opcode = 0; opcode < 16; opcode++) { /* not masked, reserved bits */
        size = wire_header(octets, (uint8_t)(WIRE_FIN | opcode), 2, 0, NULL);
        assert_fails(1002, octets, size);
        for (unsigned bits = 1; bits < 8; bits++)
            assert_fails(1002, octets, wire_frame(octets, (uint8_t)(WIRE_FIN | bits << 4 | opcode), "\x03\xe8", 2));
        if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG)
            assert_fails(1002, octets, wire_frame(octets, (uint8_t)(WIRE_FIN | opcode), "", 0));
        if (opcode >= CLOSE && opcode <= PONG) { /* cut, or too long, seen at the second octet */
            assert_fails(1002, octets, wire_frame(octets, (uint8_t)opcode, "\x03\xe8", 2));
            for (uint64_t announced = 126; announced <= 65536; announced += 65410) {
                wire_header(octets, (uint8_t)(WIRE_FIN | opcode), announced, 0, key);
                assert_fails(1002, octets, 2);
            }
        }
    }
    assert_fails(1002, octets, wire_frame(octets, WIRE_FIN | CONTINUATION, "stray", 5));
    assert_fails(1002, octets, wire_frame(octets, CONTINUATION, "stray", 5));
    size = wire_frame(octets, TEXT, "a", 1);
    size += wire_frame(octets + size, WIRE_FIN | BINARY, "b", 1);
    assert_string_equal(tell(octets, size), "+: F:1002 ");
}

static void T07_lengths_at_their_limits(void **state)
{
    static const struct {
        uint64_t size;
        int form;
        uint16_t code; /* 0: the header is fine */
    } table[] = {
        {0, 0, 0},
        {0, 16, 1002},
        {0, 64, 1002},
        {125, 0, 0},
        {125, 16, 1002},
        {125, 64, 1002},
        {126, 0, 0},
        {126, 64, 1002},
        {65535, 0, 0},
        {65535, 64, 1002},
        {65536, 0, 0},
        {CAP, 0, 0},
        {CAP + 1, 0, 1009},
        {(1ull << 31) - 1, 0, 1009},
        {1ull << 31, 0, 1009},
        {(1ull << 31) + 1, 0, 1009},
        {(1ull << 32) - 1, 0, 1009},
        {1ull << 32, 0, 1009},
        {(1ull << 32) + 1, 0, 1009},
        {(1ull << 63) - 1, 0, 1009},
        {1ull << 63, 0, 1002},
        {UINT64_MAX, 0, 1002},
    };
    uint8_t octets[16];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t size = wire_header(octets, WIRE_FIN | BINARY, table[i].size, table[i].form, key);

        if (table[i].code)
            assert_fails(table[i].code, octets, size);
        else
            assert_string_equal(tell(octets, size), table[i].size ? "" : "B: ");
        octets[0] = BINARY; /* a message that has begun may not wrap around either */
        if (table[i].code) {
            uint8_t two[32];
            size_t first = wire_frame(two, BINARY, "x", 1);

            octets[0] = WIRE_FIN | CONTINUATION;
            memcpy(two + first, octets, size);
            tell(two, first + size);
            assert_non_null(strstr(story, table[i].code == 1009 ? "F:1009" : "F:1002"));
        }
    }
}

static void T06_announced_length_takes_no_memory(void **state)
{
    struct ws_assembler assembler = {0};
    const struct ws_limits large = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    uint8_t octets[16];
    size_t size = wire_header(octets, WIRE_FIN | BINARY, (1u << 31) - 1, 0, key), before;

    (void)state;
    octets[size++] = 'x';
    feed(&assembler, &usual, octets, 0);
    before = mallinfo2().uordblks;
    story[0] = '\0';
    assert_true(feed(&assembler, &large, octets, size));
    assert_in_range(mallinfo2().uordblks - before, 0, 8192); /* a reader, and room for the octet that came */
    ws_assembler_fini(&assembler, &readers);
    assert_fails(1009, octets, size);
}

static void T04_tiny_fragments_end_at_the_frame_limit(void **state)
{
    struct ws_assembler assembler = {0};
    uint8_t octets[32];
    size_t size = wire_frame(octets, BINARY, "a", 1), frames = 1;

    (void)state;
    assert_true(feed(&assembler, &usual, octets, size));
    size = wire_frame(octets, CONTINUATION, "b", 1);
    do {
        story[0] = '\0';
        frames++;
    } while (feed(&assembler, &usual, octets, size) && frames < CAP);
    assert_string_equal(story, "F:1009 ");
    assert_int_equal(frames, 2113);
    ws_assembler_fini(&assembler, &readers);
}

static void T05_empty_fragments_count_too(void **state)
{
    struct ws_assembler assembler = {0};
    uint8_t octets[32];
    size_t size = wire_frame(octets, TEXT, "", 0), frames = 1;

    (void)state;
    assert_true(feed(&assembler, &usual, octets, size));
    size = wire_frame(octets, CONTINUATION, "", 0);
    do {
        story[0] = '\0';
        frames++;
    } while (feed(&assembler, &usual, octets, size) && frames < CAP);
    assert_string_equal(story, "F:1009 ");
    assert_int_equal(frames, 2113);
    ws_assembler_fini(&assembler, &readers);
}

static void assembler__limits_of_frame_and_message_are_exact(void **state)
{
    const struct ws_limits small = {10, 6, 4};
    uint8_t octets[128];
    size_t size = wire_frame(octets, WIRE_FIN | TEXT, "123456", 6);

    (void)state;
    assert_string_equal(tell_cut(&small, octets, size, size), "T:123456 ");
    assert_string_equal(tell_cut(&small, octets, size, 1), "T:123456 ");
    size = wire_frame(octets, WIRE_FIN | TEXT, "1234567", 7);
    assert_string_equal(tell_cut(&small, octets, size, size), "F:1009 ");
    size = wire_frame(octets, TEXT, "123456", 6);
    wire_frame(octets + size, WIRE_FIN | CONTINUATION, "7890", 4);
    assert_string_equal(tell_cut(&small, octets, size + 10, 3), "+: T:1234567890 ");
    wire_frame(octets + size, WIRE_FIN | CONTINUATION, "78901", 5);
    assert_string_equal(tell_cut(&small, octets, size + 6, 3), "+: F:1009 "); /* at its header */
}

static void assembler__big_message_in_any_cut_is_whole(void **state)
{
    static uint8_t octets[CAP + 64];
    static char payload[CAP];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)('a' + i % 26);
    size = wire_frame(octets, TEXT, payload, 30000);
    size += wire_frame(octets + size, WIRE_FIN | PING, "p", 1);
    size += wire_frame(octets + size, WIRE_FIN | CONTINUATION, payload + 30000, 10000);
    for (size_t piece = 1; piece < 40000; piece = piece * 3 + 1) {
        tell_cut(&usual, octets, size, piece);
        assert_memory_equal(story, "+: P:p T:", 9);
        assert_memory_equal(story + 9, payload, 40000);
    }
}

/* ---- Close ------------------------------------------------------------------------------------------------------- */

static void assembler__close_codes_by_the_rule(void **state)
{
    uint8_t octets[16];

    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        bool valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
        const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
        char wanted[16];

        snprintf(wanted, sizeof wanted, valid ? "C:%u: " : "F:1002 ", code);
        assert_string_equal(tell(octets, wire_frame(octets, WIRE_FIN | CLOSE, payload, 2)), wanted);
    }
}

static void assembler__close_payloads(void **state)
{
    uint8_t octets[256];
    char payload[125] = "\x03\xe8";

    (void)state;
    assert_string_equal(tell(octets, wire_frame(octets, WIRE_FIN | CLOSE, "", 0)), "C:1005: ");
    assert_fails(1002, octets, wire_frame(octets, WIRE_FIN | CLOSE, "\x03", 1));
    assert_fails(1007, octets, wire_frame(octets, WIRE_FIN | CLOSE, "\x03\xe8\xed\xa0\x80", 5));
    assert_fails(1007, octets, wire_frame(octets, WIRE_FIN | CLOSE, "\x03\xe8\xce", 3));
    memset(payload + 2, '*', 123);
    tell(octets, wire_frame(octets, WIRE_FIN | CLOSE, payload, 125));
    assert_memory_equal(story, "C:1000:****", 11);
}

/* ---- whole frames and those that are cut ------------------------------------------------------------------------- */

/* Octets in two pieces: the first has so many. */
static const char *tell_halves(const uint8_t *octets, size_t size, size_t first)
{
    struct ws_assembler assembler = {0};

    story[0] = '\0';
    if (feed(&assembler, &usual, octets, first))
        feed(&assembler, &usual, octets + first, size - first);
    ws_assembler_fini(&assembler, &readers);
    return story;
}

static void assembler__a_frame_cut_anywhere_in_its_header_is_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536};
    static uint8_t payload[65536], octets[sizeof payload + 14];
    static char expected[sizeof story];

    (void)state;
    memset(payload, 'a', sizeof payload);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = wire_frame(octets, WIRE_FIN | TEXT, (const char *)payload, sizes[i]);

        strcpy(expected, tell(octets, size));
        for (size_t first = 1; first < 16 && first < size; first++)
            assert_string_equal(tell_halves(octets, size, first), expected);
    }
}

static void assembler__text_that_ends_inside_a_character_fails_however_it_comes(void **state)
{
    uint8_t octets[64];
    size_t size;

    (void)state;
    assert_fails(1007, octets, wire_frame(octets, WIRE_FIN | TEXT, "a\xe2\x82", 3));
    size = wire_frame(octets, TEXT, "a\xe2", 2);
    size += wire_frame(octets + size, WIRE_FIN | CONTINUATION, "\x82", 1);
    assert_string_equal(tell(octets, size), "+: F:1007 ");
    size = wire_frame(octets, TEXT, "a\xe2", 2);
    size += wire_frame(octets + size, WIRE_FIN | CONTINUATION, "\x82\xac", 2);
    assert_string_equal(tell(octets, size), "+: T:a\xe2\x82\xac ");
    size = wire_frame(octets, WIRE_FIN | BINARY, "a\xe2\x82", 3);
    assert_string_equal(tell_cut(&usual, octets, size, 1), "B:a\xe2\x82 ");
}

static void assembler__what_wslay_finds_wrong_inside_a_frame_fails_it(void **state)
{
    struct ws_assembler assembler = {0};
    uint8_t octets[64];
    size_t size = wire_frame(octets, TEXT, "abc", 3);

    (void)state;
    story[0] = '\0';
    assert_true(feed(&assembler, &usual, octets, size - 2)); /* the header, and an octet */
    wslay_fails = true;
    assert_false(feed(&assembler, &usual, octets + size - 2, 2));
    wslay_fails = false;
    assert_string_equal(story, "F:1002 ");
    ws_assembler_fini(&assembler, &readers);
}

/* However many octets are there already that it could be made of. */
static void T07_a_length_of_64_bits_is_read_whole(void **state)
{
    static const uint64_t lengths[] = {UINT64_C(200) << 32, UINT64_C(200) << 48, (UINT64_C(1) << 56) + 70000,
                                       (UINT64_C(1) << 62) + 70000, (UINT64_C(1) << 40) + 300};
    static uint8_t octets[80000];

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(octets, 0, sizeof octets);
        wire_header(octets, WIRE_FIN | BINARY, lengths[i], 64, key);
        assert_string_equal(tell(octets, sizeof octets), "F:1009 ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assembler__unmasks_every_offset_and_length),
        cmocka_unit_test_teardown(assembler__says_the_same_however_the_octets_are_cut, end),
        cmocka_unit_test_teardown(assembler__never_delivers_what_has_not_ended, end),
        cmocka_unit_test_teardown(assembler__holds_nothing_between_messages, end),
        cmocka_unit_test_teardown(assembler__fails_at_the_first_octet_that_is_not_utf8, end),
        cmocka_unit_test_teardown(T03_frames_that_break_a_rule, end),
        cmocka_unit_test_teardown(T07_lengths_at_their_limits, end),
        cmocka_unit_test_teardown(T06_announced_length_takes_no_memory, end),
        cmocka_unit_test_teardown(T04_tiny_fragments_end_at_the_frame_limit, end),
        cmocka_unit_test_teardown(T05_empty_fragments_count_too, end),
        cmocka_unit_test_teardown(assembler__limits_of_frame_and_message_are_exact, end),
        cmocka_unit_test_teardown(assembler__big_message_in_any_cut_is_whole, end),
        cmocka_unit_test_teardown(assembler__close_codes_by_the_rule, end),
        cmocka_unit_test_teardown(assembler__close_payloads, end),
        cmocka_unit_test(assembler__a_frame_cut_anywhere_in_its_header_is_whole),
        cmocka_unit_test(assembler__text_that_ends_inside_a_character_fails_however_it_comes),
        cmocka_unit_test(assembler__what_wslay_finds_wrong_inside_a_frame_fails_it),
        cmocka_unit_test(T07_a_length_of_64_bits_is_read_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
