#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/backend/names_icu.h>

#include <stdio.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>

/* The policy through the public headers. Bytes beyond ASCII are written out, with what they are beside them. */

static struct chatroom_names names;

static int open_policy(void **state)
{
    struct chatroom_error error = {0, ""};

    (void)state;
    assert_int_equal(chatroom_names_icu(&names, &error), CHATROOM_OK);
    assert_true(names.ops->size == sizeof *names.ops);
    return 0;
}

static int close_policy(void **state)
{
    (void)state;
    names.ops->close(names.self);
    return 0;
}

static int prepare(const char *text, struct chatroom_name *ret_name)
{
    memset(ret_name, 0x5a, sizeof *ret_name);
    return names.ops->prepare(names.self, chatroom_str(text), ret_name);
}

struct form {
    const char *text;
    const char *form; /* NULL: refused */
};

static void check_forms(const struct form *forms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct chatroom_name name, again;
        int result = prepare(forms[i].text, &name);

        if (result != (forms[i].form ? CHATROOM_OK : CHATROOM_EREFUSED))
            fail_msg("%zu \"%s\": %d", i, forms[i].text, result);
        if (!forms[i].form)
            continue;
        if (!chatroom_span_equal(chatroom_name_text(&name), chatroom_str(forms[i].form)))
            fail_msg("%zu \"%s\": got \"%.*s\"", i, forms[i].text, (int)name.size, name.text);
        assert_int_equal(prepare(forms[i].form, &again), CHATROOM_OK);
        assert_true(chatroom_span_equal(chatroom_name_text(&name), chatroom_name_text(&again)));
        assert_true(name.keys[0].size > 0 && name.keys[0].size == again.keys[0].size);
        assert_memory_equal(name.keys[0].bytes, again.keys[0].bytes, name.keys[0].size);
        assert_int_equal(name.keys[1].size, again.keys[1].size);
        assert_memory_equal(name.keys[1].bytes, again.keys[1].bytes, name.keys[1].size);
    }
}

#define CHECK(forms) check_forms(forms, sizeof forms / sizeof *forms)

/* clang-format off */

