/*
 * Any octets as text. Whole and in any two pieces the check says what a second one says, which goes by the table of the
 * Unicode Standard (3.9, table 3-7), sequence by sequence. A JSON string of them that replaces what is no text is
 * valid, says the same of what is text, and has a U+FFFD for each part that could have begun a character.
 */
#include "fuzz.h"

#include "character.h"
#include "loose.h"

/* Rows of that table: the bounds of each octet of a sequence. */
static const struct row {
    size_t size;
    uint8_t bounds[4][2];
} rows[] = {
    {1, {{0x00, 0x7F}}},
    {2, {{0xC2, 0xDF}, {0x80, 0xBF}}},
    {3, {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}}},
    {3, {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {3, {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}}},
    {3, {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {4, {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
};

/* How many octets at the front follow a row, of the row that they follow longest. */
static size_t longest(chatroom_span text, bool *ret_whole)
{
    size_t most = 0;

    *ret_whole = false;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        size_t n = 0;

        while (n < rows[r].size && n < text.size && (uint8_t)text.bytes[n] >= rows[r].bounds[n][0] &&
               (uint8_t)text.bytes[n] <= rows[r].bounds[n][1])
            n++;
        if (n > most) {
            most = n;
            *ret_whole = n == rows[r].size;
        }
    }
    return most;
}

static chatroom_span behind(chatroom_span text, size_t size)
{
    return chatroom_bytes(text.bytes + size, text.size - size);
}

static bool is_valid(chatroom_span text)
{
    bool whole = true;

    while (text.size > 0 && whole)
        text = behind(text, longest(text, &whole));
    return whole;
}

static void check_pieces(chatroom_span text, size_t cut, bool valid)
{
    struct chatroom_utf8 state = {0};
    bool ok = chatroom_utf8_feed(&state, text.bytes, cut) &&
              chatroom_utf8_feed(&state, text.bytes + cut, text.size - cut) && chatroom_utf8_complete(&state);

    REQUIRE(ok == valid);
}

static void check_characters(chatroom_span text)
{
    while (text.size > 0) {
        bool whole;
        size_t size = longest(text, &whole);

        REQUIRE(cr_character_size(text) == (whole ? size : 0));
        text = behind(text, size ? size : 1);
    }
}

/* What the loose writer should have made of them, before JSON's escapes. */
static chatroom_span replaced(chatroom_span text, char *buffer)
{
    size_t size = 0;

    while (text.size > 0) {
        bool whole;
        size_t part = longest(text, &whole);

        memcpy(buffer + size, whole ? text.bytes : "\xEF\xBF\xBD", whole ? part : 3);
        size += whole ? part : 3;
        text = behind(text, part ? part : 1);
    }
    return chatroom_bytes(buffer, size);
}

static void check_loose(chatroom_span text)
{
    size_t room = CHATROOM_JSON_STRING_BOUND(3 * text.size) + 2;
    char *written = malloc(room), *expected = malloc(3 * text.size + 1), *decoded = malloc(room);
    struct chatroom_json json = chatroom_json_on(written, room);
    struct chatroom_json_value value = {.type = CHATROOM_JSON_NONE};
    chatroom_span string, said;
    size_t count;

    REQUIRE(written && expected && decoded);
    cr_loose_string(&json, text);
    REQUIRE(chatroom_json_done(&json, &string));
    REQUIRE_WRITTEN(string.bytes, string.size);
    REQUIRE(chatroom_json_scan(string, &value, NULL, 0, &count) == CHATROOM_OK && value.type == CHATROOM_JSON_STRING);
    REQUIRE(chatroom_json_text(&value, decoded, &said) == CHATROOM_OK);
    REQUIRE(chatroom_span_equal(said, replaced(text, expected)));
    free(decoded);
    free(expected);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chatroom_span text = chatroom_bytes(bytes, size);
    bool valid = is_valid(text);

    REQUIRE(chatroom_utf8_valid(text) == valid);
    for (size_t cut = 0; cut <= size && cut < 64; cut++)
        check_pieces(text, cut, valid);
    check_characters(text);
    check_loose(text);
    return 0;
}
