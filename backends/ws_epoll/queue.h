/*
 * queue.h: what one connection still has to write: references to shared frames and tapes, and a few octets of its own.
 *
 * Nothing is copied but control frames and answers to HTTP. Each piece is charged its octets and what it costs to hold
 * it, so that a bound on the charge bounds the memory, whatever the size of the messages. No I/O here.
 *
 * A queue may follow the tape of a group: all that is put on the tape is then its last piece, without a call. Whatever
 * else is put in ends that first, and the member strays from its group.
 */
#ifndef WS_QUEUE_H
#define WS_QUEUE_H

#include "group.h"

#include <sys/uio.h>

#define WS_PONGS_MOST 16 /* beyond that the newest replaces the last (T08) */

struct ws_piece;

/* What all queues of a transport share: pieces that are not in use, and the sum of the charges. All zero is empty. */
struct ws_pool {
    struct ws_piece *spares;
    size_t spare_count;
    size_t charge;
};

/* All zero is empty; an empty queue holds no memory. */
struct ws_queue {
    struct ws_piece *tail;      /* the last; behind it, in a ring, the first */
    struct ws_tape *tape;       /* that it follows, behind all pieces; NULL: none. Its group has the reference */
    struct chatroom_seat *seat; /* in that group */
    uint32_t charge;
    uint32_t offset;   /* octets of the first piece that are written */
    uint32_t from;     /* where on the tape */
    uint16_t barriers; /* pieces that nothing overtakes: pongs keep their order */
    uint16_t pongs;    /* of ours that wait */
};

/* So much of a queue may be charged, or one file be long. */
#define WS_QUEUE_MOST (UINT32_MAX / 4)

/* What it follows and has not been written, in octets. */
static inline size_t ws_queue_following(const struct ws_queue *queue)
{
    return queue->tape ? queue->tape->size - queue->from : 0;
}

static inline bool ws_queue_empty(const struct ws_queue *queue)
{
    return queue->tail == NULL && ws_queue_following(queue) == 0;
}

/* What a piece with that many octets is charged. */
size_t ws_queue_charge(size_t size);

/*
 * At the end: a reference (shared); a copy that no control frame overtakes, for answers to HTTP; octets that outlive
 * the queue. Errors: ENOMEM; what is queued is not whole any more and must not go out, unless it followed no tape:
 * then nothing has changed.
 */
int ws_queue_frame(struct ws_queue *queue, struct ws_pool *pool, chatroom_frame *frame);
int ws_queue_copy(struct ws_queue *queue, struct ws_pool *pool, chatroom_span octets);
int ws_queue_lasting(struct ws_queue *queue, struct ws_pool *pool, chatroom_span octets);

/* A Close frame, at the end. Code 0: without payload. The reason has at most 123 octets. Errors: as above. */
int ws_queue_close(struct ws_queue *queue, struct ws_pool *pool, uint16_t code, chatroom_span reason);

/*
 * A ping, or the answer to one (payload of at most 125 octets), copied; at the end, or in front of the data that has
 * not been started. Pongs keep their order. Errors: as above.
 */
int ws_queue_ping(struct ws_queue *queue, struct ws_pool *pool, bool overtake);
int ws_queue_pong(struct ws_queue *queue, struct ws_pool *pool, chatroom_span payload, bool overtake);

/* It follows no tape, and from now on that of the group, from that place on. */
void ws_queue_follow(struct ws_queue *queue, struct chatroom_seat *seat, size_t from);
/*
 * It follows none any more: what is not written becomes a piece. ws_queue_leave() has the member stray, after
 * ws_queue_cut() it does not matter since the group has done with its tape. Errors: as above.
 */
int ws_queue_leave(struct ws_queue *queue, struct ws_pool *pool);
int ws_queue_cut(struct ws_queue *queue, struct ws_pool *pool);

/* Fills in the next pieces to write; returns how many. */
size_t ws_queue_gather(const struct ws_queue *queue, struct iovec *ret_pieces, size_t most);

/* So many octets, at most what was gathered, have been written. Errors: as above. */
int ws_queue_advance(struct ws_queue *queue, struct ws_pool *pool, size_t written);

void ws_queue_clear(struct ws_queue *queue, struct ws_pool *pool);
void ws_pool_fini(struct ws_pool *pool);

#endif
