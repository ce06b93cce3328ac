/*
 * Any octets as base64, and as what becomes base64. The decoder takes what a second one of the test takes, and finds
 * the same; what it takes is what the writer writes of that. In place it does the same as aside.
 */
#include "fuzz.h"

#include "base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes groups of three octets. */
static size_t encode(chatroom_span octets, char *text)
{
    size_t size = 0;

    for (size_t at = 0; at < octets.size; at += 3) {
        uint32_t group = 0;
        size_t there = octets.size - at < 3 ? octets.size - at : 3;

        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < there ? (uint8_t)octets.bytes[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            text[size++] = i <= there ? alphabet[group >> (18 - 6 * i) & 63] : '=';
    }
    return size;
}

/* Reads six bits after the other, then asks whether that would have been written so. */
static bool decode(chatroom_span text, char *octets, size_t *ret_size, char *scratch)
{
    uint32_t bits = 0;
    size_t count = 0, size = 0;

    for (size_t i = 0; i < text.size && text.bytes[i] != '='; i++) {
        const char *digit = text.bytes[i] ? strchr(alphabet, text.bytes[i]) : NULL;

        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        count += 6;
        if (count >= 8)
            octets[size++] = (char)(bits >> (count -= 8));
    }
    *ret_size = size;
    return encode(chatroom_bytes(octets, size), scratch) == text.size &&
           (text.size == 0 || memcmp(scratch, text.bytes, text.size) == 0);
}

static void *block_of(size_t size)
{
    void *block = malloc(size ? size : 1);

    REQUIRE(block);
    return block;
}

static void check_decoder(chatroom_span text)
{
    char *aside = block_of(text.size), *place = block_of(text.size), *expected = block_of(text.size);
    char *scratch = block_of(2 * text.size + 4);
    size_t size = 0;
    chatroom_span octets, in_place;
    bool ok = cr_base64_decode(text, aside, &octets);

    REQUIRE(ok == decode(text, expected, &size, scratch));
    REQUIRE(!ok || chatroom_span_equal(octets, chatroom_bytes(expected, size)));
    if (text.size > 0)
        memcpy(place, text.bytes, text.size);
    REQUIRE(cr_base64_decode(chatroom_bytes(place, text.size), place, &in_place) == ok);
    REQUIRE(!ok || chatroom_span_equal(octets, in_place));
    free(scratch);
    free(expected);
    free(place);
    free(aside);
}

static void check_writer(chatroom_span octets)
{
    size_t room = (octets.size + 2) / 3 * 4 + 2;
    char *written = block_of(room), *expected = block_of(room);
    struct chatroom_json json = chatroom_json_on(written, room);
    chatroom_span text;

    cr_base64_write(&json, octets);
    REQUIRE(chatroom_json_done(&json, &text) && text.size == room);
    REQUIRE(encode(octets, expected) == room - 2 && memcmp(text.bytes + 1, expected, room - 2) == 0);
    REQUIRE(text.bytes[0] == '"' && text.bytes[room - 1] == '"');
    check_decoder(chatroom_bytes(expected, room - 2));
    free(expected);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    chatroom_span octets = chatroom_bytes(bytes, size);

    check_decoder(octets);
    check_writer(octets);
    return 0;
}
