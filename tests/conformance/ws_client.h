/*
 * ws_client.h: a WebSocket client that never waits and can send anything, for tests in one thread with the server.
 */
#ifndef WS_CLIENT_H
#define WS_CLIENT_H

#include <chatroom/transport.h>

#include <stdio.h>

enum { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE_FRAME = 8, WS_PING_FRAME = 9, WS_PONG_FRAME = 10 };

struct ws_client {
    int fd;     /* -1: over */
    int status; /* of the answer to the opening; 0: none yet */
    bool reading;
    bool ended;             /* the server's side has ended */
    bool reset;             /* ... with a reset */
    size_t piece;           /* octets a write; 0: as many as go */
    uint16_t close_code;    /* that came; 1005: without one; 0: none */
    char *in, *out, *taken; /* what came and was not taken; what is to be sent; the last message that was taken */
    size_t in_size, out_size, in_capacity, out_capacity;
    char head[2048]; /* of the answer */
};

/* Begins to connect to "127.0.0.1:8080", "[::1]:8080" or "unix:PATH". NULL: refused at once. */
struct ws_client *ws_client_new(const char *address);
void ws_client_free(struct ws_client *client);

/* Puts octets, or a masked frame, behind what is to be sent. */
void ws_client_put(struct ws_client *client, const void *octets, size_t size);
void ws_client_put_frame(struct ws_client *client, uint8_t first, const void *payload, size_t size);
/* The minimal opening handshake, with more header lines, each with CRLF. */
void ws_client_put_request(struct ws_client *client, const char *target, const char *fields);

/* Writes and reads what goes, and looks for the answer to the opening. */
void ws_client_work(struct ws_client *client);

/* Takes a whole frame of the server's off what came; checks that it is one. False: there is none yet. */
bool ws_client_take(struct ws_client *client, uint8_t *ret_first, chatroom_span *ret_payload);

/* Ends it with a reset. */
void ws_client_cut(struct ws_client *client);

#endif
