/*
 * tape.h: the frames that one group got in a tick, one behind the other, so that a thousand queues name them all with
 * one pointer and each leaves in one piece.
 *
 * A single frame is referred to; with a second one the tape becomes a copy of both. So what has nothing to be joined
 * with is not copied, and what is joined is copied once, not once a member. Places are octets from the beginning: they
 * stay right while the tape grows, pointers into it do not.
 *
 * Counted references, not atomic: a tape belongs to one thread.
 */
#ifndef WS_TAPE_H
#define WS_TAPE_H

#include <chatroom/transport.h>

/* Longer ones would gain nothing: it is about what a socket takes at once. */
#define WS_TAPE_MOST 65536

struct ws_tape {
    size_t references;
    size_t size;
    size_t capacity; /* 0: the octets are those of the frame */
    chatroom_frame *frame;
    char *bytes;
};

/* With one frame on it and one reference. NULL: out of memory. */
struct ws_tape *ws_tape_new(chatroom_frame *frame);

/* Has it place for so many octets more? A tape that has not is left as it is, and a new one begun. */
static inline bool ws_tape_takes(const struct ws_tape *tape, size_t size)
{
    return size <= WS_TAPE_MOST && tape->size <= WS_TAPE_MOST - size;
}

/* Puts a copy of the frame behind the others; ws_tape_takes() said yes. Errors: ENOMEM, and nothing has changed. */
int ws_tape_append(struct ws_tape *tape, chatroom_frame *frame);

static inline struct ws_tape *ws_tape_ref(struct ws_tape *tape)
{
    tape->references++;
    return tape;
}

/* The last one frees it. NULL is fine. */
void ws_tape_unref(struct ws_tape *tape);

/* Borrowed until the next append. */
static inline const char *ws_tape_at(const struct ws_tape *tape, size_t place)
{
    return (tape->capacity ? tape->bytes : chatroom_frame_wire(tape->frame).bytes) + place;
}

#endif
