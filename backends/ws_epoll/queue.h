/*
 * queue.h: what one connection still has to write: references to shared frames, and a few octets of its own.
 *
 * Nothing is copied but control frames and answers to HTTP. Each piece is charged its octets and what it costs to hold
 * it, so that a bound on the charge bounds the memory, whatever the size of the messages. No I/O here.
 */
#ifndef WS_QUEUE_H
#define WS_QUEUE_H

#include <chatroom/transport.h>

#include <sys/uio.h>

#define WS_PONGS_MOST 16 /* beyond that the newest replaces the last (T08) */

struct ws_piece;

/* Pieces that are not in use, shared by all queues of a transport. All zero is empty. */
struct ws_spares {
    struct ws_piece *first;
    size_t count;
};

/* All zero is empty; an empty queue holds no memory. */
struct ws_queue {
    struct ws_piece *head;
    struct ws_piece *tail;
    struct ws_piece *barrier; /* the last piece that nothing overtakes: pongs keep their order; NULL: none is waiting */
    size_t offset;            /* octets of head that are written */
    size_t charge;
    unsigned pongs; /* of ours that wait */
};

static inline bool ws_queue_empty(const struct ws_queue *queue)
{
    return queue->head == NULL;
}

/* What a piece with that many octets is charged. */
size_t ws_queue_charge(size_t size);

/*
 * At the end: a reference (shared); a copy that no control frame overtakes, for answers to HTTP; octets that outlive
 * the queue. Errors: ENOMEM, and nothing was queued.
 */
int ws_queue_frame(struct ws_queue *queue, struct ws_spares *spares, chatroom_frame *frame);
int ws_queue_copy(struct ws_queue *queue, chatroom_span octets);
int ws_queue_lasting(struct ws_queue *queue, chatroom_span octets);

/* A Close frame, at the end. Code 0: without payload. The reason has at most 123 octets. Errors: ENOMEM. */
int ws_queue_close(struct ws_queue *queue, uint16_t code, chatroom_span reason);

/*
 * A ping, or the answer to one (payload of at most 125 octets), copied; at the end, or in front of the data that has
 * not been started. Pongs keep their order. Errors: ENOMEM.
 */
int ws_queue_ping(struct ws_queue *queue, bool overtake);
int ws_queue_pong(struct ws_queue *queue, chatroom_span payload, bool overtake);

/* Fills in the next pieces to write; returns how many. */
size_t ws_queue_gather(const struct ws_queue *queue, struct iovec *ret_pieces, size_t most);

/* So many octets, at most what was gathered, have been written. */
void ws_queue_advance(struct ws_queue *queue, struct ws_spares *spares, size_t written);

void ws_queue_clear(struct ws_queue *queue, struct ws_spares *spares);
void ws_spares_fini(struct ws_spares *spares);

#endif
