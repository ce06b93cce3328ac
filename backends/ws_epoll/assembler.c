#include "assembler.h"

#include <chatroom/utf8.h>

#include <stdlib.h>

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct ws_partial {
    struct ws_reader *reader; /* a frame is in flight */
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    size_t frames;
    struct chatroom_utf8 utf8;
    uint8_t kind;   /* of the message that has begun; 0: none has */
    bool delivered; /* its bytes are lent out: the next call drops them */
};

void ws_unmask(uint8_t *octets, size_t size, const uint8_t key[4])
{
    uint64_t keys, word;
    size_t i = 0;

    memcpy(&keys, key, 4);
    memcpy((uint8_t *)&keys + 4, key, 4);
    for (; size - i >= 8; i += 8) {
        memcpy(&word, octets + i, 8);
        word ^= keys;
        memcpy(octets + i, &word, 8);
    }
    for (; i < size; i++)
        octets[i] ^= key[i % 4];
}

bool ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void fail(struct ws_event *event, uint16_t code, const char *reason)
{
    event->kind = WS_FAIL;
    event->code = code;
    event->bytes = chatroom_str(reason);
}

static void message(struct ws_event *event, uint8_t kind, const uint8_t *bytes, size_t size)
{
    event->kind = WS_MESSAGE;
    event->message = kind == TEXT ? CHATROOM_TEXT_MESSAGE : CHATROOM_BINARY_MESSAGE;
    event->bytes = chatroom_bytes(bytes, size);
}

/* ---- the fast path ------------------------------------------------------------------------------------------------
 */

/* Octets of the header of a masked frame, 0 if it is not in its shortest form or not all there; six octets are. */
static size_t fast_header(const uint8_t *at, size_t there, uint64_t *ret_size)
{
    uint8_t length = at[1];

    if (length >= 0x80 && length < 0x80 + 126) {
        *ret_size = length & 0x7F;
        return 6;
    }
    if (length == 0x80 + 126 && there >= 8) {
        *ret_size = (uint64_t)at[2] << 8 | at[3];
        return *ret_size >= 126 ? 8 : 0;
    }
    if (length == 0x80 + 127 && there >= 14) {
        *ret_size = 0;
        for (unsigned i = 2; i < 10; i++)
            *ret_size = *ret_size << 8 | at[i];
        return *ret_size >= 65536 ? 14 : 0;
    }
    return 0;
}

/* False: this is for the reader. */
static bool take_fast(const struct ws_limits *limits, struct ws_input *input, struct ws_event *event)
{
    size_t there = (size_t)(input->end - input->at), header;
    uint64_t size = 0;
    uint8_t *payload, kind;

    if (there < 6 || (input->at[0] != (0x80 | TEXT) && input->at[0] != (0x80 | BINARY)))
        return false;
    header = fast_header(input->at, there, &size);
    if (header == 0 || size > there - header || size > limits->message_bytes || size > limits->frame_bytes)
        return false;
    kind = input->at[0] & 0x0F;
    payload = input->at + header;
    ws_unmask(payload, (size_t)size, payload - 4);
    input->at = payload + size;
    if (kind == TEXT && !chatroom_utf8_valid(chatroom_bytes(payload, (size_t)size)))
        fail(event, 1007, "text that is not UTF-8");
    else
        message(event, kind, payload, (size_t)size);
    return true;
}

/* ---- headers ------------------------------------------------------------------------------------------------------
 */

/* What can be said of the first two octets. */
static bool judge_kind(const struct ws_partial *partial, struct ws_event *event)
{
    const uint8_t *header = partial->reader->header;
    uint8_t opcode = header[0] & 0x0F;

    if (header[0] & 0x70)
        fail(event, 1002, "a reserved bit is set");
    else if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG)
        fail(event, 1002, "a reserved opcode");
    else if (!(header[1] & 0x80))
        fail(event, 1002, "a frame that is not masked");
    else if (opcode == CONTINUATION && !partial->kind)
        fail(event, 1002, "a continuation of nothing");
    else if ((opcode == TEXT || opcode == BINARY) && partial->kind)
        fail(event, 1002, "a new message inside another");
    else
        return true;
    return false;
}

