/*
 * crowd.h: many WebSocket clients that can send anything, on one epoll, in one thread. Nothing here waits but
 * crowd_turn(), and that no longer than it is told.
 */
#ifndef CROWD_H
#define CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    int fd;               /* -1: none, or over */
    int status;           /* of the answer to its opening; 0: none yet */
    bool deaf;            /* reads nothing */
    bool small;           /* the kernel holds little for it */
    bool mute;            /* answers no ping and no Close */
    bool ended, reset;    /* the server's side has ended; with a reset */
    unsigned retry_after; /* seconds, that a refusal asked for */
    uint16_t close_code;  /* that came; 1005: without one; 0: none */
    uint64_t began_ns, answered_ns, ended_ns;
    uint64_t messages, pongs; /* that came */
    uint64_t sent;            /* octets */
    char *in, *out;
    size_t in_size, in_capacity, out_size, out_at, out_capacity;
    uint64_t repeat; /* what is in out is sent so many times more */
    uint32_t watched;
    void *own; /* the test's */
    size_t number[4];
};

struct crowd {
    int epoll;
    uint16_t port;
    size_t count;
    struct peer *peers;
    /* A text message has come; text is followed by a NUL. May be NULL. */
    void (*heard)(struct crowd *crowd, struct peer *peer, char *text, size_t size);
    void *own;
};

void crowd_init(struct crowd *crowd, uint16_t port, size_t count);
/* Ends all that is open, without a word. */
void crowd_fini(struct crowd *crowd);

/* Begins to connect, once more or for the first time. */
void crowd_connect(struct crowd *crowd, struct peer *peer);
/* The same, and asks for a WebSocket of chatroomd. */
void crowd_open(struct crowd *crowd, struct peer *peer);
/* Opens all, and waits until all are open or so much time is over: how many are. */
size_t crowd_open_all(struct crowd *crowd, unsigned ms);
void crowd_cut(struct crowd *crowd, struct peer *peer);
void crowd_shut_ears(struct crowd *crowd, struct peer *peer);
void crowd_listen(struct crowd *crowd, struct peer *peer);

/* Behind what is to be sent: octets; a masked frame; a text message. */
void crowd_put(struct crowd *crowd, struct peer *peer, const void *octets, size_t size);
void crowd_put_frame(struct crowd *crowd, struct peer *peer, uint8_t first, const void *payload, size_t size);
void crowd_say(struct crowd *crowd, struct peer *peer, const char *text);
/* Those octets again and again, nothing else being on its way. */
void crowd_flood(struct crowd *crowd, struct peer *peer, const void *octets, size_t size, uint64_t times);

/* Writes and reads what goes, waiting so long for something to do. */
void crowd_turn(struct crowd *crowd, int ms);
void crowd_turn_for(struct crowd *crowd, unsigned ms);

/* How many of them are open WebSockets; are over; got a Close with that code. */
size_t crowd_count_open(const struct crowd *crowd);
size_t crowd_count_ended(const struct crowd *crowd);
size_t crowd_count_closed(const struct crowd *crowd, uint16_t code);

#define CROWD_REQUEST                                                                               \
    "GET /development HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

enum { FRAME_LAST = 0x80, FRAME_CONTINUATION = 0, FRAME_TEXT = 1, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };

#endif
