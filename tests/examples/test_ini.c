#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ini.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was heard, "1[section] 2name=value ", and how it ended. */
struct heard {
    char text[16384];
    int stop_at, line; /* stop_at: the line whose hearer says no */
    const char *complaint;
    bool good;
};

static bool hear(void *arg, int line, const char *name, const char *value)
{
    struct heard *heard = arg;
    size_t used = strlen(heard->text);

    snprintf(heard->text + used, sizeof heard->text - used, value ? "%d%s=%s " : "%d[%s] ", line, name, value);
    return line != heard->stop_at;
}

static struct heard *read_from(FILE *stream, int stop_at)
{
    static struct heard heard;

    assert_non_null(stream);
    heard = (struct heard){.stop_at = stop_at};
    heard.good = ini_read(stream, hear, &heard, &heard.line, &heard.complaint);
    fclose(stream);
    return &heard;
}

static struct heard *read_bytes(const char *bytes, size_t size)
{
    return read_from(fmemopen((void *)bytes, size, "r"), 0);
}

static void assert_hears(const char *text, const char *expected)
{
    struct heard *heard = read_bytes(text, strlen(text));

    if (!heard->good || strcmp(heard->text, expected) != 0)
        fail_msg("\"%s\": \"%s\", not \"%s\"", text, heard->text, expected);
    assert_null(heard->complaint);
}