/* What can be said of the whole header, before anything is kept of the payload. */
static bool judge_size(struct ws_partial *partial, const struct ws_limits *limits, struct ws_event *event)
{
    uint8_t opcode = partial->reader->header[0] & 0x0F;
    uint64_t size = partial->reader->payload;

    if (opcode >= CLOSE)
        return true; /* wslay has seen to it */
    if (size > limits->frame_bytes)
        fail(event, 1009, "a frame that is too long");
    else if (size > limits->message_bytes - partial->size)
        fail(event, 1009, "a message that is too long");
    else if (partial->frames >= limits->message_frames)
        fail(event, 1009, "a message in too many frames");
    else {
        partial->frames++;
        if (opcode != CONTINUATION)
            partial->kind = opcode;
        return true;
    }
    return false;
}

/* True once the header is complete and fine; else event says what to do. */
static bool take_header(struct ws_partial *partial, const struct ws_limits *limits, struct ws_input *input,
                        struct ws_event *event)
{
    struct ws_reader *reader = partial->reader;

    while (!ws_reader_header_complete(reader)) {
        switch (ws_reader_header(reader, input)) {
        case WS_READ_MORE:
            return false;
        case WS_READ_BAD:
            fail(event, 1002, "a frame header that RFC 6455 does not allow");
            return false;
        default:
            if (reader->have == 2 && !judge_kind(partial, event))
                return false;
        }
        if (ws_reader_header_complete(reader) && !judge_size(partial, limits, event))
            return false;
    }
    return true;
}

/* ---- payloads -----------------------------------------------------------------------------------------------------
 */

/* At least doubles, so that the octets are not copied too often; never past what the message may become. */
static bool reserve(struct ws_partial *partial, struct ws_readers *readers, size_t more, size_t most)
{
    size_t want = partial->size + more;
    size_t grown = partial->capacity < most / 2 ? partial->capacity * 2 : most;
    uint8_t *bigger;

    if (want <= partial->capacity)
        return true;
    if (grown < want)
        grown = want;
    bigger = realloc(partial->bytes, grown);
    if (!bigger)
        return false;
    readers->unfinished += grown - partial->capacity;
    partial->bytes = bigger;
    partial->capacity = grown;
    return true;
}

/* How long the message can still get: what this frame adds, if it is the last. */
static size_t size_most(const struct ws_partial *partial, const struct ws_limits *limits, size_t part)
{
    bool last = partial->reader->header[0] & 0x80;

    return last ? partial->size + part + (size_t)partial->reader->left : limits->message_bytes;
}

static bool keep_data(struct ws_partial *partial, struct ws_readers *readers, const struct ws_limits *limits,
                      chatroom_span part, struct ws_event *event)
{
    if (partial->kind == TEXT && !chatroom_utf8_feed(&partial->utf8, part.bytes, part.size)) {
        fail(event, 1007, "text that is not UTF-8");
        return false;
    }
    if (!reserve(partial, readers, part.size, size_most(partial, limits, part.size))) {
        event->kind = WS_NO_MEMORY;
        return false;
    }
    memcpy(partial->bytes + partial->size, part.bytes, part.size); /* NOLINT: a part is never empty */
    partial->size += part.size;
    return true;
}

static void keep_control(struct ws_reader *reader, chatroom_span part)
{
    size_t at = (size_t)(reader->payload - reader->left) - part.size;

    memcpy(reader->control + at, part.bytes, part.size);
}

/* True once the frame is complete. */
static bool take_payload(struct ws_partial *partial, struct ws_readers *readers, const struct ws_limits *limits,
                         struct ws_input *input, struct ws_event *event)
{
    bool control = (partial->reader->header[0] & 0x0F) >= CLOSE;
    chatroom_span part;

    for (;;) {
        switch (ws_reader_payload(partial->reader, input, &part)) { /* not reached: any other */
        case WS_READ_MORE:
            return false;
        case WS_READ_BAD:
            fail(event, 1002, "a frame that RFC 6455 does not allow");
            return false;
        case WS_READ_DONE:
            return true;
        case WS_READ_DATA:
            if (control)
                keep_control(partial->reader, part);
            else if (!keep_data(partial, readers, limits, part, event))
                return false;
        }
    }
}

