#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static struct ws_head minimal(void)
{
    return (struct ws_head){
        .method = chatroom_str("GET"),
        .target = chatroom_str("/"),
        .path = chatroom_str("/"),
        .host = chatroom_str("a"),
        .fields =
            {
                {chatroom_str("Host"), chatroom_str("a")},
                {chatroom_str("Upgrade"), chatroom_str("websocket")},
                {chatroom_str("Connection"), chatroom_str("Upgrade")},
                {chatroom_str("Sec-WebSocket-Key"), chatroom_str(KEY)},
                {chatroom_str("Sec-WebSocket-Version"), chatroom_str("13")},
            },
        .field_count = 5,
    };
}

/* With one field changed (NULL: left out) and one added (NULL: none). */
static uint16_t judge(const char *name, const char *value, const char *added, const char *added_value)
{
    struct ws_head head = minimal();

    for (size_t i = 0; i < head.field_count; i++)
        if (name && ws_same_word(head.fields[i].name, chatroom_str(name))) {
            head.fields[i].name = value ? head.fields[i].name : chatroom_str("X-Left-Out");
            head.fields[i].value = chatroom_str(value);
        }
    if (added)
        head.fields[head.field_count++] = (struct chatroom_header){chatroom_str(added), chatroom_str(added_value)};
    if (!ws_wants_upgrade(&head))
        return 1;
    return ws_handshake_check(&head, &(struct ws_origins){NULL, 0}).status;
}

static void handshake__accept_value_of_the_standard(void **state)
{
    char accept[WS_ACCEPT_SIZE];

    (void)state;
    ws_handshake_accept(chatroom_str(KEY), accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WS_ACCEPT_SIZE);
}

static void handshake__every_condition_has_its_answer(void **state)
{
    static const struct {
        const char *name, *value;
        uint16_t status;
    } table[] = {
        {NULL, NULL, 0},
        {"Upgrade", "WebSocket", 0},
        {"Upgrade", "h2c, websocket", 0},
        {"Upgrade", "h2c", 1},
        {"Upgrade", "websockets", 1},
        {"Upgrade", NULL, 1},
        {"Connection", "keep-alive, Upgrade", 0},
        {"Connection", "keep-alive", 400},
        {"Connection", NULL, 400},
        {"Sec-WebSocket-Version", "8", 426},
        {"Sec-WebSocket-Version", "0", 426},
        {"Sec-WebSocket-Version", "255", 426},
        {"Sec-WebSocket-Version", "256", 400},
        {"Sec-WebSocket-Version", "013", 400},
        {"Sec-WebSocket-Version", "13abc", 400},
        {"Sec-WebSocket-Version", "1 3", 400},
        {"Sec-WebSocket-Version", "-1", 400},
        {"Sec-WebSocket-Version", "1:", 400},
        {"Sec-WebSocket-Version", "1/", 400},
        {"Sec-WebSocket-Version", "00", 400},
        {"Sec-WebSocket-Version", "12", 426},
        {"Sec-WebSocket-Version", "14", 426},
        {"Sec-WebSocket-Version", "9999999999999", 400},
        {"Sec-WebSocket-Version", "", 400},
        {"Sec-WebSocket-Version", NULL, 400},
        {"Sec-WebSocket-Key", NULL, 400},
        {"Sec-WebSocket-Key", "", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQA=", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZXM=", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==x", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ===", 400},
        {"Sec-WebSocket-Key", "_-hlIHNhbXBsZSBub25jZQ==", 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (judge(table[i].name, table[i].value, NULL, NULL) != table[i].status)
            fail_msg("%s: %s", table[i].name, table[i].value ? table[i].value : "(left out)");
}

static void handshake__fields_that_may_be_there_once(void **state)
{
    (void)state;
    assert_int_equal(judge(NULL, NULL, "Sec-WebSocket-Key", KEY), 400);
    assert_int_equal(judge(NULL, NULL, "Sec-WebSocket-Version", "13"), 400);
    assert_int_equal(judge(NULL, NULL, "Origin", "http://evil.example"), 403);
    assert_int_equal(judge(NULL, NULL, "Origin", "http://a"), 0);
}

static void handshake__other_methods_are_told_which(void **state)
{
    struct ws_head head = minimal();
    struct ws_refusal refusal;

    (void)state;
    head.method = chatroom_str("POST");
    refusal = ws_handshake_check(&head, &(struct ws_origins){NULL, 0});
    assert_int_equal(refusal.status, 405);
    assert_string_equal(refusal.fields, "Allow: GET\r\n");
    head.method = chatroom_str("get");
    assert_int_equal(ws_handshake_check(&head, &(struct ws_origins){NULL, 0}).status, 405);
}

static void T31_subprotocols_are_tokens(void **state)
{
    static const char *const bad[] = {"a b", "a;b", "\"a\"", "a/b", "(", "=", "a, b c", "a\tb", "\xc3\xa9"};
    struct ws_head head = minimal();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(judge(NULL, NULL, "Sec-WebSocket-Protocol", bad[i]), 400);
    assert_int_equal(judge(NULL, NULL, "Sec-WebSocket-Protocol", "chat, ,superchat"), 0);
    head.fields[head.field_count++] =
        (struct chatroom_header){chatroom_str("Sec-WebSocket-Protocol"), chatroom_str("chat, superchat")};
    head.fields[head.field_count++] =
        (struct chatroom_header){chatroom_str("sec-websocket-protocol"), chatroom_str("third,")};
}

/* As it stands in a head, not behind a NUL. */
static void handshake__a_key_ends_where_its_field_does(void **state)
{
    struct ws_head head = minimal();

    (void)state;
    head.fields[3].value = chatroom_bytes(KEY "\r\n", sizeof KEY - 1);
    assert_int_equal(ws_handshake_check(&head, &(struct ws_origins){NULL, 0}).status, 0);
    head.fields[3].value.size--;
    assert_int_equal(ws_handshake_check(&head, &(struct ws_origins){NULL, 0}).status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake__accept_value_of_the_standard),
        cmocka_unit_test(handshake__every_condition_has_its_answer),
        cmocka_unit_test(handshake__fields_that_may_be_there_once),
        cmocka_unit_test(handshake__other_methods_are_told_which),
        cmocka_unit_test(T31_subprotocols_are_tokens),
        cmocka_unit_test(handshake__a_key_ends_where_its_field_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
