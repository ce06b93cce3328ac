/*
 * handshake.h: is this request the opening handshake of RFC 6455, and if not, what is the answer? No I/O.
 */
#ifndef WS_HANDSHAKE_H
#define WS_HANDSHAKE_H

#include "origin.h"

#define WS_ACCEPT_SIZE 28

/* A refusal, or a plain page; static strings. */
struct ws_refusal {
    uint16_t status;     /* 0: there is none */
    const char *fields;  /* more header lines, each ended by CRLF */
    const char *message; /* for people */
};

/* Does it ask for an upgrade to "websocket", well or badly? */
bool ws_wants_upgrade(const struct ws_head *head);

/* Looks through a request that does (RFC 6455, 4.2.1). */
struct ws_refusal ws_handshake_check(const struct ws_head *head, const struct ws_origins *origins);

/* Sec-WebSocket-Accept for that Sec-WebSocket-Key (RFC 6455, 4.2.2). */
void ws_handshake_accept(chatroom_span key, char ret_accept[WS_ACCEPT_SIZE]);

#define WS_UPGRADE_FIELDS "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"

#endif
