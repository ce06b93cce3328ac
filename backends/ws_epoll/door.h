/*
 * door.h: who may come in: the listeners, and how many come, from where and how fast (T02, T12, T35). Both kinds of
 * transport begin with a door. Owner's thread.
 *
 * Who is let in, or is told that it may not come in, is counted until whoever took it over says that it has left.
 */
#ifndef WS_DOOR_H
#define WS_DOOR_H

#include "address.h"
#include "handshake.h"
#include "listener.h"
#include "options.h"

#define WS_LOG_FIELDS_MOST 2 /* beside the connection */

struct ws_door;

/* Both take fd over, and close it when they return false: out of memory. */
struct ws_door_ops {
    /* It comes in. address is to be given back with ws_door_left(). apart: for the core's plain HTTP alone. */
    bool (*admit)(struct ws_door *door, int fd, struct ws_address *address, bool apart);
    /* It is told why not, and gets the time to hear it. */
    bool (*refuse)(struct ws_door *door, int fd, struct ws_refusal refusal);
    /* Whoever waits longest for its next request is not counted as opening any more, and goes. False: nobody waits. */
    bool (*make_room)(struct ws_door *door);
};

struct ws_door {
    const struct ws_door_ops *ops;
    struct chatroom_ws_epoll_options options; /* of the transport */
    chatroom_transport_port *port;
    int epoll;   /* borrowed: where the listeners are watched */
    int reserve; /* a descriptor to give up when there are no others */
    struct ws_listener *listeners;
    size_t listener_count;
    uint64_t now_ns;        /* of the last step */
    uint64_t accept_again;  /* when listeners are watched again; CHATROOM_NEVER: they are */
    uint64_t shortage_over; /* when it is told that descriptors suffice again; CHATROOM_NEVER: they do */
    uint64_t connects_full; /* when the bucket of connects is full again */
    uint64_t refusals_logged_at;
    uint64_t refusals; /* all in all */
    size_t opening_count;
    size_t refused_count;
    struct ws_addresses addresses;
};

/* Takes over options, which are a copy. Nothing is open. Errors: ENOMEM; then nothing was taken. */
int ws_door_init(struct ws_door *door, const struct ws_door_ops *ops, const struct chatroom_ws_epoll_options *options);

/* Listens. Errors, with a sentence: those of ws_listener_open(). What is open then is closed by ws_door_fini(). */
int ws_door_open(struct ws_door *door, chatroom_transport_port *port, int epoll, struct chatroom_error *error);
/* Sets error to a sentence with errno. ESYSTEM. */
int ws_fail_system(struct chatroom_error *error, const char *what);
/* Logs about a connection; NULL: one that the core does not know. */
void ws_log(chatroom_transport_port *port, enum chatroom_log_level level, const char *event,
            const chatroom_connection *core, const struct chatroom_log_field *fields, size_t count);

/* What is due by that time. In each step, before the events. */
void ws_door_step(struct ws_door *door, uint64_t now_ns);
uint64_t ws_door_deadline(const struct ws_door *door);

/* Takes in a bounded number of those who wait, and decides who may come. Pauses all listeners when descriptors run out.
 */
void ws_door_accept(struct ws_door *door, struct ws_listener *listener);

/* One that was admitted has been opened; one that was admitted (opening: and not opened) or refused has left. */
void ws_door_opened(struct ws_door *door);
void ws_door_left(struct ws_door *door, struct ws_address *address, bool opening, bool refused);

/* Closes the listeners. */
void ws_door_stop(struct ws_door *door);
/* All have left. */
void ws_door_fini(struct ws_door *door);

#endif
