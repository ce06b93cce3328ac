#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chat_names.h"
#include "core.h"

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

/* ---- each code point --------------------------------------------------------------------------------------------- */

struct edges {
    uint32_t first, last;
};

static chatroom_span encoded(uint32_t code, char bytes[4])
{
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(size == 1 ? code : (0xf00 >> size & 0xff) | code);
    return chatroom_bytes(bytes, size);
}

static bool is_in(const struct edges *ranges, uint32_t code)
{
    for (; ranges->last > 0; ranges++)
        if (code >= ranges->first && code <= ranges->last)
            return true;
    return false;
}

/* Zs, and what no name may hold, as Unicode 15 lists them. */
static void chat_names__every_code_point_is_kept_refused_or_a_space(void **state)
{
    static const struct edges spaces[] = {{0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
                                          {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0, 0}};
    static const struct edges refused[] = {{0x0, 0x1f},        {0x7f, 0x9f},        {0xad, 0xad},
                                           {0x34f, 0x34f},     {0x600, 0x605},      {0x61c, 0x61c},
                                           {0x6dd, 0x6dd},     {0x70f, 0x70f},      {0x890, 0x891},
                                           {0x8e2, 0x8e2},     {0x115f, 0x1160},    {0x17b4, 0x17b5},
                                           {0x180b, 0x180f},   {0x200b, 0x200f},    {0x2028, 0x202e},
                                           {0x2060, 0x206f},   {0x2800, 0x2800},    {0x3164, 0x3164},
                                           {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},    {0xfe00, 0xfe0f},
                                           {0xfeff, 0xfeff},   {0xffa0, 0xffa0},    {0xfff0, 0xffff},
                                           {0x110bd, 0x110bd}, {0x110cd, 0x110cd},  {0x13430, 0x1343f},
                                           {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},  {0x1fffe, 0x1ffff},
                                           {0x2fffe, 0x2ffff}, {0x3fffe, 0x10ffff}, {0, 0}};
    size_t kept = 0;

    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4], out[CR_CHAT_NAME_BYTES];
        chatroom_span text = encoded(code, bytes), name;
        bool good;

        if (code >= 0xd800 && code < 0xe000)
            continue; /* no UTF-8 */
        good = cr_chat_name_clean(text, 1, out, &name);
        if (good == (is_in(refused, code) || is_in(spaces, code)))
            fail_msg("U+%04X", code);
        assert_true(!good || chatroom_span_equal(name, text));
        kept += good;
    }
    assert_int_equal(kept, 253459);
}

static void chat_names__every_space_becomes_one_of_ascii(void **state)
{
    static const uint32_t spaces[] = {0x20,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005,
                                      0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x202f, 0x205f, 0x3000};

    (void)state;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        char bytes[4], text[16] = "a", out[CR_CHAT_NAME_BYTES];
        chatroom_span space = encoded(spaces[i], bytes), name;

        memcpy(text + 1, space.bytes, space.size);
        text[1 + space.size] = 'b';
        assert_true(cr_chat_name_clean(chatroom_bytes(text, space.size + 2), 3, out, &name));
        assert_true(chatroom_span_equal(name, chatroom_str("a b")));
        assert_false(cr_chat_name_clean(chatroom_bytes(text, space.size + 2), 2, out, &name));
    }
}

/* ---- with a policy ----------------------------------------------------------------------------------------------- */

/* Capitals become small; "" has the empty form, "no" is no name, and "more" takes memory that is not there. */
static int prepare(void *self, chatroom_span bytes, struct chatroom_name *ret_name)
{
    (void)self;
    if (chatroom_span_equal(bytes, chatroom_str("no")) || bytes.size > CHATROOM_NAME_BYTES)
        return CHATROOM_EREFUSED;
    if (chatroom_span_equal(bytes, chatroom_str("more")))
        return CHATROOM_ENOMEM;
    ret_name->size = ret_name->keys[0].size = bytes.size;
    ret_name->keys[1].size = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.bytes[i];

        ret_name->text[i] = ret_name->keys[0].bytes[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return CHATROOM_OK;
}

static const struct chatroom_names_ops policy = {CHATROOM_NAMES_OPS, .prepare = prepare};

static void chat_names__a_policys_form_has_as_many_characters_as_any(void **state)
{
    static chatroom c;
    static const struct {
        const char *text, *name;
        int result;
    } rows[] = {
        {"Ann", "ann", CHATROOM_OK},        {"ABC\xc3\xa9", "abc\xc3\xa9", CHATROOM_OK},
        {"ABCDE", NULL, CHATROOM_EREFUSED}, {"", NULL, CHATROOM_EREFUSED},
        {"no", NULL, CHATROOM_EREFUSED},    {"more", NULL, CHATROOM_ENOMEM},
    };

    (void)state;
    c.names.ops = &policy;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char bytes[CR_CHAT_NAME_BYTES];
        chatroom_span name = {NULL, 0};

        assert_int_equal(cr_chat_name(&c, chatroom_str(rows[i].text), 4, bytes, &name), rows[i].result);
        assert_true(chatroom_span_equal(name, chatroom_str(rows[i].name)));
    }
}

static void chat_names__the_hall_is_known_by_its_name_and_with_a_policy_by_its_looks(void **state)
{
    static chatroom with, without;
    bool is;

    (void)state;
    with.names.ops = &policy;
    assert_int_equal(cr_chat_name_is_hall(&without, chatroom_str(CR_CHAT_HALL), &is), CHATROOM_OK);
    assert_true(is);
    assert_int_equal(cr_chat_name_is_hall(&with, chatroom_str(CR_CHAT_HALL), &is), CHATROOM_OK);
    assert_true(is);
    for (size_t i = 0; i < sizeof CR_CHAT_HALL - 1; i++) {
        char text[] = CR_CHAT_HALL;

        if (text[i] == '-')
            continue;
        text[i] = (char)(text[i] ^ 0x20);
        assert_int_equal(cr_chat_name_is_hall(&without, chatroom_str(text), &is), CHATROOM_OK);
        assert_false(is);
        assert_int_equal(cr_chat_name_is_hall(&with, chatroom_str(text), &is), CHATROOM_OK);
        assert_true(is);
    }
    assert_int_equal(cr_chat_name_is_hall(&with, chatroom_str("den"), &is), CHATROOM_OK);
    assert_false(is);
    assert_int_equal(cr_chat_name_is_hall(&with, chatroom_str("no"), &is), CHATROOM_OK);
    assert_false(is);
    assert_int_equal(cr_chat_name_is_hall(&with, chatroom_str("more"), &is), CHATROOM_ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_names__vectors),
        cmocka_unit_test(chat_names__nul_inside_is_refused),
        cmocka_unit_test(chat_names__length_counts_characters),
        cmocka_unit_test(chat_names__cleaning_is_idempotent),
        cmocka_unit_test(chat_names__untouched_on_refusal),
        cmocka_unit_test(chat_names__every_code_point_is_kept_refused_or_a_space),
        cmocka_unit_test(chat_names__every_space_becomes_one_of_ascii),
        cmocka_unit_test(chat_names__a_policys_form_has_as_many_characters_as_any),
        cmocka_unit_test(chat_names__the_hall_is_known_by_its_name_and_with_a_policy_by_its_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
