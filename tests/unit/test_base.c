#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/base.h>

static void base__every_result_has_a_word_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(chatroom_errword(CHATROOM_ENOSPC), "storage_full");
    assert_string_equal(chatroom_errword(1), "unknown");
    for (int result = CHATROOM_EADDRDENIED; result <= CHATROOM_OK; result++) {
        assert_string_not_equal(chatroom_errword(result), "unknown");
        assert_string_not_equal(chatroom_strerror(result), "Unknown.");
    }
}

static void base__error_text_is_cut_at_a_code_point(void **state)
{
    struct chatroom_error error;
    char text[300];

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + 254, "\xc3\xa4", 2); /* would be cut in the middle */
    text[299] = '\0';
    assert_int_equal(chatroom_error_set(&error, CHATROOM_EIO, text), CHATROOM_EIO);
    assert_int_equal(strlen(error.text), 254);
    assert_int_equal(error.code, CHATROOM_EIO);
    assert_int_equal(chatroom_error_set(NULL, CHATROOM_EIO, text), CHATROOM_EIO);
    memset(text, '\x80', sizeof text - 1); /* no character begins anywhere */
    chatroom_error_set(&error, CHATROOM_EIO, text);
    assert_string_equal(error.text, "");
}

static void base__short_error_text_is_whole(void **state)
{
    struct chatroom_error error;

    (void)state;
    chatroom_error_set(&error, CHATROOM_EBUSY, "In use.");
    assert_string_equal(error.text, "In use.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base__every_result_has_a_word_and_a_sentence),
        cmocka_unit_test(base__error_text_is_cut_at_a_code_point),
        cmocka_unit_test(base__short_error_text_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
