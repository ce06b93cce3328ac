/*
 * transport_port.h: a core that is nothing but the side of it that a transport sees (transport.h), so that a transport
 * can be tested by itself. What comes up is handed to the test; what the test wants sent goes down through the table.
 */
#ifndef TRANSPORT_PORT_H
#define TRANSPORT_PORT_H

#include <chatroom/transport.h>

struct chatroom_connection {
    struct chatroom_transport_port *port;
    void *peer;
    void *arg; /* the test's */
    struct chatroom_connection *next, *previous;
    char id[17];
};

/* NULL for what a test does not care about: an opening is then accepted at once. */
struct chatroom_transport_port {
    struct chatroom_transport transport;
    struct chatroom_now now;
    int64_t wall_ms;  /* what people's clocks show; it stands still */
    uint64_t skew_ns; /* how far its clock is before the real one: a test adds to it instead of waiting */
    struct chatroom_connection *connections;
    size_t count;
    uint64_t next_id;
    int refuse_opening; /* what chatroom_transport_opening() returns; 0: goes on */
    void *arg;
    void (*opening)(struct chatroom_connection *connection, const struct chatroom_request_head *head);
    void (*message)(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message);
    void (*closed)(struct chatroom_connection *connection, uint16_t code, chatroom_span reason, enum chatroom_party by);
    /* Plain HTTP. NULL: none of it is wanted. */
    int (*http_wanted)(struct chatroom_transport_port *port, const struct chatroom_request_head *head,
                       size_t *ret_body_bytes);
    void (*http)(struct chatroom_transport_port *port, const struct chatroom_http_request *request,
                 struct chatroom_http_answer *ret_answer);
    void (*log)(struct chatroom_transport_port *port, const char *event, const struct chatroom_log_field *fields,
                size_t count);
};

void port_accept(struct chatroom_connection *connection);
void port_refuse(struct chatroom_connection *connection, uint16_t status, const char *error_type, const char *body);
/* Copies the message into a frame and sends that. What send() returned, or ENOMEM. */
int port_send(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message);
/* The same with offer(), which the transport has. */
int port_offer(struct chatroom_connection *connection, enum chatroom_message_kind kind, chatroom_span message);
void port_close(struct chatroom_connection *connection, uint16_t code, const char *reason);
void port_close_everyone(struct chatroom_transport_port *port, uint16_t code);

/* Waits until the transport has work, at most so long, and lets it work once. */
void port_turn(struct chatroom_transport_port *port, int wait_ms);

#endif