/* ---- the end of a frame ---------------------------------------------------------------------------------------------
 */

/* RFC 6455, 5.5.1: nothing, or a code and a reason in UTF-8. */
static void end_close(struct ws_event *event, size_t size)
{
    unsigned code = size >= 2 ? (unsigned)event->control[0] << 8 | event->control[1] : 0;

    if (size > 0 && !ws_close_code_valid(code)) {
        fail(event, 1002, "a close code that is not allowed");
        return;
    }
    event->kind = WS_CLOSE;
    event->code = size > 0 ? (uint16_t)code : 1005;
    event->bytes = size > 0 ? chatroom_bytes(event->control + 2, size - 2) : chatroom_str(NULL);
    if (!chatroom_utf8_valid(event->bytes))
        fail(event, 1007, "a reason that is not UTF-8");
}

static void end_control(struct ws_reader *reader, uint8_t opcode, struct ws_event *event)
{
    size_t size = (size_t)reader->payload;

    memcpy(event->control, reader->control, size);
    event->bytes = chatroom_bytes(event->control, size);
    if (opcode == CLOSE)
        end_close(event, size);
    else
        event->kind = opcode == PING ? WS_PING : WS_PONG;
}

static void end_frame(struct ws_partial *partial, struct ws_readers *readers, struct ws_event *event)
{
    struct ws_reader *reader = partial->reader;
    uint8_t opcode = reader->header[0] & 0x0F;
    bool last = reader->header[0] & 0x80;

    if (opcode >= CLOSE) {
        end_control(reader, opcode, event);
    } else if (!last) {
        event->kind = WS_FRAGMENT;
    } else if (partial->kind == TEXT && !chatroom_utf8_complete(&partial->utf8)) {
        fail(event, 1007, "text that is not UTF-8");
    } else {
        message(event, partial->kind, partial->bytes, partial->size);
        partial->delivered = true;
    }
    ws_reader_give(readers, reader);
    partial->reader = NULL;
}

/* ---- all together ---------------------------------------------------------------------------------------------------
 */

void ws_assembler_fini(struct ws_assembler *assembler, struct ws_readers *readers)
{
    if (!assembler->partial)
        return;
    ws_reader_give(readers, assembler->partial->reader);
    readers->unfinished -= assembler->partial->capacity;
    free(assembler->partial->bytes);
    free(assembler->partial);
    assembler->partial = NULL;
}

bool ws_assembler_in_message(const struct ws_assembler *assembler)
{
    return assembler->partial && assembler->partial->kind && !assembler->partial->delivered;
}

size_t ws_assembler_size(const struct ws_assembler *assembler)
{
    return assembler->partial ? assembler->partial->capacity : 0;
}

bool ws_assembler_busy(const struct ws_assembler *assembler)
{
    return ws_assembler_in_message(assembler) || (assembler->partial && assembler->partial->reader);
}

static bool begin(struct ws_assembler *assembler, struct ws_readers *readers)
{
    if (!assembler->partial)
        assembler->partial = calloc(1, sizeof *assembler->partial);
    if (assembler->partial && !assembler->partial->reader)
        assembler->partial->reader = ws_reader_take(readers);
    return assembler->partial && assembler->partial->reader;
}

void ws_assembler_next(struct ws_assembler *assembler, struct ws_readers *readers, const struct ws_limits *limits,
                       struct ws_input *input, struct ws_event *ret_event)
{
    ret_event->kind = WS_MORE;
    ret_event->bytes = chatroom_str(NULL);
    if (!ws_assembler_busy(assembler))
        ws_assembler_fini(assembler, readers); /* what the last call lent out */
    if (input->at == input->end || (!assembler->partial && take_fast(limits, input, ret_event)))
        return;
    if (!begin(assembler, readers))
        ret_event->kind = WS_NO_MEMORY;
    else if (take_header(assembler->partial, limits, input, ret_event) &&
             take_payload(assembler->partial, readers, limits, input, ret_event))
        end_frame(assembler->partial, readers, ret_event);
}
