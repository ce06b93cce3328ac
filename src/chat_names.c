#include "chat_names.h"

#include <chatroom/utf8.h>

struct range {
    uint32_t first, last;
};

/* Zs of Unicode 15, all of which become U+0020. */
static const struct range spaces[] = {
    {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};

/*
 * Unicode 15: Cc, Cf, Co, Zl, Zp, Default_Ignorable_Code_Point and noncharacters, blanks that pass for letters, and the
 * planes that have no characters. (Surrogates are not UTF-8.) Unassigned code points elsewhere show as a box, which
 * does no harm, and would need a table for each version of Unicode.
 */
static const struct range refused[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},                            /* controls */
    {0xad, 0xad},       {0x34f, 0x34f},                          /* soft hyphen, grapheme joiner */
    {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},      /* Arabic signs, letter mark */
    {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},      /* Syriac, Arabic signs */
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},    /* fillers, vowels nobody sees, Mongolian */
    {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},    /* zero width, lines, direction */
    {0x2800, 0x2800},   {0x3164, 0x3164},                        /* Braille blank, filler */
    {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},    /* private, noncharacters, variations */
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xffff},    /* byte order mark, filler, specials */
    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},  /* Kaithi, hieroglyph controls */
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},                      /* shorthand, music */
    {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0x10ffff}, /* noncharacters, tags, private, empty planes */
};

static bool is_in(const struct range *ranges, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

static bool is_space(uint32_t code)
{
    return is_in(spaces, sizeof spaces / sizeof *spaces, code);
}

static bool is_refused(uint32_t code)
{
    return is_in(refused, sizeof refused / sizeof *refused, code);
}

/* The character at *at, which is in valid UTF-8; *at moves behind it. */
static uint32_t next_code(chatroom_span text, size_t *at)
{
    uint8_t lead = (uint8_t)text.bytes[(*at)++];
    unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t code = more == 0 ? lead : lead & (0x3fu >> more);

    while (more-- > 0)
        code = code << 6 | ((uint8_t)text.bytes[(*at)++] & 0x3fu);
    return code;
}

bool cr_chat_name_clean(chatroom_span text, size_t most, char ret_bytes[CR_CHAT_NAME_BYTES], chatroom_span *ret_name)
{
    size_t size = 0, count = 0;
    bool gap = false;

    if (!chatroom_utf8_valid(text))
        return false;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t code = next_code(text, &at);

        if (is_space(code)) {
            gap = count > 0;
            continue;
        }
        count += gap ? 2 : 1;
        if (is_refused(code) || count > most)
            return false;
        if (gap)
            ret_bytes[size++] = ' ';
        gap = false;
        memcpy(ret_bytes + size, text.bytes + start, at - start);
        size += at - start;
    }
    if (count == 0)
        return false;
    *ret_name = chatroom_bytes(ret_bytes, size);
    return true;
}

/* ---- with a policy ---- */

_Static_assert(CR_CHAT_NAME_BYTES == CHATROOM_NAME_BYTES, "a policy's name has room");

size_t cr_chat_count(chatroom_span text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++)
        count += ((uint8_t)text.bytes[i] & 0xc0) != 0x80;
    return count;
}

int cr_chat_name(const chatroom *c, chatroom_span text, size_t most, char ret_bytes[CR_CHAT_NAME_BYTES],
                 chatroom_span *ret_name)
{
    struct chatroom_name name;
    int result = chatroom_prepare_name(c, text, &name);

    if (result == CHATROOM_ENOENT)
        return cr_chat_name_clean(text, most, ret_bytes, ret_name) ? CHATROOM_OK : CHATROOM_EREFUSED;
    if (result != CHATROOM_OK)
        return result;
    if (name.size == 0 || cr_chat_count(chatroom_name_text(&name)) > most)
        return CHATROOM_EREFUSED;
    memcpy(ret_bytes, name.text, name.size);
    *ret_name = chatroom_bytes(ret_bytes, name.size);
    return CHATROOM_OK;
}

int cr_chat_name_is_hall(const chatroom *c, chatroom_span text, bool *ret_is)
{
    struct chatroom_name hall, name;
    int result;

    *ret_is = chatroom_span_equal(text, chatroom_str(CR_CHAT_HALL));
    result = *ret_is ? CHATROOM_ENOENT : chatroom_prepare_name(c, chatroom_str(CR_CHAT_HALL), &hall);
    if (result == CHATROOM_OK)
        result = chatroom_prepare_name(c, text, &name);
    if (result == CHATROOM_OK)
        *ret_is = chatroom_names_alike(&hall, &name);
    return result == CHATROOM_ENOMEM ? result : CHATROOM_OK;
}
