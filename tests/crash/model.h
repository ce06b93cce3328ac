/*
 * model.h: what a store must hold after some tickets, by its header alone, and tickets drawn at random.
 *
 * A ticket is true as a whole or not at all, and tickets come true in the order in which they were submitted. So what
 * is found after a crash is the model after some first part of them: at least all that were acknowledged.
 */
#ifndef CRASH_MODEL_H
#define CRASH_MODEL_H

#include "random.h"

#include <chatroom/store.h>

#define MODEL_ROOMS    6
#define MODEL_SESSIONS 8

/* An entry or a record is a number; its bytes follow from it. */
struct model_write {
    enum chatroom_write_kind kind;
    unsigned place;  /* which room or session */
    uint64_t number; /* of the value */
    uint64_t once;   /* 0: none */
    uint64_t below;  /* TRIM */
    uint64_t epoch;  /* that the store gave */
};

struct model_ticket {
    struct model_write *writes;
    size_t count;
};

struct model_entry {
    uint64_t number, once;
};

struct model_room {
    bool exists;
    uint64_t record, epoch, first;
    struct model_entry *entries; /* the first is seq 1 */
    size_t count, capacity;
};

struct model {
    struct model_room rooms[MODEL_ROOMS];
    uint64_t sessions[MODEL_SESSIONS]; /* 0: absent */
    uint64_t next_number;
};

void model_free(struct model *model);

chatroom_span model_room_name(unsigned place);
chatroom_span model_session_id(unsigned place);
/* The bytes of a value, until the next call in the same thread. */
chatroom_span model_value(uint64_t number);
/* The once of an entry in buffer. */
chatroom_span model_once(uint64_t once, char buffer[24]);

/* Draws a ticket that makes sense after what the model holds; some are to be refused. */
struct model_ticket model_draw(struct model *model, struct rnd *random);
void model_ticket_free(struct model_ticket *ticket);

/* What the store must answer to a ticket. */
int model_check(const struct model *model, const struct model_ticket *ticket);
/* A refused ticket changes nothing. The epochs of new rooms are taken from the writes. */
void model_apply(struct model *model, const struct model_ticket *ticket);
void model_apply_write(struct model *model, const struct model_write *write);
/* The seq that an APPEND to the room with this once must give: that of the first time, or the next. */
uint64_t model_seq(const struct model *model, const struct model_write *write);

/* ---- digests: two states are equal if these are
 * ---------------------------------------------------------------------- */

uint64_t digest_add(uint64_t digest, const void *bytes, size_t size);
uint64_t digest_room(uint64_t digest, unsigned place, chatroom_span record, uint64_t epoch, uint64_t newest);
uint64_t digest_entry(uint64_t digest, uint64_t seq, chatroom_span value);
uint64_t digest_session(uint64_t digest, unsigned place, chatroom_span record);
uint64_t model_digest(const struct model *model);

#endif
