#include "reader.h"

#include <stdlib.h>

#define POOL_MOST 64 /* readers kept for later */

static ssize_t feed(uint8_t *to, size_t size, int flags, void *arg)
{
    struct ws_reader *reader = arg;
    struct ws_input *input = reader->input;
    size_t part = size < reader->allowance ? size : reader->allowance;

    (void)flags;
    if (part == 0)
        return -1;
    memcpy(to, input->at, part);
    input->at += part;
    reader->allowance -= part;
    return (ssize_t)part;
}

static void reset(struct ws_reader *reader)
{
    reader->have = 0;
    reader->need = 2;
    reader->left = 0;
}

static void destroy(struct ws_reader *reader)
{
    wslay_frame_context_free(reader->context);
    free(reader);
}

static struct ws_reader *create(void)
{
    struct wslay_frame_callbacks callbacks = {.recv_callback = feed};
    struct ws_reader *reader = calloc(1, sizeof *reader);

    if (!reader || wslay_frame_context_init(&reader->context, &callbacks, reader)) {
        free(reader);
        return NULL;
    }
    return reader;
}

struct ws_reader *ws_reader_take(struct ws_readers *pool)
{
    struct ws_reader *reader = pool->first;

    if (reader) {
        pool->first = reader->next;
        pool->count--;
    } else if (!(reader = create())) {
        return NULL;
    }
    reset(reader);
    return reader;
}

void ws_reader_give(struct ws_readers *pool, struct ws_reader *reader)
{
    if (!reader)
        return;
    if (!ws_reader_header_complete(reader) || reader->left > 0 || pool->count == POOL_MOST) {
        destroy(reader);
        return;
    }
    reader->next = pool->first;
    pool->first = reader;
    pool->count++;
}

void ws_readers_fini(struct ws_readers *pool)
{
    while (pool->first) {
        struct ws_reader *reader = pool->first;

        pool->first = reader->next;
        destroy(reader);
    }
    pool->count = 0;
}

/* Lets wslay have up to most octets. Returns what it returned. */
static ssize_t run(struct ws_reader *reader, struct ws_input *input, uint64_t most, struct wslay_frame_iocb *ret_frame)
{
    size_t there = (size_t)(input->end - input->at);
    ssize_t got;

    reader->input = input;
    reader->allowance = there < most ? there : (size_t)most;
    got = wslay_frame_recv(reader->context, ret_frame);
    reader->input = NULL;
    return got;
}

/* RFC 6455, 5.2. */
static uint8_t header_size(const uint8_t *header)
{
    uint8_t length = header[1] & 0x7F;
    uint8_t mask = header[1] & 0x80 ? 4 : 0;

    return (uint8_t)(2 + mask + (length == 126 ? 2 : length == 127 ? 8 : 0));
}

static uint64_t payload_size(const uint8_t *header)
{
    uint8_t length = header[1] & 0x7F;
    unsigned octets = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t size = 0;

    if (octets == 0)
        return length;
    for (unsigned i = 0; i < octets; i++)
        size = size << 8 | header[2 + i];
    return size;
}

enum ws_read ws_reader_header(struct ws_reader *reader, struct ws_input *input)
{
    struct wslay_frame_iocb frame;
    const uint8_t *from = input->at;
    ssize_t got;

    if (input->at == input->end)
        return WS_READ_MORE;
    got = run(reader, input, reader->need - reader->have, &frame);
    if (got < 0 && got != WSLAY_ERR_WANT_READ)
        return WS_READ_BAD;
    memcpy(reader->header + reader->have, from, (size_t)(input->at - from));
    reader->have = (uint8_t)(reader->have + (input->at - from));
    if (reader->have < reader->need)
        return WS_READ_MORE;
    if (reader->need == 2)
        reader->need = header_size(reader->header);
    if (reader->have == reader->need)
        reader->left = reader->payload = payload_size(reader->header);
    return WS_READ_DONE;
}

enum ws_read ws_reader_payload(struct ws_reader *reader, struct ws_input *input, chatroom_span *ret_data)
{
    struct wslay_frame_iocb frame;
    ssize_t got;

    if (reader->left == 0)
        return WS_READ_DONE;
    if (input->at == input->end)
        return WS_READ_MORE;
    got = run(reader, input, reader->left, &frame);
    if (got <= 0)
        return WS_READ_BAD; /* there was input, so it had something to say */
    reader->left -= (uint64_t)got;
    *ret_data = chatroom_bytes(frame.data, (size_t)got);
    return WS_READ_DATA;
}
