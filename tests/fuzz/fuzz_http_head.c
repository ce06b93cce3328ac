/*
 * Any octets as a request head. A head that is taken must say the same when it is written out and read again, whatever
 * pieces it came in, and no part of it may hold what could end a line.
 */
#include "fuzz.h"

#include "ws_epoll/handshake.h"

static bool clean(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] == '\r' || text.bytes[i] == '\n' || text.bytes[i] == '\0')
            return false;
    return true;
}

static enum ws_scan scan(const char *bytes, size_t size, size_t piece, size_t *ret_scanned)
{
    enum ws_scan result = WS_SCAN_MORE;

    *ret_scanned = 0;
    for (size_t there = piece; result == WS_SCAN_MORE && there < size + piece; there += piece)
        result = ws_head_scan(bytes, there < size ? there : size, ret_scanned);
    return result;
}

static void check_parts(const struct ws_head *head)
{
    chatroom_span value;

    REQUIRE(ws_is_token(head->method));
    REQUIRE(head->target.size > 0 && head->target.bytes[0] == '/' && clean(head->target));
    REQUIRE(head->path.size <= head->target.size);
    REQUIRE(ws_head_field(head, "host", 0, &value) && !ws_head_field(head, "HOST", 1, &value));
    REQUIRE(ws_is_authority(head->host));
    for (size_t i = 0; i < head->field_count; i++)
        REQUIRE(ws_is_token(head->fields[i].name) && clean(head->fields[i].value));
}

static void check_again(const struct ws_head *head, size_t size)
{
    size_t room = size + 64 * WS_FIELDS_MOST, at, scanned = 0;
    char *text = malloc(room);
    struct ws_head again;

    REQUIRE(text != NULL);
    at = (size_t)snprintf(text, room, "%.*s %.*s HTTP/1.1\r\n", (int)head->method.size, head->method.bytes,
                          (int)head->target.size, head->target.bytes);
    for (size_t i = 0; i < head->field_count; i++)
        at +=
            (size_t)snprintf(text + at, room - at, "%.*s: %.*s\r\n", (int)head->fields[i].name.size,
                             head->fields[i].name.bytes, (int)head->fields[i].value.size, head->fields[i].value.bytes);
    at += (size_t)snprintf(text + at, room - at, "\r\n");
    REQUIRE(ws_head_scan(text, at, &scanned) == WS_SCAN_END && scanned == at);
    REQUIRE(ws_head_parse(chatroom_bytes(text, at), 4096, &again) == 0);
    REQUIRE(again.field_count == head->field_count && chatroom_span_equal(again.path, head->path));
    REQUIRE(again.body_size == head->body_size && head->has_body == (head->body_size > 0));
    REQUIRE(again.has_body == head->has_body && again.has_transfer_encoding == head->has_transfer_encoding);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    const char *bytes = (const char *)octets;
    const char *const allowed[] = {"https://chat.example"};
    size_t whole, cut;
    struct ws_head head;
    enum ws_scan result = scan(bytes, size, size ? size : 1, &whole);

    REQUIRE(result == scan(bytes, size, 1, &cut) && whole == cut);
    if (result != WS_SCAN_END || ws_head_parse(chatroom_bytes(bytes, whole), 4096, &head))
        return 0;
    check_parts(&head);
    check_again(&head, whole);
    ws_handshake_check(&head, &(struct ws_origins){allowed, 1});
    return 0;
}
