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

#define WIRE_CLIENTS 512 /* over the whole life of a wire */

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

/* From now on a client takes no more than so many messages. */
void wire_limit(struct wire *wire, size_t client, size_t messages);

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
