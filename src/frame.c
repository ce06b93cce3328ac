#include "memory.h"

#include <chatroom/transport.h>

#include <stdatomic.h>

struct chatroom_frame {
    atomic_size_t references;
    struct chatroom_alloc alloc;
    enum chatroom_message_kind kind;
    size_t payload_size;
    size_t fragment_size; /* payload in each fragment but the last */
    size_t wire_size;
    uint8_t wire[];
};

static size_t header_size(size_t payload)
{
    return payload < 126 ? 2 : payload < 65536 ? 4 : 10;
}

/* RFC 6455, 5.2: the shortest of the three length forms. */
static size_t write_header(uint8_t *at, uint8_t first, size_t payload)
{
    size_t size = header_size(payload);

    at[0] = first;
    if (size == 2) {
        at[1] = (uint8_t)payload;
        return size;
    }
    at[1] = size == 4 ? 126 : 127;
    for (size_t i = 2; i < size; i++)
        at[i] = (uint8_t)((uint64_t)payload >> (8 * (size - 1 - i)));
    return size;
}

static size_t wire_size(size_t payload, size_t fragment)
{
    size_t whole = payload / fragment;
    size_t rest = payload % fragment;

    if (payload == 0)
        return header_size(0);
    return whole * (header_size(fragment) + fragment) + (rest ? header_size(rest) + rest : 0);
}

static void encode(chatroom_frame *frame, chatroom_span payload)
{
    uint8_t *at = frame->wire;
    uint8_t opcode = (uint8_t)frame->kind;
    size_t done = 0;

    do {
        size_t part = payload.size - done < frame->fragment_size ? payload.size - done : frame->fragment_size;
        uint8_t fin = done + part == payload.size ? 0x80 : 0;

        at += write_header(at, fin | opcode, part);
        if (part > 0)
            memcpy(at, payload.bytes + done, part);
        at += part;
        done += part;
        opcode = 0; /* a continuation */
    } while (done < payload.size);
}

chatroom_frame *chatroom_frame_new(const struct chatroom_alloc *alloc, enum chatroom_message_kind kind,
                                   chatroom_span message, size_t frame_bytes)
{
    size_t fragment = frame_bytes > 0 ? frame_bytes : message.size > 0 ? message.size : 1;
    size_t size = wire_size(message.size, fragment);
    chatroom_frame *frame;

    if (!alloc)
        alloc = &cr_default_alloc;
    frame = cr_resize(alloc, NULL, 0, sizeof *frame + size);
    if (!frame)
        return NULL;
    atomic_init(&frame->references, 1);
    frame->alloc = *alloc;
    frame->kind = kind;
    frame->payload_size = message.size;
    frame->fragment_size = fragment;
    frame->wire_size = size;
    encode(frame, message);
    return frame;
}

chatroom_frame *chatroom_frame_ref(chatroom_frame *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void chatroom_frame_unref(chatroom_frame *frame)
{
    if (!frame || atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) > 1)
        return;
    struct chatroom_alloc alloc = frame->alloc;
    cr_free(&alloc, frame, sizeof *frame + frame->wire_size);
}

chatroom_span chatroom_frame_wire(const chatroom_frame *frame)
{
    return chatroom_bytes(frame->wire, frame->wire_size);
}

enum chatroom_message_kind chatroom_frame_kind(const chatroom_frame *frame)
{
    return frame->kind;
}

size_t chatroom_frame_payload_size(const chatroom_frame *frame)
{
    return frame->payload_size;
}

void chatroom_frame_payload(const chatroom_frame *frame, void *ret_bytes)
{
    const uint8_t *from = frame->wire;
    uint8_t *to = ret_bytes;
    size_t left = frame->payload_size;

    while (left > 0) {
        size_t part = left < frame->fragment_size ? left : frame->fragment_size;

        from += header_size(part);
        memcpy(to, from, part);
        from += part;
        to += part;
        left -= part;
    }
}
