#include "queue.h"

#include <stdlib.h>

#define SPARES_MOST  4096
#define CONTROL_MOST 127 /* octets of a control frame of ours */

struct ws_piece {
    struct ws_piece *next;
    chatroom_frame *frame; /* NULL: the octets are our own, behind the piece, or outlive us */
    const char *bytes;
    size_t size;
    bool pong;
};

size_t ws_queue_charge(size_t size)
{
    return size + sizeof(struct ws_piece);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static struct ws_piece *shared_piece(struct ws_spares *spares, chatroom_frame *frame)
{
    chatroom_span wire = chatroom_frame_wire(frame);
    struct ws_piece *piece = spares->first;

    if (piece) {
        spares->first = piece->next;
        spares->count--;
    } else if (!(piece = malloc(sizeof *piece))) {
        return NULL;
    }
    *piece = (struct ws_piece){.frame = chatroom_frame_ref(frame), .bytes = wire.bytes, .size = wire.size};
    return piece;
}

static struct ws_piece *own_piece(size_t capacity)
{
    struct ws_piece *piece = malloc(sizeof *piece + capacity);

    if (piece)
        *piece = (struct ws_piece){.bytes = (char *)(piece + 1)};
    return piece;
}

static void drop(struct ws_spares *spares, struct ws_piece *piece)
{
    bool keep = piece->frame && spares->count < SPARES_MOST;

    chatroom_frame_unref(piece->frame);
    if (!keep) {
        free(piece);
        return;
    }
    piece->next = spares->first;
    spares->first = piece;
    spares->count++;
}

/* ---- putting in -------------------------------------------------------------------------------------------------- */

static void insert(struct ws_queue *queue, struct ws_piece *piece, struct ws_piece *before)
{
    piece->next = before ? before->next : queue->head;
    if (before)
        before->next = piece;
    else
        queue->head = piece;
    if (!piece->next)
        queue->tail = piece;
    queue->charge += ws_queue_charge(piece->size);
}

static int append(struct ws_queue *queue, struct ws_piece *piece)
{
    if (!piece)
        return CHATROOM_ENOMEM;
    insert(queue, piece, queue->tail);
    return CHATROOM_OK;
}

/* The last piece that one which overtakes stays behind: an earlier one of its kind, or one of which the peer has a
 * part. */
static struct ws_piece *front(const struct ws_queue *queue)
{
    if (queue->barrier)
        return queue->barrier;
    return queue->offset > 0 ? queue->head : NULL;
}

int ws_queue_frame(struct ws_queue *queue, struct ws_spares *spares, chatroom_frame *frame)
{
    return append(queue, shared_piece(spares, frame));
}

int ws_queue_copy(struct ws_queue *queue, chatroom_span octets)
{
    struct ws_piece *piece = own_piece(octets.size);

    if (piece && octets.size > 0)
        memcpy(piece + 1, octets.bytes, octets.size);
    if (piece)
        piece->size = octets.size;
    if (append(queue, piece))
        return CHATROOM_ENOMEM;
    queue->barrier = piece;
    return CHATROOM_OK;
}

int ws_queue_lasting(struct ws_queue *queue, chatroom_span octets)
{
    struct ws_piece *piece = own_piece(0);

    if (piece) {
        piece->bytes = octets.bytes;
        piece->size = octets.size;
    }
    return append(queue, piece);
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
    piece->size = 2 + payload.size;
}

static struct ws_piece *control_piece(uint8_t opcode, chatroom_span payload)
{
    struct ws_piece *piece = own_piece(CONTROL_MOST);

    if (piece)
        write_control(piece, opcode, payload);
    return piece;
}

int ws_queue_close(struct ws_queue *queue, uint16_t code, chatroom_span reason)
{
    char payload[125] = {(char)(code >> 8), (char)code};
    size_t size = code ? 2 + reason.size : 0;

    if (code && reason.size > 0)
        memcpy(payload + 2, reason.bytes, reason.size);
    return append(queue, control_piece(8, chatroom_bytes(payload, size)));
}

static int add_control(struct ws_queue *queue, struct ws_piece *piece, bool overtake)
{
    if (!piece)
        return CHATROOM_ENOMEM;
    insert(queue, piece, overtake ? front(queue) : queue->tail);
    queue->barrier = piece;
    return CHATROOM_OK;
}

int ws_queue_ping(struct ws_queue *queue, bool overtake)
{
    return add_control(queue, control_piece(9, chatroom_str(NULL)), overtake);
}

static struct ws_piece *last_pong(const struct ws_queue *queue)
{
    struct ws_piece *last = NULL;

    for (struct ws_piece *piece = queue->head; piece; piece = piece == queue->barrier ? NULL : piece->next)
        if (piece->pong)
            last = piece;
    return last;
}

static void replace(struct ws_queue *queue, struct ws_piece *piece, chatroom_span payload)
{
    queue->charge -= piece->size;
    write_control(piece, 10, payload);
    queue->charge += piece->size;
}

int ws_queue_pong(struct ws_queue *queue, chatroom_span payload, bool overtake)
{
    struct ws_piece *piece;

    if (queue->pongs == WS_PONGS_MOST) {
        replace(queue, last_pong(queue), payload); /* not the first of them, so it has not been started */
        return CHATROOM_OK;
    }
    piece = control_piece(10, payload);
    if (piece)
        piece->pong = true;
    if (add_control(queue, piece, overtake))
        return CHATROOM_ENOMEM;
    queue->pongs++;
    return CHATROOM_OK;
}

/* ---- taking out -------------------------------------------------------------------------------------------------- */

size_t ws_queue_gather(const struct ws_queue *queue, struct iovec *ret_pieces, size_t most)
{
    size_t count = 0;

    for (const struct ws_piece *piece = queue->head; piece && count < most; piece = piece->next) {
        size_t skip = piece == queue->head ? queue->offset : 0;

        ret_pieces[count].iov_base = (void *)(uintptr_t)(piece->bytes + skip); /* sendmsg() only reads it */
        ret_pieces[count++].iov_len = piece->size - skip;
    }
    return count;
}

static void pop(struct ws_queue *queue, struct ws_spares *spares)
{
    struct ws_piece *piece = queue->head;

    queue->head = piece->next;
    if (!queue->head)
        queue->tail = NULL;
    if (queue->barrier == piece)
        queue->barrier = NULL;
    if (piece->pong)
        queue->pongs--;
    queue->charge -= ws_queue_charge(piece->size);
    queue->offset = 0;
    drop(spares, piece);
}

void ws_queue_advance(struct ws_queue *queue, struct ws_spares *spares, size_t written)
{
    while (queue->head && written >= queue->head->size - queue->offset) {
        written -= queue->head->size - queue->offset;
        pop(queue, spares);
    }
    queue->offset += written;
}

void ws_queue_clear(struct ws_queue *queue, struct ws_spares *spares)
{
    while (queue->head)
        pop(queue, spares);
}

void ws_spares_fini(struct ws_spares *spares)
{
    while (spares->first) {
        struct ws_piece *piece = spares->first;

        spares->first = piece->next;
        free(piece);
    }
    spares->count = 0;
}
