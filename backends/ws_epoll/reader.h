/*
 * reader.h: one frame from memory, by wslay's frame layer.
 *
 * A wslay context takes over 4 KiB, so it is lent from a pool for as long as a frame is in flight. That works because a
 * reader feeds wslay the octets of this frame and not one more: at its end the context is as good as new. The header is
 * decoded here as well, since wslay tells it only with the payload, and a length must be judged before that.
 */
#ifndef WS_READER_H
#define WS_READER_H

#include <chatroom/base.h>

#include <wslay/wslay.h>

#define WS_CONTROL_MOST 125 /* octets of payload of a control frame (RFC 6455, 5.5) */

/* Octets that have come and have not been taken. They are unmasked in place. */
struct ws_input {
    uint8_t *at;
    uint8_t *end;
};

enum ws_read {
    WS_READ_MORE, /* the input is used up */
    WS_READ_DONE, /* the header, or the frame, is complete */
    WS_READ_DATA, /* a part of the payload */
    WS_READ_BAD,  /* wslay says that it breaks the protocol */
};

struct ws_reader {
    wslay_frame_context_ptr context;
    struct ws_reader *next; /* in the pool */
    struct ws_input *input; /* while wslay reads */
    size_t allowance;       /* octets that wslay may take of it */
    uint8_t header[14];
    uint8_t have;     /* octets of header that are there */
    uint8_t need;     /* ... as far as is known until now */
    uint64_t payload; /* once the header is complete */
    uint64_t left;    /* of the payload */
    uint8_t control[WS_CONTROL_MOST];
};

/* Readers that are not in use. All zero is empty. */
struct ws_readers {
    struct ws_reader *first;
    size_t count;
    size_t unfinished; /* octets of the buffers of messages that have begun and not ended, of all who read here */
};

/* NULL: out of memory. */
struct ws_reader *ws_reader_take(struct ws_readers *pool);
/* Gives it back after a whole frame; otherwise it is freed. NULL is fine. */
void ws_reader_give(struct ws_readers *pool, struct ws_reader *reader);

/* Takes octets up to the end of the next part of the header: the first two, then all. DONE after each, MORE or BAD. */
enum ws_read ws_reader_header(struct ws_reader *reader, struct ws_input *input);
static inline bool ws_reader_header_complete(const struct ws_reader *reader)
{
    return reader->need > 2 && reader->have == reader->need;
}

/* Once the header is complete. DATA lends a part of the payload until the next call; DONE after the last; MORE; BAD. */
enum ws_read ws_reader_payload(struct ws_reader *reader, struct ws_input *input, chatroom_span *ret_data);

void ws_readers_fini(struct ws_readers *pool);

#endif
