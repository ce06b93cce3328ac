/*
 * Any octets as a name, and as code points of two octets each, of which more are text. With the policy on ICU and
 * without one: what comes out is text without spaces at its ends, and comes out the same when it is put in again, keys
 * and all. What the policy lets through is a name without it too, as it is; and it is alike to itself in the other
 * case.
 */
#include "fuzz.h"

#include "chat_names.h"

#include <chatroom/backend/names_icu.h>
#include <chatroom/utf8.h>

static bool is_same(const struct chatroom_name *a, const struct chatroom_name *b)
{
    bool same = chatroom_span_equal(chatroom_name_text(a), chatroom_name_text(b));

    for (size_t i = 0; i < CHATROOM_NAME_KEYS; i++)
        same = same && a->keys[i].size == b->keys[i].size &&
               memcmp(a->keys[i].bytes, b->keys[i].bytes, a->keys[i].size) == 0;
    return same;
}

static void check_text(chatroom_span text)
{
    REQUIRE(text.size > 0 && text.size <= CHATROOM_NAME_BYTES && chatroom_utf8_valid(text));
    REQUIRE(text.bytes[0] != ' ' && text.bytes[text.size - 1] != ' ');
    for (size_t i = 0; i < text.size; i++)
        REQUIRE((unsigned char)text.bytes[i] >= ' ' && text.bytes[i] != 0x7f);
}

static void check_other_case(const struct chatroom_names *names, const struct chatroom_name *name)
{
    struct chatroom_name other = *name, again;

    for (size_t i = 0; i < other.size; i++)
        if ((other.text[i] >= 'a' && other.text[i] <= 'z') || (other.text[i] >= 'A' && other.text[i] <= 'Z'))
            other.text[i] ^= 0x20;
    if (names->ops->prepare(names->self, chatroom_name_text(&other), &again) == CHATROOM_OK)
        REQUIRE(chatroom_names_alike(name, &again));
}

static void check_policy(const struct chatroom_names *names, chatroom_span bytes)
{
    struct chatroom_name name, again;
    char clean[CR_CHAT_NAME_BYTES];
    chatroom_span text = {NULL, 0};
    int result = names->ops->prepare(names->self, bytes, &name);

    REQUIRE(result == CHATROOM_OK || result == CHATROOM_EREFUSED);
    if (result != CHATROOM_OK)
        return;
    check_text(chatroom_name_text(&name));
    REQUIRE(name.keys[0].size > 0 && name.keys[0].size <= CHATROOM_NAME_KEY_BYTES);
    REQUIRE(names->ops->prepare(names->self, chatroom_name_text(&name), &again) == CHATROOM_OK &&
            is_same(&name, &again));
    check_other_case(names, &name);
    if (cr_chat_count(chatroom_name_text(&name)) > CR_CHAT_ROOM_MOST)
        return;
    REQUIRE(cr_chat_name_clean(chatroom_name_text(&name), CR_CHAT_ROOM_MOST, clean, &text));
    REQUIRE(chatroom_span_equal(text, chatroom_name_text(&name)));
}

static void check_rule(chatroom_span bytes)
{
    char clean[CR_CHAT_NAME_BYTES], again[CR_CHAT_NAME_BYTES];
    chatroom_span name, second;

    if (!cr_chat_name_clean(bytes, CR_CHAT_ROOM_MOST, clean, &name))
        return;
    check_text(name);
    REQUIRE(cr_chat_name_clean(name, CR_CHAT_ROOM_MOST, again, &second) && chatroom_span_equal(name, second));
}

/* In the first plane, where scripts are; three bytes each. Surrogates are none. */
static size_t encode(const uint8_t *bytes, size_t count, char *ret_text)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned code = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];

        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        if (code >= 0x800)
            ret_text[size++] = (char)(0xe0 | code >> 12);
        if (code >= 0x80)
            ret_text[size++] = (char)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3f) : 0xc0 | code >> 6);
        ret_text[size++] = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
    }
    return size;
}

static void check(const struct chatroom_names *names, chatroom_span text)
{
    check_policy(names, text);
    check_rule(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct chatroom_names names; /* opened once: it is the same for every input */
    char text[3 * CR_CHAT_ROOM_MOST];
    size_t count = size / 2 < CR_CHAT_ROOM_MOST ? size / 2 : CR_CHAT_ROOM_MOST;

    if (!names.ops)
        REQUIRE(chatroom_names_icu(&names, NULL) == CHATROOM_OK);
    check(&names, chatroom_bytes(bytes, size));
    check(&names, chatroom_bytes(text, encode(bytes, count, text)));
    return 0;
}
