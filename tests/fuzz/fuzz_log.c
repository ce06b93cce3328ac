/*
 * Any octets as what peers say, in a line of chatroomd's log (T21): the line is one, is JSON, has the fields that it
 * was given in their order, holds nothing that a terminal would act on, and gives of each text at most its first 256
 * bytes.
 */
#include "fuzz.h"

#include "log.h"

#include <chatroom/json.h>
#include <chatroom/utf8.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS = 5, HEAD = 3 };

static struct log output;
static int reading;

static void open_log(void)
{
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    reading = ends[0];
    log_init(&output, ends[1], CHATROOM_LOG_INFO, NULL);
}

static chatroom_span next_line(char *buffer, size_t most)
{
    ssize_t got = read(reading, buffer, most);

    REQUIRE(got > 0 && buffer[got - 1] == '\n' && memchr(buffer, '\n', (size_t)got) == buffer + got - 1);
    REQUIRE_WRITTEN(buffer, (size_t)got);
    return chatroom_bytes(buffer, (size_t)got - 1);
}

/* C0, C1, DEL, and the marks that turn the direction of what follows. */
static void check_harmless(chatroom_span line)
{
    for (size_t i = 0; i < line.size; i++) {
        unsigned char c = (unsigned char)line.bytes[i], next = i + 1 < line.size ? (unsigned char)line.bytes[i + 1] : 0;

        REQUIRE(c >= 0x20 && c != 0x7f && !(c == 0xc2 && next < 0xa0));
        REQUIRE(c != 0xe2 || next != 0x80 || (unsigned char)line.bytes[i + 2] < 0xaa ||
                (unsigned char)line.bytes[i + 2] > 0xae);
    }
}

/* What is there of a text: it begins like it, as far as it was text that can be shown. */
static void check_text(const struct chatroom_json_value *value, chatroom_span text)
{
    char decoded[2 * LOG_LINE_BYTES];
    chatroom_span said;
    size_t same = 0;

    REQUIRE(value->type == CHATROOM_JSON_STRING && value->raw.size <= LOG_LINE_BYTES);
    REQUIRE(chatroom_json_text(value, decoded, &said) == CHATROOM_OK);
    while (same < text.size && same < said.size && said.bytes[same] == text.bytes[same])
        same++;
    REQUIRE(same == said.size || !chatroom_utf8_valid(text) || (unsigned char)text.bytes[same] >= 0x80);
}

static void check_line(chatroom_span line, size_t fields, chatroom_span text, const char *key, size_t most)
{
    struct chatroom_json_member members[HEAD + FIELDS];
    struct chatroom_json_value whole;
    size_t count;

    REQUIRE(line.size < LOG_LINE_BYTES && chatroom_utf8_valid(line));
    check_harmless(line);
    REQUIRE(chatroom_json_scan(line, &whole, members, HEAD + FIELDS, &count) == CHATROOM_OK);
    REQUIRE(whole.type == CHATROOM_JSON_OBJECT && count == HEAD + fields);
    REQUIRE(chatroom_span_equal(members[0].name, chatroom_str("time")));
    REQUIRE(chatroom_span_equal(members[2].name, chatroom_str("event")));
    REQUIRE(chatroom_span_equal(members[HEAD].name, chatroom_str(key)));
    REQUIRE(members[HEAD].value.raw.size <= most + 2);
    check_text(&members[HEAD].value, text);
}

static void check_event(chatroom_span text, int64_t number)
{
    char buffer[2 * LOG_LINE_BYTES];
    struct chatroom_log_field fields[FIELDS] = {CHATROOM_TEXT("reason", text), CHATROOM_NUMBER("number", number),
                                                CHATROOM_TEXT("again", text), CHATROOM_TEXT("empty", chatroom_str("")),
                                                CHATROOM_TEXT("room", text)};

    log_event(&output, CHATROOM_LOG_INFO, "closed", fields, FIELDS);
    check_line(next_line(buffer, sizeof buffer), FIELDS, text, "reason", LOG_TEXT_BYTES);
}

static void check_long(chatroom_span text)
{
    char buffer[2 * LOG_LINE_BYTES];

    log_long(&output, CHATROOM_LOG_INFO, "access", "line", text);
    check_line(next_line(buffer, sizeof buffer), 1, text, "line", LOG_LINE_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char nothing[1];
    chatroom_span text = size > 0 ? chatroom_bytes(bytes, size) : chatroom_bytes(nothing, 0);
    int64_t number = 0;

    if (!output.fd)
        open_log();
    memcpy(&number, bytes, size < sizeof number ? size : sizeof number);
    check_event(text, number);
    check_long(text);
    return 0;
}
