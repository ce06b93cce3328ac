/*
 * assembler.h: octets of one connection become whole messages and control frames (RFC 6455, 5). No I/O.
 *
 * A complete unfragmented message that lies in memory is unmasked where it lies and lent out; everything else goes
 * through a reader (reader.h) into one buffer that grows with what has come, never with what was announced. Both ways
 * judge alike. Between messages an assembler holds no memory.
 */
#ifndef WS_ASSEMBLER_H
#define WS_ASSEMBLER_H

#include "reader.h"

#include <chatroom/transport.h>

struct ws_limits {
    size_t message_bytes;
    size_t frame_bytes;    /* payload of a data frame */
    size_t message_frames; /* data frames in a message, empty ones too */
};

enum ws_event_kind {
    WS_MORE,     /* the input is used up */
    WS_FRAGMENT, /* a frame has ended, its message has not */
    WS_MESSAGE,
    WS_PING,
    WS_PONG,
    WS_CLOSE,
    WS_FAIL,      /* the peer broke a rule: answer with a Close of this code, feed nothing more */
    WS_NO_MEMORY, /* the same, without an answer */
    WS_END,       /* of the input; nothing that an assembler says */
};

struct ws_event {
    enum ws_event_kind kind;
    enum chatroom_message_kind message;
    chatroom_span bytes; /* MESSAGE, PING, PONG: the payload; CLOSE: the reason. FAIL: why. Until the next call */
    uint16_t code;       /* CLOSE: 1005 if it had none; FAIL */
    uint8_t control[WS_CONTROL_MOST];
};

struct ws_partial;

/* All zero is the start of a connection. */
struct ws_assembler {
    struct ws_partial *partial; /* NULL: between messages */
};

/* Takes octets from input up to the end of the next frame and says what that was. */
void ws_assembler_next(struct ws_assembler *assembler, struct ws_readers *readers, const struct ws_limits *limits,
                       struct ws_input *input, struct ws_event *ret_event);

/* True while a message or a frame has begun and not ended. */
bool ws_assembler_busy(const struct ws_assembler *assembler);
/* True while a message has begun: the frames between its fragments are control frames. */
bool ws_assembler_in_message(const struct ws_assembler *assembler);

/* Its part of readers->unfinished. */
size_t ws_assembler_size(const struct ws_assembler *assembler);

void ws_assembler_fini(struct ws_assembler *assembler, struct ws_readers *readers);

/* XORs size octets with the key over and over (RFC 6455, 5.3). */
void ws_unmask(uint8_t *octets, size_t size, const uint8_t key[4]);

/* May this code stand in a Close frame (RFC 6455, 7.4, and the IANA registry)? */
bool ws_close_code_valid(unsigned code);

#endif
