/*
 * Any octets as a record that a store gives back: an entry, a session or a room, as the first octet says. What is taken
 * lies inside what was given, and encodes to the same octets again; of an older version, to a record that says the
 * same. A whole record that is cut anywhere is refused, and so is one with an octet behind it.
 */
#include "fuzz.h"

#include "record.h"

static bool is_inside(chatroom_span part, chatroom_span whole)
{
    return part.bytes >= whole.bytes && part.bytes + part.size <= whole.bytes + whole.size;
}

/* Its first size octets in a block of their own, so that a look behind them is seen. */
static chatroom_span copy_of(chatroom_span value, size_t size, char **ret_block)
{
    char *block = malloc(size + 1);

    REQUIRE(block);
    memcpy(block, value.bytes, size < value.size ? size : value.size);
    if (size > value.size)
        block[value.size] = 0;
    *ret_block = realloc(block, size ? size : 1);
    REQUIRE(*ret_block);
    return chatroom_bytes(*ret_block, size);
}

/* ---- entries ---- */

static int decode_entry(chatroom_span value, size_t size)
{
    struct chatroom_entry entry = {0};
    char *block;
    int result = cr_entry_decode(copy_of(value, size, &block), &entry);

    free(block);
    return result;
}

static void check_cuts(chatroom_span value, size_t where)
{
    REQUIRE(decode_entry(value, where % value.size) == CHATROOM_ECORRUPT);
    REQUIRE(decode_entry(value, value.size - 1) == CHATROOM_ECORRUPT);
    REQUIRE(decode_entry(value, value.size + 1) == CHATROOM_ECORRUPT);
}

static void check_time(char *encoded, chatroom_span value, int64_t time_ms)
{
    struct chatroom_entry again = {0};

    cr_entry_set_time(encoded, time_ms);
    REQUIRE(cr_entry_decode(chatroom_bytes(encoded, value.size), &again) == CHATROOM_OK && again.time_ms == time_ms);
    REQUIRE(memcmp(encoded + 9, value.bytes + 9, value.size - 9) == 0);
}

static void check_entry(chatroom_span value)
{
    struct chatroom_entry entry = {0};
    char *encoded;

    if (cr_entry_decode(value, &entry) != CHATROOM_OK)
        return;
    REQUIRE(is_inside(entry.author, value) && is_inside(entry.id, value) && is_inside(entry.payload, value));
    REQUIRE(cr_entry_size(&entry) == value.size);
    encoded = malloc(value.size);
    REQUIRE(encoded);
    cr_entry_encode(&entry, encoded);
    REQUIRE_WRITTEN(encoded, value.size);
    REQUIRE(memcmp(encoded, value.bytes, value.size) == 0);
    check_cuts(value, (size_t)(uint64_t)entry.time_ms);
    check_time(encoded, value, ~entry.time_ms);
    free(encoded);
}

/* ---- sessions ---- */

static bool next_room(void *arg, size_t n, chatroom_span *ret_room)
{
    chatroom_span rooms = *(chatroom_span *)arg;

    for (size_t i = 0; i <= n; i++)
        if (!cr_session_next_room(&rooms, ret_room))
            return false;
    return true;
}

static void check_rooms(chatroom_span rooms)
{
    chatroom_span room, rest = rooms;

    while (cr_session_next_room(&rest, &room)) {
        REQUIRE(is_inside(room, rooms));
        REQUIRE(room.size < rooms.size);
    }
    REQUIRE(rest.size == 0); /* what is taken is whole */
}

static bool same_session(const struct cr_session_record *a, const struct cr_session_record *b)
{
    return a->connected_at_ms == b->connected_at_ms && chatroom_span_equal(a->source_ip, b->source_ip) &&
           chatroom_span_equal(a->user_agent, b->user_agent) && chatroom_span_equal(a->name, b->name) &&
           chatroom_span_equal(a->domain, b->domain) && chatroom_span_equal(a->path, b->path) &&
           chatroom_span_equal(a->authorizer, b->authorizer);
}

static void check_again(const struct cr_session_record *session, chatroom_span value)
{
    chatroom_span rooms = session->rooms;
    size_t size = cr_session_size(session, next_room, &rooms);
    struct cr_session_record again;
    uint8_t *encoded = malloc(size);
    bool is_newest = value.bytes[0] == 2;

    REQUIRE(encoded);
    cr_session_encode(session, next_room, &rooms, encoded);
    REQUIRE_WRITTEN(encoded, size);
    REQUIRE(cr_session_decode(chatroom_bytes(encoded, size), &again) == CHATROOM_OK && same_session(session, &again));
    REQUIRE(chatroom_span_equal(again.rooms, rooms));
    if (is_newest)
        REQUIRE(size == value.size && memcmp(encoded, value.bytes, size) == 0);
    free(encoded);
}

static void check_session(chatroom_span value)
{
    struct cr_session_record session;

    if (cr_session_decode(value, &session) != CHATROOM_OK)
        return;
    REQUIRE(session.domain.size <= CR_DOMAIN_MOST && session.path.size <= CR_PATH_MOST);
    REQUIRE(session.authorizer.size <= CR_AUTHORIZER_MOST);
    REQUIRE(is_inside(session.source_ip, value) && is_inside(session.user_agent, value));
    REQUIRE(is_inside(session.name, value) && is_inside(session.rooms, value));
    REQUIRE(session.authorizer.size == 0 || is_inside(session.authorizer, value));
    check_rooms(session.rooms);
    if (session.rooms.size < 4096) /* next_room() walks from the start each time */
        check_again(&session, value);
}

/* ---- rooms ---- */

static void check_room(chatroom_span value)
{
    uint8_t encoded[CR_ROOM_RECORD_SIZE];
    int64_t created_ms;

    if (cr_room_decode(value, &created_ms) != CHATROOM_OK)
        return;
    cr_room_encode(created_ms, encoded);
    REQUIRE(value.size == sizeof encoded && memcmp(encoded, value.bytes, sizeof encoded) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *block;
    chatroom_span value;

    if (size == 0)
        return 0;
    value = copy_of(chatroom_bytes(bytes + 1, size - 1), size - 1, &block);
    if (bytes[0] % 3 == 0)
        check_entry(value);
    else if (bytes[0] % 3 == 1)
        check_session(value);
    else
        check_room(value);
    free(block);
    return 0;
}