static void ini__sections_and_entries_are_heard_with_their_lines(void **state)
{
    static const char *const rows[][2] = {
        {"a=b\n", "1a=b "},
        {"a = b", "1a=b "},
        {"a:b\n\n[s]\nc=d\n", "1a=b 3[s] 4c=d "},
        {"[ s t ]\n", "1[s t] "},
        {"[]\n", "1[] "},
        {"a=\n", "1a= "},
        {"a = b = c : d\n", "1a=b = c : d "},
        {"a : b = c\n", "1a=b = c "},
        {"\t\v\f a \t=\v b\f \r\n", "1a=b "},
        {"\n", ""},
        {" \t\r\n\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_hears(rows[i][0], rows[i][1]);
}

static void ini__comments_begin_a_line_or_stand_behind_a_blank(void **state)
{
    static const char *const rows[][2] = {
        {"# a=b\n;c=d\n  # e\n  ; f\n", ""}, {"a=b;c\n", "1a=b;c "},   {"a=b ;c\n", "1a=b "}, {"a=b\t;c ;d\n", "1a=b "},
        {"a=b;c ;d\n", "1a=b;c "},           {"a=b #c\n", "1a=b #c "}, {"a= ;c\n", "1a= "},   {"[s] ;c\n", "1[s] "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_hears(rows[i][0], rows[i][1]);
}

static void ini__a_line_that_begins_with_a_blank_goes_on_with_the_entry_above(void **state)
{
    static const char *const rows[][2] = {
        {"a=b\n c\n\td=e\n", "1a=b 2a=c 3a=d=e "}, {"a=b\n\n c\n", "1a=b 3a=c "},
        {"a=b\n # no\n c ;no\n", "1a=b 3a=c "},    {"a=b\n[s]\n c=d\n", "1a=b 2[s] 3c=d "},
        {" a=b\n c=d\n", "1a=b 2a=c=d "},          {"a=b\n [s]\n", "1a=b 2a=[s] "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_hears(rows[i][0], rows[i][1]);
}

static void ini__what_is_no_line_is_told_with_its_number(void **state)
{
    static const struct {
        const char *text, *heard, *complaint;
        int line;
    } rows[] = {
        {"a=b\nnonsense\nc=d\n", "1a=b ", "neither", 2},
        {"=b\n", "", "neither", 1},
        {":\n", "", "neither", 1},
        {"a=b\n[s\n", "1a=b ", "begins a section", 2},
        {"[\n", "", "begins a section", 1},
        {"[s] x\n", "", "begins a section", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heard *heard = read_bytes(rows[i].text, strlen(rows[i].text));

        assert_false(heard->good);
        assert_string_equal(heard->text, rows[i].heard);
        assert_int_equal(heard->line, rows[i].line);
        assert_non_null(strstr(heard->complaint, rows[i].complaint));
    }
}

static void ini__ends_where_the_caller_says_no_without_a_complaint(void **state)
{
    static char text[] = "a=b\n c\n[s]\nd=e\n";
    static const char *const heard_until[] = {"1a=b ", "1a=b 2a=c ", "1a=b 2a=c 3[s] ", "1a=b 2a=c 3[s] 4d=e "};

    (void)state;
    for (int line = 1; line <= 4; line++) {
        struct heard *heard = read_from(fmemopen(text, strlen(text), "r"), line);

        assert_false(heard->good);
        assert_null(heard->complaint);
        assert_int_equal(heard->line, line);
        assert_string_equal(heard->text, heard_until[line - 1]);
    }
}

static void ini__a_line_is_as_long_as_promised_and_has_no_nul(void **state)
{
    static char text[INI_LINE_BYTES + 8];
    struct heard *heard;

    (void)state;
    for (size_t size = INI_LINE_BYTES - 3; size <= INI_LINE_BYTES + 1; size++)
        for (int ended = 0; ended < 2; ended++) { /* with a line feed, or by the end of the file */
            memset(text, 'v', sizeof text);
            memcpy(text, "a=", 2);
            text[size - 1] = ended ? '\n' : 'v';
            heard = read_bytes(text, size);
            assert_int_equal(heard->good, size + !ended < INI_LINE_BYTES); /* there must be room for an end */
            assert_int_equal(strlen(heard->text), heard->good ? size - (size_t)ended + 2 : 0);
        }
    for (size_t at = 0; at < 7; at++) {
        char bytes[] = "a=b\nc=d";

        bytes[at] = '\0';
        heard = read_bytes(bytes, 7);
        assert_false(heard->good);
        assert_non_null(strstr(heard->complaint, "NUL"));
        assert_int_equal(heard->line, at < 4 ? 1 : 2);
    }
}

static void ini__a_byte_order_mark_is_none_of_the_first_line(void **state)
{
    (void)state;
    assert_hears("\xef\xbb\xbf"
                 "a=b\nc=d\n",
                 "1a=b 2c=d ");
    assert_hears("\xef\xbb\xbf[s]\n", "1[s] ");
    assert_hears("\xef\xbb\xbf", "");
    assert_hears("a=b\n\xef\xbb\xbf"
                 "c=d\n",
                 "1a=b 2\xef\xbb\xbf"
                 "c=d ");
    assert_hears("\xef\xbb"
                 "a=b\n",
                 "1\xef\xbb"
                 "a=b ");
}

/* A file that breaks after its first line. */
static ssize_t break_off(void *cookie, char *buffer, size_t size)
{
    bool *begun = cookie;

    if (*begun || size < 4) {
        errno = EIO;
        return -1;
    }
    *begun = true;
    memcpy(buffer, "a=b\n", 4);
    return 4;
}

static void ini__a_file_that_cannot_be_read_to_its_end_is_told(void **state)
{
    bool begun = false;
    struct heard *heard = read_from(fopencookie(&begun, "r", (cookie_io_functions_t){.read = break_off}), 0);

    (void)state;
    assert_false(heard->good);
    assert_string_equal(heard->text, "1a=b ");
    assert_non_null(strstr(heard->complaint, "cannot be read"));
    assert_int_equal(heard->line, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ini__sections_and_entries_are_heard_with_their_lines),
        cmocka_unit_test(ini__comments_begin_a_line_or_stand_behind_a_blank),
        cmocka_unit_test(ini__a_line_that_begins_with_a_blank_goes_on_with_the_entry_above),
        cmocka_unit_test(ini__what_is_no_line_is_told_with_its_number),
        cmocka_unit_test(ini__ends_where_the_caller_says_no_without_a_complaint),
        cmocka_unit_test(ini__a_line_is_as_long_as_promised_and_has_no_nul),
        cmocka_unit_test(ini__a_byte_order_mark_is_none_of_the_first_line),
        cmocka_unit_test(ini__a_file_that_cannot_be_read_to_its_end_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
