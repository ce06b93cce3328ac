#include "queue.h"

#include <stdlib.h>

#define SPARES_MOST  4096
#define CONTROL_MOST 127 /* octets of a control frame of ours */

struct ws_piece {
    struct ws_piece *next;
    chatroom_frame *frame; /* what it refers to, if anything */
    struct ws_tape *tape;
    const char *bytes; /* not of a tape's: it may grow, and move */
    uint32_t from;     /* where on the tape */
    uint32_t size;
    bool pong, barrier;
};

size_t ws_queue_charge(size_t size)
{
    return size + sizeof(struct ws_piece);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static struct ws_piece *spare_piece(struct ws_pool *pool)
{
    struct ws_piece *piece = pool->spares;

    if (!piece)
        return malloc(sizeof *piece);
    pool->spares = piece->next;
    pool->spare_count--;
    return piece;
}

static struct ws_piece *frame_piece(struct ws_pool *pool, chatroom_frame *frame)
{
    chatroom_span wire = chatroom_frame_wire(frame);
    struct ws_piece *piece = spare_piece(pool);

    if (piece)
        *piece =
            (struct ws_piece){.frame = chatroom_frame_ref(frame), .bytes = wire.bytes, .size = (uint32_t)wire.size};
    return piece;
}

static struct ws_piece *tape_piece(struct ws_pool *pool, struct ws_tape *tape, uint32_t from)
{
    struct ws_piece *piece = spare_piece(pool);

    if (piece)
        *piece = (struct ws_piece){.tape = ws_tape_ref(tape), .from = from, .size = (uint32_t)tape->size - from};
    return piece;
}

static struct ws_piece *own_piece(size_t capacity)
{
    struct ws_piece *piece = malloc(sizeof *piece + capacity);

    if (piece)
        *piece = (struct ws_piece){.bytes = (char *)(piece + 1)};
    return piece;
}

static void drop(struct ws_pool *pool, struct ws_piece *piece)
{
    bool keep = (piece->frame || piece->tape) && pool->spare_count < SPARES_MOST;

    chatroom_frame_unref(piece->frame);
    ws_tape_unref(piece->tape);
    if (!keep) {
        free(piece);
        return;
    }
    piece->next = pool->spares;
    pool->spares = piece;
    pool->spare_count++;
}

static const char *bytes_of(const struct ws_piece *piece)
{
    return piece->tape ? ws_tape_at(piece->tape, piece->from) : piece->bytes;
}

/* ---- putting in -------------------------------------------------------------------------------------------------- */

static struct ws_piece *head(const struct ws_queue *queue)
{
    return queue->tail ? queue->tail->next : NULL;
}

static void charge(struct ws_queue *queue, struct ws_pool *pool, size_t octets)
{
    queue->charge += (uint32_t)octets;
    pool->charge += octets;
}

static void discharge(struct ws_queue *queue, struct ws_pool *pool, size_t octets)
{
    queue->charge -= (uint32_t)octets;
    pool->charge -= octets;
}

/* NULL in front of it: at the beginning. */
static void insert(struct ws_queue *queue, struct ws_pool *pool, struct ws_piece *piece, struct ws_piece *before)
{
    struct ws_piece *left = before ? before : queue->tail;

    piece->next = left ? left->next : piece;
    if (left)
        left->next = piece;
    if (before == queue->tail)
        queue->tail = piece;
    charge(queue, pool, ws_queue_charge(piece->size));
}

static void set_barrier(struct ws_queue *queue, struct ws_piece *piece)
{
    piece->barrier = true;
    queue->barriers++;
}

static int append(struct ws_queue *queue, struct ws_pool *pool, struct ws_piece *piece)
{
    if (!piece)
        return CHATROOM_ENOMEM;
    if (ws_queue_leave(queue, pool)) {
        drop(pool, piece);
        return CHATROOM_ENOMEM;
    }
    insert(queue, pool, piece, queue->tail);
    return CHATROOM_OK;
}

int ws_queue_frame(struct ws_queue *queue, struct ws_pool *pool, chatroom_frame *frame)
{
    return append(queue, pool, frame_piece(pool, frame));
}

int ws_queue_copy(struct ws_queue *queue, struct ws_pool *pool, chatroom_span octets)
{
    struct ws_piece *piece = own_piece(octets.size);

    if (piece && octets.size > 0)
        memcpy(piece + 1, octets.bytes, octets.size);
    if (piece)
        piece->size = (uint32_t)octets.size;
    if (append(queue, pool, piece))
        return CHATROOM_ENOMEM;
    set_barrier(queue, piece);
    return CHATROOM_OK;
}

int ws_queue_lasting(struct ws_queue *queue, struct ws_pool *pool, chatroom_span octets)
{
    struct ws_piece *piece = own_piece(0);

    if (piece) {
        piece->bytes = octets.bytes;
        piece->size = (uint32_t)octets.size;
    }
    return append(queue, pool, piece);
}

/* ---- following ----------------------------------------------------------------------------------------------------
 */

void ws_queue_follow(struct ws_queue *queue, struct chatroom_seat *seat, size_t from)
{
    queue->tape = ws_group_of(seat)->tape;
    queue->seat = seat;
    queue->from = (uint32_t)from;
}

int ws_queue_cut(struct ws_queue *queue, struct ws_pool *pool)
{
    bool pending = ws_queue_following(queue) > 0;
    struct ws_piece *piece = pending ? tape_piece(pool, queue->tape, queue->from) : NULL;

    queue->tape = NULL;
    if (piece)
        insert(queue, pool, piece, queue->tail);
    return pending && !piece ? CHATROOM_ENOMEM : CHATROOM_OK;
}

int ws_queue_leave(struct ws_queue *queue, struct ws_pool *pool)
{
    if (!queue->tape)
        return CHATROOM_OK;
    ws_group_stray(queue->seat);
    return ws_queue_cut(queue, pool);
}

/* ---- control frames (RFC 6455, 5.5) -------------------------------------------------------------------------------
 */

static void write_control(struct ws_piece *piece, uint8_t opcode, chatroom_span payload)
{
    uint8_t *at = (uint8_t *)(piece + 1);

    at[0] = 0x80 | opcode;
    at[1] = (uint8_t)payload.size;
    if (payload.size > 0)
        memcpy(at + 2, payload.bytes, payload.size);
    piece->size = 2 + (uint32_t)payload.size;
}

static struct ws_piece *control_piece(uint8_t opcode, chatroom_span payload)
{
    struct ws_piece *piece = own_piece(CONTROL_MOST);

    if (piece)
        write_control(piece, opcode, payload);
    return piece;
}

int ws_queue_close(struct ws_queue *queue, struct ws_pool *pool, uint16_t code, chatroom_span reason)
{
    char payload[125] = {(char)(code >> 8), (char)code};
    size_t size = code ? 2 + reason.size : 0;

    if (code && reason.size > 0)
        memcpy(payload + 2, reason.bytes, reason.size);
    return append(queue, pool, control_piece(8, chatroom_bytes(payload, size)));
}

/*
 * The last piece that one which overtakes stays behind: an earlier one of its kind, or one of which the peer has a
 * part. What is followed has not been started.
 */
static struct ws_piece *front(const struct ws_queue *queue)
{
    struct ws_piece *piece = head(queue), *last = queue->offset > 0 ? piece : NULL;

    for (unsigned left = queue->barriers; left > 0; piece = piece->next) {
        if (!piece->barrier)
            continue;
        last = piece;
        left--;
    }
    return last;
}

static int add_control(struct ws_queue *queue, struct ws_pool *pool, struct ws_piece *piece, bool overtake)
{
    if (!overtake && append(queue, pool, piece))
        return CHATROOM_ENOMEM;
    if (!piece)
        return CHATROOM_ENOMEM;
    if (overtake)
        insert(queue, pool, piece, front(queue));
    set_barrier(queue, piece);
    return CHATROOM_OK;
}

int ws_queue_ping(struct ws_queue *queue, struct ws_pool *pool, bool overtake)
{
    return add_control(queue, pool, control_piece(9, chatroom_str(NULL)), overtake);
}

static struct ws_piece *last_pong(const struct ws_queue *queue)
{
    struct ws_piece *piece = head(queue), *last = NULL;

    for (unsigned left = queue->pongs; left > 0; piece = piece->next) {
        if (!piece->pong)
            continue;
        last = piece;
        left--;
    }
    return last;
}

static void replace(struct ws_queue *queue, struct ws_pool *pool, struct ws_piece *piece, chatroom_span payload)
{
    discharge(queue, pool, piece->size);
    write_control(piece, 10, payload);
    charge(queue, pool, piece->size);
}

int ws_queue_pong(struct ws_queue *queue, struct ws_pool *pool, chatroom_span payload, bool overtake)
{
    struct ws_piece *piece;

    if (queue->pongs == WS_PONGS_MOST) {
        replace(queue, pool, last_pong(queue), payload); /* not the first of them, so it has not been started */
        return CHATROOM_OK;
    }
    piece = control_piece(10, payload);
    if (piece)
        piece->pong = true;
    if (add_control(queue, pool, piece, overtake))
        return CHATROOM_ENOMEM;
    queue->pongs++;
    return CHATROOM_OK;
}

/* ---- taking out -------------------------------------------------------------------------------------------------- */

static struct iovec octets(const char *bytes, size_t size)
{
    return (struct iovec){(void *)(uintptr_t)bytes, size}; /* sendmsg() only reads them */
}

size_t ws_queue_gather(const struct ws_queue *queue, struct iovec *ret_pieces, size_t most)
{
    const struct ws_piece *piece = head(queue);
    size_t count = 0, skip = queue->offset, following = ws_queue_following(queue);

    for (; piece && count < most; skip = 0, piece = piece == queue->tail ? NULL : piece->next)
        ret_pieces[count++] = octets(bytes_of(piece) + skip, piece->size - skip);
    if (following > 0 && count < most)
        ret_pieces[count++] = octets(ws_tape_at(queue->tape, queue->from), following);
    return count;
}

static void pop(struct ws_queue *queue, struct ws_pool *pool)
{
    struct ws_piece *piece = head(queue);

    queue->tail->next = piece->next;
    if (queue->tail == piece)
        queue->tail = NULL;
    queue->barriers -= piece->barrier;
    queue->pongs -= piece->pong;
    discharge(queue, pool, ws_queue_charge(piece->size));
    queue->offset = 0;
    drop(pool, piece);
}

int ws_queue_advance(struct ws_queue *queue, struct ws_pool *pool, size_t written)
{
    while (queue->tail && written >= head(queue)->size - queue->offset) {
        written -= head(queue)->size - queue->offset;
        pop(queue, pool);
    }
    if (!queue->tail && written == ws_queue_following(queue)) {
        queue->from += (uint32_t)written;
        return CHATROOM_OK;
    }
    if (!queue->tail && ws_queue_leave(queue, pool)) /* so that nothing that is followed has been started */
        return CHATROOM_ENOMEM;
    queue->offset += (uint32_t)written;
    return CHATROOM_OK;
}

void ws_queue_clear(struct ws_queue *queue, struct ws_pool *pool)
{
    if (queue->tape)
        ws_group_stray(queue->seat);
    queue->tape = NULL;
    while (queue->tail)
        pop(queue, pool);
}

void ws_pool_fini(struct ws_pool *pool)
{
    while (pool->spares) {
        struct ws_piece *piece = pool->spares;

        pool->spares = piece->next;
        free(piece);
    }
    pool->spare_count = 0;
}
