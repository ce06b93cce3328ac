/*
 * A format of access logs on the first line, what peers sent behind it. What is refused says so in one line of UTF-8.
 * What is written is one line of UTF-8, whole or cut, and a format that is JSON gives JSON whatever the peers sent.
 */
#include "fuzz.h"

#include "access.h"
#include "memory.h"

#include <chatroom/utf8.h>

enum { ROOM = 1 << 16 };

static const char json[] =
    "{\"a\":\"$context.identity.userAgent\",\"b\":\"$context.disconnectReason\",\"c\":\"$context.routeKey"
    "\",\"d\":$context.error.messageString,\"e\":\"$context.error.message\",\"f\":"
    "\"$context.identity.apiKey\",\"g\":\"$context.authorizer.a\",\"h\":$context.requestTimeEpoch}";

static void require_line(chatroom_span line)
{
    REQUIRE(chatroom_utf8_valid(line));
    for (size_t i = 0; i < line.size; i++)
        REQUIRE((unsigned char)line.bytes[i] >= 0x20);
}

static struct cr_access_facts facts_of(struct chatroom_request_info *info, chatroom_span sent)
{
    struct cr_access_facts facts = cr_access_facts(info);
    size_t count;

    info->event = CHATROOM_DISCONNECT;
    info->user_agent = info->close_reason = info->route_key = sent;
    facts.error_message = facts.api_key_id = sent;
    if (chatroom_json_scan(sent, NULL, NULL, 0, &count) == CHATROOM_OK)
        info->authorizer = sent;
    return facts;
}

/* Whole, and in a block that ends where sent would have it. */
static void check_lines(const struct cr_access *access, const struct cr_access_facts *facts, size_t less, bool is_json)
{
    char *whole = malloc(ROOM), *less_of_it;
    chatroom_span line, start;
    size_t count, room;

    REQUIRE(whole);
    if (cr_access_write(access, facts, whole, ROOM, &line)) {
        REQUIRE(!is_json || chatroom_json_scan(line, NULL, NULL, 0, &count) == CHATROOM_OK);
        room = line.size - (less < line.size ? less : line.size);
        less_of_it = malloc(room + (room == 0));
        REQUIRE(less_of_it && cr_access_write(access, facts, less_of_it, room, &start) == (room == line.size));
        REQUIRE(start.size <= room && start.size + 3 >= room);
        REQUIRE(start.size == 0 || memcmp(start.bytes, line.bytes, start.size) == 0);
        require_line(start);
        free(less_of_it);
    }
    require_line(line);
    free(whole);
}

static void check_format(chatroom_span format, chatroom_span sent, bool is_json)
{
    struct chatroom_request_info info = {0};
    struct cr_access_facts facts = facts_of(&info, sent);
    struct cr_access *access = NULL;
    struct chatroom_error error;

    if (cr_access_compile(&cr_default_alloc, format, &access, &error) != CHATROOM_OK) {
        REQUIRE(!is_json && error.code == CHATROOM_EINVAL);
        require_line(chatroom_str(error.text));
        return;
    }
    check_lines(access, &facts, sent.size > 0 ? (unsigned char)sent.bytes[0] : 0, is_json);
    cr_access_free(access);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(bytes, '\n', size) : NULL;
    size_t line = newline ? (size_t)(newline - bytes) : size;
    chatroom_span sent = newline ? chatroom_bytes(newline + 1, size - line - 1) : chatroom_bytes(NULL, 0);

    check_format(chatroom_bytes(bytes, line), sent, false);
    check_format(chatroom_str(json), sent, true);
    return 0;
}
