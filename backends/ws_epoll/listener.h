/*
 * listener.h: where connections come from: TCP over IPv4 or IPv6, and local sockets.
 */
#ifndef WS_LISTENER_H
#define WS_LISTENER_H

#include "source.h"

#include <chatroom/base.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define WS_SEND_BUFFER 65536 /* of a connection, with the kernel */

union ws_socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

#define WS_LISTEN_TEXT_MOST 128 /* the longest is "unix:" with a path of 107 octets */

struct ws_listener {
    struct ws_source source; /* first */
    int fd;                  /* -1: not open, or not any more */
    bool local;
    bool apart;                     /* for the core's plain HTTP alone */
    char text[WS_LISTEN_TEXT_MOST]; /* with the port that it got; "" before it was open */
};

/* The size of the address in *ret_address; 0: text is none. */
socklen_t ws_listen_parse(const char *text, union ws_socket_address *ret_address);

/*
 * Listens at text. A socket file that a dead process left behind is replaced. Errors, with a sentence: EADDRINUSE,
 * EADDRNOTAVAIL, EADDRDENIED, ESYSTEM.
 */
int ws_listener_open(struct ws_listener *listener, const char *text, struct chatroom_error *error);

/* Removes the file of a local socket. No effect if it is not open. */
void ws_listener_close(struct ws_listener *listener);

#endif
