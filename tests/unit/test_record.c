#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "record.h"

#include <stdlib.h>

static void record__entry_comes_back(void **state)
{
    struct chatroom_entry entry = {.time_ms = 1795467901000,
                                   .author = chatroom_str("ann"),
                                   .id = chatroom_str(""),
                                   .payload = chatroom_str("\"hi\"")};
    struct chatroom_entry back = {0};
    char bytes[64];
    size_t size = cr_entry_size(&entry);

    (void)state;
    assert_true(size <= sizeof bytes);
    cr_entry_encode(&entry, bytes);
    assert_int_equal(cr_entry_decode(chatroom_bytes(bytes, size), &back), CHATROOM_OK);
    assert_int_equal(back.time_ms, entry.time_ms);
    assert_true(chatroom_span_equal(back.author, entry.author));
    assert_true(chatroom_span_equal(back.id, entry.id));
    assert_true(chatroom_span_equal(back.payload, entry.payload));
}

static void record__cut_or_foreign_entry_is_refused(void **state)
{
    struct chatroom_entry entry = {.author = chatroom_str("ann"), .payload = chatroom_str("1")}, back;
    size_t size = cr_entry_size(&entry);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        char *bytes = malloc(size); /* a block of its own, so that a read beyond it is seen */

        assert_non_null(bytes);
        cr_entry_encode(&entry, bytes);
        bytes = realloc(bytes, cut + 1);
        assert_int_equal(cr_entry_decode(chatroom_bytes(bytes, cut), &back), CHATROOM_ECORRUPT);
        free(bytes);
    }
    char bytes[64] = {0};
    cr_entry_encode(&entry, bytes);
    assert_int_equal(cr_entry_decode(chatroom_bytes(bytes, size + 1), &back), CHATROOM_ECORRUPT);
    bytes[0] = 9;
    assert_int_equal(cr_entry_decode(chatroom_bytes(bytes, size), &back), CHATROOM_ECORRUPT);
}

static bool two_rooms(void *arg, size_t n, chatroom_span *ret_room)
{
    (void)arg;
    *ret_room = chatroom_str(n == 0 ? "hall" : "garden");
    return n < 2;
}

static void record__session_comes_back_with_its_rooms(void **state)
{
    struct cr_session_record session = {.connected_at_ms = 7,
                                        .source_ip = chatroom_str("::1"),
                                        .user_agent = chatroom_str(""),
                                        .name = chatroom_str("bob"),
                                        .domain = chatroom_str("chat.example:8080"),
                                        .path = chatroom_str("production"),
                                        .authorizer = chatroom_str("{}")};
    struct cr_session_record back;
    chatroom_span room;
    char bytes[160];
    size_t size = cr_session_size(&session, two_rooms, NULL);

    (void)state;
    assert_true(size <= sizeof bytes);
    cr_session_encode(&session, two_rooms, NULL, bytes);
    assert_int_equal(cr_session_decode(chatroom_bytes(bytes, size), &back), CHATROOM_OK);
    assert_int_equal(back.connected_at_ms, 7);
    assert_true(chatroom_span_equal(back.name, session.name));
    assert_true(chatroom_span_equal(back.domain, session.domain));
    assert_true(chatroom_span_equal(back.path, session.path));
    assert_true(chatroom_span_equal(back.authorizer, session.authorizer));
    assert_true(cr_session_next_room(&back.rooms, &room) && chatroom_span_equal(room, chatroom_str("hall")));
    assert_true(cr_session_next_room(&back.rooms, &room) && chatroom_span_equal(room, chatroom_str("garden")));
    assert_false(cr_session_next_room(&back.rooms, &room));
}

/* version, time, source address, user agent, name, one room */
static void record__session_of_the_first_version_is_read(void **state)
{
    static const char old[] = "\1\7\0\0\0\0\0\0\0\3\0\0\0::1\0\0\0\0\3\0\0\0bob\4\0\0\0hall";
    struct cr_session_record back;
    chatroom_span room;

    (void)state;
    assert_int_equal(cr_session_decode(chatroom_bytes(old, sizeof old - 1), &back), CHATROOM_OK);
    assert_int_equal(back.connected_at_ms, 7);
    assert_true(chatroom_span_equal(back.name, chatroom_str("bob")));
    assert_int_equal(back.domain.size + back.path.size + back.authorizer.size, 0);
    assert_true(cr_session_next_room(&back.rooms, &room) && chatroom_span_equal(room, chatroom_str("hall")));
}

static void record__room_comes_back(void **state)
{
    uint8_t bytes[CR_ROOM_RECORD_SIZE];
    int64_t created_ms;

    (void)state;
    cr_room_encode(-5, bytes);
    assert_int_equal(cr_room_decode(chatroom_bytes(bytes, sizeof bytes), &created_ms), CHATROOM_OK);
    assert_int_equal(created_ms, -5);
    assert_int_equal(cr_room_decode(chatroom_bytes(bytes, 8), &created_ms), CHATROOM_ECORRUPT);
}

