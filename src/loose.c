#include "loose.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Writes the whole characters of the run. The JSON writer knows how to escape: it writes them as a value, which loses
 * its quotes. */
static void flush(struct cr_loose *loose)
{
    char value[CHATROOM_JSON_STRING_BOUND(sizeof loose->run)];
    struct chatroom_json json = chatroom_json_on(value, sizeof value);

    chatroom_json_string(&json, chatroom_bytes(loose->run, loose->whole));
    chatroom_json_literal(loose->json, chatroom_bytes(value + 1, json.size - 2));
    loose->size -= loose->whole;
    memmove(loose->run, loose->run + loose->whole, loose->size);
    loose->whole = 0;
}

/* What stands behind the whole characters will be none. */
static void replace(struct cr_loose *loose)
{
    loose->size = loose->whole;
    if (sizeof loose->run - loose->size < sizeof replacement)
        flush(loose);
    memcpy(loose->run + loose->size, replacement, sizeof replacement - 1);
    loose->size += sizeof replacement - 1;
    loose->whole = loose->size;
    loose->utf8 = (struct chatroom_utf8){0};
}

void cr_loose_open(struct cr_loose *loose, struct chatroom_json *json)
{
    loose->json = json;
    loose->utf8 = (struct chatroom_utf8){0};
    loose->size = loose->whole = 0;
    chatroom_json_raw(json, chatroom_str("\""));
}

void cr_loose_octet(struct cr_loose *loose, char octet) /* NOLINT: it calls itself once, with nothing begun */
{
    bool inside = !chatroom_utf8_complete(&loose->utf8);

    if (loose->size == sizeof loose->run)
        flush(loose);
    if (!chatroom_utf8_feed(&loose->utf8, &octet, 1)) {
        replace(loose);
        if (inside) /* it ended another's character, and may begin its own */
            cr_loose_octet(loose, octet);
        return;
    }
    loose->run[loose->size++] = octet;
    if (chatroom_utf8_complete(&loose->utf8))
        loose->whole = loose->size;
}

void cr_loose_add(struct cr_loose *loose, chatroom_span octets)
{
    for (size_t i = 0; i < octets.size; i++)
        cr_loose_octet(loose, octets.bytes[i]);
}

void cr_loose_close(struct cr_loose *loose)
{
    if (!chatroom_utf8_complete(&loose->utf8))
        replace(loose);
    flush(loose);
    chatroom_json_literal(loose->json, chatroom_str("\""));
}

void cr_loose_close_name(struct cr_loose *loose)
{
    cr_loose_close(loose);
    chatroom_json_literal(loose->json, chatroom_str(":"));
    loose->json->comma = false;
}

void cr_loose_string(struct chatroom_json *json, chatroom_span octets)
{
    struct cr_loose loose;

    cr_loose_open(&loose, json);
    cr_loose_add(&loose, octets);
    cr_loose_close(&loose);
}
