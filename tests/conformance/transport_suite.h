/*
 * transport_suite.h: what transport.h promises, asked of any transport through a client of its kind.
 *
 * The client lives in the same thread as the transport, so nothing of it may wait: the suite lets both work in turn.
 * docs/writing-a-transport.md says how to run it on a transport of your own.
 */
#ifndef TRANSPORT_SUITE_H
#define TRANSPORT_SUITE_H

#include "transport_port.h"

enum client_state {
    CLIENT_OPENING,
    CLIENT_OPEN,
    CLIENT_REFUSED, /* the opening was answered with a refusal */
    CLIENT_OVER,    /* it was open, and is not any more */
};

struct client;

struct client_driver {
    /* A transport with limits of at least 128 KiB a message and at most 8 MiB of output. */
    int (*make)(struct chatroom_transport *ret_transport, struct chatroom_error *error);
    /* Begins to open a connection. The transport is open. NULL: it cannot even begin. */
    struct client *(*connect)(const struct chatroom_transport *transport);
    /* Does what can be done without waiting. */
    void (*work)(struct client *client);
    enum client_state (*state)(const struct client *client);
    void (*send)(struct client *client, enum chatroom_message_kind kind, chatroom_span message); /* copied */
    /* The next message that has come, until the next call. False: none has. */
    bool (*receive)(struct client *client, enum chatroom_message_kind *ret_kind, chatroom_span *ret_message);
    void (*stop_reading)(struct client *client);
    void (*read_on)(struct client *client); /* after that */
    void (*close)(struct client *client, uint16_t code);
    void (*cut)(struct client *client);                  /* without a word */
    uint16_t (*close_code)(const struct client *client); /* that came; 0: none */
    void (*free)(struct client *client);                 /* NULL is fine */
};

/* Runs all of it as a group of cmocka tests of that name. Returns how many failed. */
int transport_suite(const char *name, const struct client_driver *driver);

#endif