/* A session with nothing in it but one room, and how long it is without the room. */
static size_t plain_session(char bytes[64], size_t *ret_size)
{
    struct cr_session_record session = {.source_ip = chatroom_str("a"), .domain = chatroom_str("b")};

    *ret_size = cr_session_size(&session, two_rooms, NULL);
    assert_true(*ret_size <= 64);
    cr_session_encode(&session, two_rooms, NULL, bytes);
    return *ret_size - (4 + 4) - (4 + 6);
}

static void record__cut_or_foreign_session_is_refused(void **state)
{
    struct cr_session_record back;
    char bytes[64];
    size_t size, head = plain_session(bytes, &size);

    (void)state;
    for (size_t cut = 0; cut < head; cut++) {
        char *block = malloc(cut + 1); /* a block of its own, so that a read beyond it is seen */

        assert_non_null(block);
        memcpy(block, bytes, cut);
        assert_int_equal(cr_session_decode(chatroom_bytes(block, cut), &back), CHATROOM_ECORRUPT);
        free(block);
    }
    assert_int_equal(cr_session_decode(chatroom_bytes(bytes, head), &back), CHATROOM_OK);
    assert_int_equal(back.rooms.size, 0);
    for (int version = 0; version < 256; version++)
        if (version != 1 && version != 2) {
            bytes[0] = (char)version;
            assert_int_equal(cr_session_decode(chatroom_bytes(bytes, size), &back), CHATROOM_ECORRUPT);
        }
}

static bool no_rooms(void *arg, size_t n, chatroom_span *ret_room)
{
    (void)arg;
    (void)n;
    (void)ret_room;
    return false;
}

static void record__session_with_more_than_a_connection_may_have_is_refused(void **state)
{
    static const size_t most[] = {CR_DOMAIN_MOST, CR_PATH_MOST, CR_AUTHORIZER_MOST};
    static char text[CR_DOMAIN_MOST + CR_PATH_MOST + CR_AUTHORIZER_MOST + 1], bytes[sizeof text + 64];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t more = 0; more < 2; more++) {
            struct cr_session_record session = {0}, back;
            chatroom_span *const spans[] = {&session.domain, &session.path, &session.authorizer};
            size_t size;

            *spans[i] = chatroom_bytes(text, most[i] + more);
            size = cr_session_size(&session, no_rooms, NULL);
            assert_true(size <= sizeof bytes);
            cr_session_encode(&session, no_rooms, NULL, bytes);
            assert_int_equal(cr_session_decode(chatroom_bytes(bytes, size), &back),
                             more ? CHATROOM_ECORRUPT : CHATROOM_OK);
        }
}

static void record__cut_or_foreign_room_is_refused(void **state)
{
    uint8_t bytes[CR_ROOM_RECORD_SIZE + 1] = {0};
    int64_t created_ms;

    (void)state;
    cr_room_encode(7, bytes);
    for (size_t cut = 0; cut < CR_ROOM_RECORD_SIZE; cut++)
        assert_int_equal(cr_room_decode(chatroom_bytes(bytes, cut), &created_ms), CHATROOM_ECORRUPT);
    assert_int_equal(cr_room_decode(chatroom_bytes(bytes, sizeof bytes), &created_ms), CHATROOM_ECORRUPT);
    bytes[0] = 0;
    assert_int_equal(cr_room_decode(chatroom_bytes(bytes, CR_ROOM_RECORD_SIZE), &created_ms), CHATROOM_ECORRUPT);
    bytes[0] = 2;
    assert_int_equal(cr_room_decode(chatroom_bytes(bytes, CR_ROOM_RECORD_SIZE), &created_ms), CHATROOM_ECORRUPT);
}

/* A size that is far beyond what is there, in each place of a size. */
static void record__sizes_that_are_too_great_are_refused(void **state)
{
    struct chatroom_entry entry = {.author = chatroom_str("ann"),
                                   .id = chatroom_str("i"),
                                   .payload = chatroom_str("1")},
                          back;
    const size_t places[] = {1 + 8, 1 + 8 + 4 + 3, 1 + 8 + 4 + 3 + 4 + 1};
    char bytes[64];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        cr_entry_encode(&entry, bytes);
        memset(bytes + places[i], 0xff, 4);
        assert_int_equal(cr_entry_decode(chatroom_bytes(bytes, cr_entry_size(&entry)), &back), CHATROOM_ECORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__entry_comes_back),
        cmocka_unit_test(record__cut_or_foreign_entry_is_refused),
        cmocka_unit_test(record__session_comes_back_with_its_rooms),
        cmocka_unit_test(record__session_of_the_first_version_is_read),
        cmocka_unit_test(record__room_comes_back),
        cmocka_unit_test(record__cut_or_foreign_session_is_refused),
        cmocka_unit_test(record__session_with_more_than_a_connection_may_have_is_refused),
        cmocka_unit_test(record__cut_or_foreign_room_is_refused),
        cmocka_unit_test(record__sizes_that_are_too_great_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
