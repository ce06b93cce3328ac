/*
 * wire.h: a transport inside the test: clients are indexes, bytes do not move, time is what the test says.
 *
 * What a client does (connect, send, close) happens in the instance's next step, in the order in which it was done.
 * What a client was sent is kept until it is taken. A client may be made to stop reading: its queue then has a limit,
 * at which it is dropped. Public headers only; one thread.
 */
#ifndef WIRE_H
#define WIRE_H

#include <chatroom/transport.h>

#define WIRE_CLIENTS     512 /* over the whole life of a wire */
#define WIRE_WATCHED     8
#define WIRE_HEADER_MOST 64

struct wire;

/* With or without groups of its own. The wire lives until wire_free(), which comes after chatroom_free(). */
struct wire *wire_new(bool groups);
void wire_free(struct wire *wire);
struct chatroom_transport wire_transport(struct wire *wire);

/* The next thing that a client does. */
size_t wire_connect(struct wire *wire, const char *target);
void wire_send(struct wire *wire, size_t client, const char *text);
void wire_send_kind(struct wire *wire, size_t client, enum chatroom_message_kind kind, chatroom_span message);
void wire_close(struct wire *wire, size_t client, uint16_t code); /* 0: without a Close frame */

/* The same with a head of its own, borrowed until the next step. */
struct wire_head {
    const struct chatroom_header *headers;
    size_t count;
    const char *source_ip;
};
size_t wire_connect_as(struct wire *wire, const char *target, const struct wire_head *head);

/* From now on a client takes no more than so many messages; or no more of those that are offered. */
void wire_limit(struct wire *wire, size_t client, size_t messages);
void wire_limit_offers(struct wire *wire, size_t client, size_t messages);
/* It was active at that time, until the next message in either direction. */
void wire_set_active(struct wire *wire, size_t client, uint64_t mono_ns);

/* A plain HTTP request and what is answered, both borrowed until the next step, in which it is asked. */
struct wire_answer {
    int wanted; /* ENOENT: it was not, and the rest is empty */
    size_t body_bytes;
    uint16_t status;
    char error_type[WIRE_HEADER_MOST], request_id[WIRE_HEADER_MOST], content_type[WIRE_HEADER_MOST];
    char retry_after[WIRE_HEADER_MOST], allow[WIRE_HEADER_MOST];
    char body[65536];
};
void wire_http(struct wire *wire, const struct chatroom_http_request *request, struct wire_answer *ret_answer);

/* Asked whenever the transport needs memory: true makes that fail; a message that cannot be queued ends its connection.
 */
void wire_set_fault(struct wire *wire, bool (*fails)(void *arg), void *arg);

/* What became of its opening: 0 not answered yet, else the status. */
uint16_t wire_status(const struct wire *wire, size_t client);
/* Whether it was let in, and nobody has ended it. */
bool wire_is_open(const struct wire *wire, size_t client);
/* Whether it is over: refused, or ended. */
bool wire_is_over(const struct wire *wire, size_t client);
/* Why the instance closed it: 0 it did not. */
uint16_t wire_close_code(const struct wire *wire, size_t client);
const char *wire_close_reason(const struct wire *wire, size_t client);
/* Of the answer to its opening: what it was let in with, or refused. */
const char *wire_subprotocol(const struct wire *wire, size_t client);
const char *wire_error_type(const struct wire *wire, size_t client);
const char *wire_body(const struct wire *wire, size_t client);
/* How often the instance had that descriptor watched. */
size_t wire_watched(const struct wire *wire, int fd);
/* Its id, 16 characters. */
chatroom_span wire_id(const struct wire *wire, size_t client);

/* The oldest message it was sent and that was not taken before; NULL: none. Stays until the next call for this client.
 */
const char *wire_take(struct wire *wire, size_t client);
/* So many there are. */
size_t wire_queued(const struct wire *wire, size_t client);

/* Forgets all messages. */
void wire_drain(struct wire *wire, size_t client);

#endif