/* What people are called comes back byte for byte. */
static void names_icu__T20_ordinary_names_stay_as_they_are(void **state)
{
    static const struct form forms[] = {
        {"ann", "ann"},
        {"Ann", "Ann"},
        {"ANN", "ANN"},
        {"a", "a"},
        {"42", "42"},
        {"Ann O'Neill-Smith, Jr.", "Ann O'Neill-Smith, Jr."},
        {"<b>&\"'{}[]|\\~^`", "<b>&\"'{}[]|\\~^`"},
        {"no-rooms", "no-rooms"},
        {"Zo\xc3\xab", "Zo\xc3\xab"},
        {"Stra\xc3\x9f""e", "Stra\xc3\x9f""e"},
        {"I\xc5\x9f\xc4\xb1k", "I\xc5\x9f\xc4\xb1k"},                           /* Turkish, without a dot */
        {"\xce\x9f\xce\xb4\xcf\x85\xcf\x83\xcf\x83\xce\xad\xcf\x82",
         "\xce\x9f\xce\xb4\xcf\x85\xcf\x83\xcf\x83\xce\xad\xcf\x82"},           /* Odysseas, final sigma */
        {"\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", "\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0"}, /* Anna in Russian */
        {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"}, /* right to left, without marks */
        {"\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85", "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85"},
        {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"\xed\x95\x9c\xea\xb5\xad", "\xed\x95\x9c\xea\xb5\xad"},               /* Hangul */
        {"\xe3\x82\xb8\xe3\x83\xa7\xe3\x83\xb3\xe3\x83\xbb\xe3\x82\xb9",
         "\xe3\x82\xb8\xe3\x83\xa7\xe3\x83\xb3\xe3\x83\xbb\xe3\x82\xb9"},       /* Katakana with its middle dot */
        {"\xe0\xa4\xb0\xe0\xa4\xbe\xe0\xa4\xae", "\xe0\xa4\xb0\xe0\xa4\xbe\xe0\xa4\xae"}, /* Devanagari, with a vowel sign */
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xf0\x9d\x84\x9e", "\xf0\x9d\x84\x9e"},                               /* G clef */
        {"\xe2\x99\x9a", "\xe2\x99\x9a"},
    };

    (void)state;
    CHECK(forms);
}

static void names_icu__T20_forms_of_RFC_8266(void **state)
{
    static const struct form forms[] = {
        {" stpeter ", "stpeter"},
        {"St  Peter", "St Peter"},
        {"\xc2\xa0""Foo\xe3\x80\x80\xe2\x80\x83""Bar ", "Foo Bar"}, /* no-break, ideographic, em space */
        {"\xe1\x9a\x80""a", "a"},                                   /* Ogham space */
        {"Foo", "Foo"},
        {"foo", "foo"},
        {"Foo Bar", "Foo Bar"},
        {"\xce\xa3", "\xce\xa3"},
        {"\xcf\x83", "\xcf\x83"},
        {"\xcf\x82", "\xcf\x82"},
        {"\xcf\x94", "\xce\xab"},                                   /* upsilon with hook and dots */
        {"\xe2\x99\x9a", "\xe2\x99\x9a"},
        {"Richard \xe2\x85\xa3", "Richard IV"},
        {"e\xcc\x81t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},                /* composed */
        {"\xef\xbc\xa1\xef\xbd\x82\xef\xbc\x90", "Ab0"},            /* full width */
        {"\xef\xbe\x8b\xef\xbe\x9f", "\xe3\x83\x94"},               /* half width, and its sign */
        {"\xef\xac\x81sh", "fish"},                                 /* ligature */
        {"\xe2\x91\xa0", "1"},
        {"\xe2\x84\xab", "\xc3\x85"},                               /* Angstrom */
        {"x\xc2\xa8", "x \xcc\x88"},                                /* dots, which NFKC puts on a space */
        {"\xc2\xa8x", "\xcc\x88x"},                                 /* ... which then goes */
        {"", NULL},
        {" ", NULL},
        {"\xe3\x80\x80\xc2\xa0", NULL},
    };

    (void)state;
    CHECK(forms);
}

static void names_icu__T20_refused_characters(void **state)
{
    static const struct form forms[] = {
        /* controls */
        {"\t", NULL}, {"a\nb", NULL}, {"a\x1b""b", NULL}, {"a\x7f""b", NULL}, {"a\xc2\x85""b", NULL},
        /* lines */
        {"a\xe2\x80\xa8""b", NULL}, {"a\xe2\x80\xa9""b", NULL},
        /* directions: marks, embeddings, overrides, isolates, Arabic letter mark */
        {"a\xe2\x80\x8e", NULL}, {"\xe2\x80\x8f""a", NULL}, {"a\xe2\x80\xaa""b", NULL}, {"a\xe2\x80\xab""b", NULL},
        {"a\xe2\x80\xac""b", NULL}, {"a\xe2\x80\xad""b", NULL}, {"a\xe2\x80\xae""b", NULL}, {"\xe2\x81\xa6""a", NULL},
        {"\xe2\x81\xa7""a", NULL}, {"\xe2\x81\xa8""a", NULL}, {"\xe2\x81\xa9""a", NULL}, {"\xd8\x9c""a", NULL},
        /* nothing to see: zero width, joiners, soft hyphen, grapheme joiner, byte order mark, word joiner */
        {"a\xe2\x80\x8b""b", NULL}, {"a\xe2\x80\x8c""b", NULL}, {"a\xe2\x80\x8d""b", NULL}, {"\xc2\xad""a", NULL},
        {"a\xcd\x8f", NULL}, {"a\xef\xbb\xbf""b", NULL}, {"a\xe2\x81\xa0", NULL}, {"a\xe1\xa0\x8e""b", NULL},
        /* fillers, blanks */
        {"a\xe1\x85\x9f", NULL}, {"\xe3\x85\xa4", NULL}, {"\xef\xbe\xa0", NULL}, {"\xe2\xa0\x80", NULL},
        /* variation selectors, tags, musical and shorthand formats, Arabic number sign */
        {"a\xef\xb8\x8f", NULL}, {"a\xf3\xa0\x84\x80", NULL}, {"\xf3\xa0\x81\x81", NULL}, {"a\xf0\x9d\x85\xb3", NULL},
        {"a\xf0\x9b\xb2\xa0", NULL}, {"\xd8\x80", NULL},
        /* private use, noncharacters, replacements */
        {"\xee\x80\x80", NULL}, {"\xf3\xb0\x80\x80", NULL}, {"\xf4\x8f\xbf\xbd", NULL}, {"\xef\xb7\x90", NULL},
        {"\xef\xbf\xbf", NULL}, {"\xf0\x9f\xbf\xbe", NULL}, {"\xef\xbf\xbd", NULL}, {"\xef\xbf\xbc", NULL},
        /* unassigned: among Greek, in an empty plane */
        {"\xcd\xb8", NULL}, {"\xf1\x80\x80\x80", NULL},
        /* old Hangul, and what RFC 8264 refuses by name: tatweel, vertical kana repeat marks */
        {"\xe1\x84\x80", NULL}, {"\xd9\x80", NULL}, {"\xe3\x80\xb1", NULL}, {"\xdf\xba", NULL},
        /* not UTF-8 */
        {"\xff", NULL}, {"\xe2\x80", NULL}, {"\xc0\x80", NULL}, {"\xed\xa0\x80", NULL}, {"\xf4\x90\x80\x80", NULL},
    };
    struct chatroom_name name;

    (void)state;
    CHECK(forms);
    assert_int_equal(names.ops->prepare(names.self, chatroom_bytes("a\0b", 3), &name), CHATROOM_EREFUSED);
    assert_int_equal(names.ops->prepare(names.self, chatroom_bytes(NULL, 0), &name), CHATROOM_EREFUSED);
}

/* Appendix A of RFC 5892: good in some company. */
static void names_icu__T20_context(void **state)
{
    static const struct form forms[] = {
        {"l\xc2\xb7l", "l\xc2\xb7l"}, {"a\xc2\xb7l", NULL}, {"l\xc2\xb7", NULL}, {"\xc2\xb7l", NULL},
        {"\xcd\xb5\xce\xb1", "\xcd\xb5\xce\xb1"}, {"\xcd\xb5""a", NULL}, {"\xce\xb1\xcd\xb5", NULL},
        {"\xd7\x90\xd7\xb3", "\xd7\x90\xd7\xb3"}, {"a\xd7\xb3", NULL}, {"\xd7\xb4\xd7\x90", NULL},
        {"a\xe3\x83\xbb", NULL}, {"\xe3\x83\xbb\xe3\x81\x82", "\xe3\x83\xbb\xe3\x81\x82"},
        {"a\xef\xbd\xa5", NULL},                             /* half width: becomes the dot */
        {"\xd9\xa1\xd9\xa2", "\xd9\xa1\xd9\xa2"}, {"\xdb\xb1\xdb\xb2", "\xdb\xb1\xdb\xb2"}, {"\xd9\xa1\xdb\xb2", NULL},
        {"\xdb\xb2x\xd9\xa1", NULL},
    };

    (void)state;
    CHECK(forms);
}

struct pair {
    const char *a, *b;
};

static bool is_alike(const struct pair *pair)
{
    struct chatroom_name a, b;

    if (prepare(pair->a, &a) != CHATROOM_OK || prepare(pair->b, &b) != CHATROOM_OK)
        fail_msg("\"%s\" or \"%s\" is refused", pair->a, pair->b);
    assert_true(chatroom_names_alike(&a, &b) == chatroom_names_alike(&b, &a));
    assert_true(chatroom_names_alike(&a, &a));
    return chatroom_names_alike(&a, &b);
}

static void names_icu__T20_look_alikes(void **state)
{
    static const struct pair pairs[] = {
        /* RFC 8266, 3: what it compares as the same, and the sigmas, which it does not */
        {"Foo", "foo"}, {"Foo Bar", "foo bar"}, {"\xce\xa3", "\xcf\x83"}, {"\xce\xa3", "\xcf\x82"},
        {"Richard \xe2\x85\xa3", "richard iv"}, {"\xcf\x94", "\xcf\x8b"},
        /* case */
        {"stpeter", "StPeter"}, {"STRASSE", "stra\xc3\x9f""e"}, {"\xc3\x89t\xc3\xa9", "\xc3\xa9T\xc3\x89"},
        /* UTS #39, 4: within a script */
        {"paypal", "paypa1"}, {"paypal", "paypaI"}, {"PayPal", "paypaI"}, {"google", "g00gle"}, {"Google", "G0OGLE"},
        {"modern", "rnodern"}, {"Alice", "AIice"}, {"ALICE", "AIice"}, {"l", "|"}, {"room 0", "room O"}, {"room 0", "room o"},
        /* across scripts */
        {"paypal", "p\xd0\xb0ypal"},                             /* Cyrillic a */
        {"paypal", "P\xd0\xb0yPal"},
        {"PAYPAL", "\xd0\xa0\xd0\x90YPAL"},                      /* Cyrillic Er, A */
        {"scope", "\xd1\x95\xd1\x81\xd0\xbe\xd1\x80\xd0\xb5"},   /* all Cyrillic */
        {"Bob", "\xd0\x92ob"},                                   /* a capital that looks like one, its small letter does not */
        {"BOB", "\xd0\x92\xd0\x9e\xd0\x92"},
        {"lobby", "l\xd0\xbe""bby"}, {"Lobby", "l\xd0\xbe""bby"},
        {"Oslo", "\xce\x9fslo"},                                 /* Greek Omicron */
        {"Vera", "\xd1\xb4""era"},                               /* izhitsa */
        {"a b", "\xd0\xb0 b"},
        {"\xd0\xbe\xd0\xba", "\xce\xbf\xd0\xba"},                /* neither Latin */
        /* marks that look like others: cedilla, comma */
        {"a\xcc\xa7", "a\xcc\xa6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!is_alike(&pairs[i]))
            fail_msg("%zu: \"%s\" and \"%s\"", i, pairs[i].a, pairs[i].b);
}

static void names_icu__T20_names_that_only_resemble_each_other_are_two(void **state)
{
    static const struct pair pairs[] = {
        {"ann", "anna"}, {"Maria", "Marla"}, {"Bill", "Bili"}, {"jose", "jos\xc3\xa9"}, {"Muller", "M\xc3\xbcller"},
        {"room 1", "room 2"}, {"1", "2"}, {"a", "b"}, {"ab", "a b"}, {"\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", "Anna"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81"}, {"\xe6\x97\xa5", "\xe6\x9c\xac"}, {"user", "user!"}, {"x", "xx"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (is_alike(&pairs[i]))
            fail_msg("%zu: \"%s\" and \"%s\"", i, pairs[i].a, pairs[i].b);
}
/* clang-format on */

static size_t put_code(uint32_t code, char *ret_text)
{
    if (code < 0x80) {
        ret_text[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        ret_text[0] = (char)(0xc0 | code >> 6);
        ret_text[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        ret_text[0] = (char)(0xe0 | code >> 12);
        ret_text[1] = (char)(0x80 | (code >> 6 & 0x3f));
        ret_text[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    ret_text[0] = (char)(0xf0 | code >> 18);
    ret_text[1] = (char)(0x80 | (code >> 12 & 0x3f));
    ret_text[2] = (char)(0x80 | (code >> 6 & 0x3f));
    ret_text[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static bool is_stable(chatroom_span text)
{
    struct chatroom_name name, again;

    if (names.ops->prepare(names.self, text, &name) != CHATROOM_OK)
        return false;
    assert_int_equal(names.ops->prepare(names.self, chatroom_name_text(&name), &again), CHATROOM_OK);
    if (!chatroom_span_equal(chatroom_name_text(&name), chatroom_name_text(&again)))
        fail_msg("%.*s becomes %.*s", (int)name.size, name.text, (int)again.size, again.text);
    return true;
}

/* Every character there is, alone, behind a letter and before a mark. */
static void names_icu__T20_forms_are_stable(void **state)
{
    size_t stable = 0;

    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[16] = "a";
        size_t size = 1 + put_code(code, text + 1);

        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        memcpy(text + size, "\xcc\x81", 2);
        stable += is_stable(chatroom_bytes(text + 1, size - 1));
        is_stable(chatroom_bytes(text, size));
        is_stable(chatroom_bytes(text + 1, size + 1));
    }
    assert_true(stable > 100000);
}

/* count times piece. */
static int prepare_many(const char *piece, size_t count, struct chatroom_name *ret_name)
{
    static char text[8192];
    size_t size = strlen(piece);

    assert_true(size * count <= sizeof text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * size, piece, size);
    return names.ops->prepare(names.self, chatroom_bytes(text, size * count), ret_name);
}

static void names_icu__length_ends_at_the_name(void **state)
{
    struct chatroom_name name;

    (void)state;
    assert_int_equal(prepare_many("x", 256, &name), CHATROOM_OK);
    assert_int_equal(name.size, 256);
    assert_int_equal(prepare_many("x", 257, &name), CHATROOM_EREFUSED);
    assert_int_equal(prepare_many("m", 256, &name), CHATROOM_OK); /* a skeleton of twice the size */
    assert_int_equal(name.keys[0].size, 512);
    assert_int_equal(prepare_many("\xf0\x9f\x98\x80", 64, &name), CHATROOM_OK);
    assert_int_equal(prepare_many("\xf0\x9f\x98\x80", 65, &name), CHATROOM_EREFUSED);
    assert_int_equal(prepare_many("\xef\xb7\xba", 1, &name), CHATROOM_OK); /* one that becomes eighteen */
    assert_int_equal(prepare_many("\xef\xb7\xba", 300, &name), CHATROOM_EREFUSED);
    assert_int_equal(prepare_many("\xef\xb7\xba", 2000, &name), CHATROOM_EREFUSED);
    assert_int_equal(prepare_many(" ", 1024, &name), CHATROOM_EREFUSED);
    assert_int_equal(prepare_many(" ", 1025, &name), CHATROOM_EREFUSED);
    assert_int_equal(prepare_many("a   ", 100, &name), CHATROOM_OK);
    assert_int_equal(name.size, 199);
}

/* Which are made without asking ICU: for each pair of characters, in the middle of a name. */
static void names_icu__T20_ascii_names_have_the_keys_of_icu(void **state)
{
    UErrorCode status = U_ZERO_ERROR;
    USpoofChecker *spoof = uspoof_open(&status);
    size_t checked = 0;

    (void)state;
    for (char a = ' '; a < 127; a++)
        for (char b = ' '; b < 127; b++) {
            const char text[] = {'x', a, b, 'x', '\0'};
            UChar units[4], skeleton[64], key[64];
            char wanted[128];
            int32_t size, wanted_size;
            struct chatroom_name name;

            if (a == ' ' && b == ' ')
                continue;
            assert_int_equal(prepare(text, &name), CHATROOM_OK);
            u_charsToUChars(text, units, 4);
            size = u_strFoldCase(key, 64, units, 4, U_FOLD_CASE_DEFAULT, &status);
            size = uspoof_getSkeleton(spoof, 0, key, size, skeleton, 64, &status);
            size = u_strFoldCase(key, 64, skeleton, size, U_FOLD_CASE_DEFAULT, &status);
            u_strToUTF8(wanted, sizeof wanted, &wanted_size, key, size, &status);
            assert_true(U_SUCCESS(status));
            assert_int_equal(name.keys[0].size, wanted_size);
            assert_memory_equal(name.keys[0].bytes, wanted, wanted_size);
            checked++;
        }
    assert_int_equal(checked, 95 * 95 - 1);
    uspoof_close(spoof);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_icu__T20_ordinary_names_stay_as_they_are),
        cmocka_unit_test(names_icu__T20_forms_of_RFC_8266),
        cmocka_unit_test(names_icu__T20_refused_characters),
        cmocka_unit_test(names_icu__T20_context),
        cmocka_unit_test(names_icu__T20_look_alikes),
        cmocka_unit_test(names_icu__T20_names_that_only_resemble_each_other_are_two),
        cmocka_unit_test(names_icu__T20_forms_are_stable),
        cmocka_unit_test(names_icu__T20_ascii_names_have_the_keys_of_icu),
        cmocka_unit_test(names_icu__length_ends_at_the_name),
    };

    return cmocka_run_group_tests(tests, open_policy, close_policy);
}
