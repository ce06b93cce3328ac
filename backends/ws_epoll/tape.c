#include "tape.h"

#include <stdlib.h>

#define CAPACITY_LEAST 1024

struct ws_tape *ws_tape_new(chatroom_frame *frame)
{
    struct ws_tape *tape = calloc(1, sizeof *tape);

    if (!tape)
        return NULL;
    tape->references = 1;
    tape->frame = chatroom_frame_ref(frame);
    tape->size = chatroom_frame_wire(frame).size;
    return tape;
}

static size_t grown(size_t capacity, size_t size)
{
    if (capacity < CAPACITY_LEAST)
        capacity = CAPACITY_LEAST;
    while (capacity < size)
        capacity *= 2; /* size is at most WS_TAPE_MOST */
    return capacity;
}

static int reserve(struct ws_tape *tape, size_t size)
{
    size_t capacity = grown(tape->capacity, size);
    char *bytes = tape->bytes;

    if (size <= tape->capacity)
        return CHATROOM_OK;
    bytes = realloc(bytes, capacity);
    if (!bytes)
        return CHATROOM_ENOMEM;
    if (tape->frame) {
        memcpy(bytes, chatroom_frame_wire(tape->frame).bytes, tape->size);
        chatroom_frame_unref(tape->frame);
        tape->frame = NULL;
    }
    tape->bytes = bytes;
    tape->capacity = capacity;
    return CHATROOM_OK;
}

int ws_tape_append(struct ws_tape *tape, chatroom_frame *frame)
{
    chatroom_span wire = chatroom_frame_wire(frame);
    int rc = reserve(tape, tape->size + wire.size);

    if (rc)
        return rc;
    memcpy(tape->bytes + tape->size, wire.bytes, wire.size);
    tape->size += wire.size;
    return CHATROOM_OK;
}

void ws_tape_unref(struct ws_tape *tape)
{
    if (!tape || --tape->references > 0)
        return;
    chatroom_frame_unref(tape->frame);
    free(tape->bytes);
    free(tape);
}
