#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chat_names.h"

struct vector {
    const char *text;
    const char *name; /* NULL: refused */
};

/* clang-format off */
static const struct vector vectors[] = {
    {"ann", "ann"},
    {"Ann", "Ann"},
    {"a", "a"},
    {" ann", "ann"},
    {"ann ", "ann"},
    {"  a  b ", "a b"},
    {"a \xc2\xa0\xe3\x80\x80 b", "a b"},         /* no-break and ideographic space */
    {"\xe2\x80\x83""a\xe1\x9a\x80""b", "a b"},   /* em space, ogham space mark */
    {"<b>&\"'", "<b>&\"'"},
    {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
    {"e\xcc\x81", "e\xcc\x81"},                  /* a combining accent is a character like another */
    {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
    {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"}, /* written from right to left, without marks */
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xf0\x9d\x84\x9e", "\xf0\x9d\x84\x9e"},
    {"no-rooms", "no-rooms"},                    /* only the user's name may not be this */
    {"", NULL},
    {"   ", NULL},
    {"\xc2\xa0", NULL},
    {"\t", NULL},
    {"a\nb", NULL},
    {"a\x1b""b", NULL},
    {"a\x7f""b", NULL},
    {"a\xc2\x85""b", NULL},                      /* next line */
    {"\xc2\xad""a", NULL},                       /* soft hyphen */
    {"a\xcd\x8f", NULL},                         /* combining grapheme joiner */
    {"\xd8\x9c""a", NULL},                       /* Arabic letter mark */
    {"a\xe1\x85\x9f", NULL},                     /* Hangul filler */
    {"a\xe1\xa0\x8e""b", NULL},                  /* Mongolian vowel separator */
    {"a\xe2\x80\x8b""b", NULL},                  /* zero width space */
    {"a\xe2\x80\x8d""b", NULL},                  /* zero width joiner */
    {"\xe2\x80\x8f", NULL},                      /* right-to-left mark */
    {"a\xe2\x80\xa8""b", NULL},                  /* line separator */
    {"a\xe2\x80\xae""b", NULL},                  /* right-to-left override */
    {"a\xe2\x81\xa0", NULL},                     /* word joiner */
    {"\xe2\x81\xa6""a", NULL},                   /* left-to-right isolate */
    {"\xe2\xa0\x80", NULL},                      /* Braille blank */
    {"\xe3\x85\xa4", NULL},                      /* Hangul filler */
    {"\xee\x80\x80", NULL},                      /* private use */
    {"\xef\xb7\x90", NULL},                      /* noncharacter FDD0 */
    {"a\xef\xb8\x8f", NULL},                     /* variation selector */
    {"a\xef\xbb\xbf""b", NULL},                  /* byte order mark */
    {"\xef\xbf\xbd", NULL},                      /* replacement character */
    {"\xef\xbf\xbf", NULL},
    {"\xf0\x9f\xbf\xbe", NULL},                  /* noncharacter 1FFFE */
    {"\xf1\x80\x80\x80", NULL},                  /* plane 4 */
    {"\xf3\xa0\x81\x81", NULL},                  /* tag A */
    {"\xf3\xa0\x84\x80", NULL},                  /* variation selector 17 */
    {"\xf3\xb0\x80\x80", NULL},                  /* private use */
    {"\xf4\x8f\xbf\xbf", NULL},
    {"\xed\xa0\x80", NULL},                      /* a surrogate is not UTF-8 */
    {"\xff", NULL},
    {"\xe2\x80", NULL},
};
/* clang-format on */

static void chat_names__vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char bytes[CR_CHAT_NAME_BYTES];
        chatroom_span name = {NULL, 0};
        bool is_name = cr_chat_name_clean(chatroom_str(vectors[i].text), CR_CHAT_USER_MOST, bytes, &name);

        if (is_name != (vectors[i].name != NULL) || !chatroom_span_equal(name, chatroom_str(vectors[i].name)))
            fail_msg("vector %zu: \"%s\"", i, vectors[i].text);
    }
}

/* A NUL is a character like another control, not an end. */
static void chat_names__nul_inside_is_refused(void **state)
{
    char bytes[CR_CHAT_NAME_BYTES];
    chatroom_span name;

    (void)state;
    assert_false(cr_chat_name_clean(chatroom_bytes("a\0b", 3), CR_CHAT_USER_MOST, bytes, &name));
    assert_false(cr_chat_name_clean(chatroom_bytes("\0", 1), CR_CHAT_USER_MOST, bytes, &name));
    assert_false(cr_chat_name_clean(chatroom_bytes(NULL, 0), CR_CHAT_USER_MOST, bytes, &name));
}

/* count times piece, with extra after it. */
static bool repeated(const char *piece, size_t count, const char *extra, size_t most)
{
    char text[600] = "", bytes[CR_CHAT_NAME_BYTES];
    chatroom_span name;

    while (count-- > 0)
        strcat(text, piece);
    strcat(text, extra);
    return cr_chat_name_clean(chatroom_str(text), most, bytes, &name);
}

static void chat_names__length_counts_characters(void **state)
{
    static const char *const pieces[] = {"x", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9d\x84\x9e"};

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assert_true(repeated(pieces[i], 32, "", CR_CHAT_USER_MOST));
        assert_false(repeated(pieces[i], 33, "", CR_CHAT_USER_MOST));
        assert_true(repeated(pieces[i], 64, "", CR_CHAT_ROOM_MOST));
        assert_false(repeated(pieces[i], 65, "", CR_CHAT_ROOM_MOST));
        assert_true(repeated(pieces[i], 32, "  ", CR_CHAT_USER_MOST));
        assert_true(repeated(pieces[i], 30, "  x", CR_CHAT_USER_MOST));
        assert_false(repeated(pieces[i], 31, "  x", CR_CHAT_USER_MOST));
    }
    assert_false(repeated("x", 32, "\xe2\x80\x8b", CR_CHAT_USER_MOST));
}

/* xorshift: the same texts in every run. */
static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* What was cleaned is clean: put in again it comes out the same. */
static void chat_names__cleaning_is_idempotent(void **state)
{
    static const char *const pieces[] = {" ",
                                         "  ",
                                         "a",
                                         "b ",
                                         "\xc2\xa0",
                                         "\xe3\x80\x80",
                                         "\xc3\xa9",
                                         "\xf0\x9d\x84\x9e",
                                         "\xe2\x80\x8b",
                                         "\n",
                                         "e\xcc\x81",
                                         "\xe2\x80\x83",
                                         "-",
                                         "\xd7\xa9"};
    uint32_t seed = 1;
    size_t names = 0;

    (void)state;
    for (unsigned turn = 0; turn < 20000; turn++) {
        char text[128] = "", once[CR_CHAT_NAME_BYTES], twice[CR_CHAT_NAME_BYTES];
        chatroom_span first, second;

        for (unsigned left = next(&seed) % 12; left > 0; left--)
            strcat(text, pieces[next(&seed) % (sizeof pieces / sizeof *pieces)]);
        if (!cr_chat_name_clean(chatroom_str(text), CR_CHAT_USER_MOST, once, &first))
            continue;
        names++;
        assert_true(first.size > 0 && first.bytes[0] != ' ' && first.bytes[first.size - 1] != ' ');
        assert_true(cr_chat_name_clean(first, CR_CHAT_USER_MOST, twice, &second));
        assert_true(chatroom_span_equal(first, second));
    }
    assert_true(names > 1000);
}

static void chat_names__untouched_on_refusal(void **state)
{
    char bytes[CR_CHAT_NAME_BYTES];
    chatroom_span name = chatroom_str("before");

    (void)state;
    assert_false(cr_chat_name_clean(chatroom_str("a\n"), CR_CHAT_USER_MOST, bytes, &name));
    assert_true(chatroom_span_equal(name, chatroom_str("before")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_names__vectors),
        cmocka_unit_test(chat_names__nul_inside_is_refused),
        cmocka_unit_test(chat_names__length_counts_characters),
        cmocka_unit_test(chat_names__cleaning_is_idempotent),
        cmocka_unit_test(chat_names__untouched_on_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
