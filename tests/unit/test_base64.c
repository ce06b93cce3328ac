#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base64.h"

#include <string.h>

static void base64__what_is_written_is_read_at_every_length(void **state)
{
    char octets[200], text[300], back[300];

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (char)(i * 73);
    for (size_t size = 0; size <= sizeof octets; size++) {
        struct chatroom_json json = chatroom_json_on(text, sizeof text);
        chatroom_span whole = {NULL, 0}, got = whole;

        cr_base64_write(&json, chatroom_bytes(octets, size));
        assert_true(chatroom_json_done(&json, &whole));
        assert_int_equal(whole.size, 2 + (size + 2) / 3 * 4);
        assert_int_equal(whole.bytes[0], '"');
        assert_int_equal(whole.bytes[whole.size - 1], '"');
        assert_true(cr_base64_decode(chatroom_bytes(text + 1, whole.size - 2), back, &got));
        assert_true(chatroom_span_equal(got, chatroom_bytes(octets, size)));
        assert_true(cr_base64_decode(chatroom_bytes(text + 1, whole.size - 2), text + 1, &got)); /* in its own place */
        assert_true(chatroom_span_equal(got, chatroom_bytes(octets, size)));
    }
}

/* RFC 4648, 10. */
static void base64__the_published_vectors_hold(void **state)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    char buffer[16];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        chatroom_span got;

        assert_true(cr_base64_decode(chatroom_str(rows[i][1]), buffer, &got));
        assert_true(chatroom_span_equal(got, chatroom_str(rows[i][0])));
    }
}

static void base64__every_other_form_is_refused(void **state)
{
    static const char *const bad[] = {
        "Z",    "Zg",    "Zg=",      "Zg===",     "Z===",     "====",       "=",    "==",       "===",    "A===",
        "Zh==", "Zm9=",  "Zm9vY===", "Zg==Zg==",  "Zm8=Zm8=", "Z=g=",       "Zg=A", "Zm9v====", "Zm9v\n", "Zm9 ",
        " m9v", "Zm9\t", "Zm-_",     "Zm9vYmE\n", "Zm9\x7f",  "\xc3\xa4zz", "Zm9*", "Z\x1fzz",
    };
    char buffer[16];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        chatroom_span got = {NULL, 7};

        if (cr_base64_decode(chatroom_str(bad[i]), buffer, &got))
            fail_msg("%s", bad[i]);
        assert_int_equal(got.size, 7);
    }
    assert_false(cr_base64_decode(chatroom_bytes("Zm9\0", 4), buffer, &(chatroom_span){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64__what_is_written_is_read_at_every_length),
        cmocka_unit_test(base64__the_published_vectors_hold),
        cmocka_unit_test(base64__every_other_form_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
