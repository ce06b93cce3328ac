/*
 * rooms.h: the rooms of an instance: as they are, and as they will be once everything on its way to the store has
 * arrived.
 *
 * A handler decides on what will be; clients see what is. Every change is announced with begin() when it is asked for
 * and ended with end() when it took hold or fell through; without changes under way both views are the same, and a room
 * that is not there in either is forgotten. Who comes and goes, and whether the room does, is noted besides: what will
 * be is what is and the notes on top, so that one change that falls through takes nothing from the others.
 */
#ifndef CR_ROOMS_H
#define CR_ROOMS_H

#include "core.h"

struct cr_room *cr_rooms_find(const chatroom *c, chatroom_span name);

/*
 * The room of that name, or a new one that is not there yet: begin() and end() keep or forget it. Its name counts as in
 * use as long as it is in memory, in whichever view it is there: of two look-alikes that are asked for at once one is
 * made. found: the store has it, whatever it looks like. Errors: those of cr_name_take(); ENOMEM.
 */
int cr_rooms_get(chatroom *c, chatroom_span name, bool found, struct cr_room **ret_room);

void cr_room_begin(struct cr_room *room);
void cr_room_end(chatroom *c, struct cr_room *room);

/* The effect will change the room. Stays noted until it is forgotten: carried out, or dropped. */
void cr_room_note(struct cr_room *room, struct cr_effect *effect);
void cr_room_forget(struct cr_room *room, struct cr_effect *effect);

/* What is noted and doubtful is not expected until it is sure. */
void cr_room_doubt(struct cr_room *room, struct cr_effect *effect, bool doubtful);

/* It comes after what was noted meanwhile: it waited for something else than the store. */
void cr_room_postpone(struct cr_room *room, struct cr_effect *effect);

/* Brings up to date what is expected. */
void cr_room_expect(struct cr_room *room);

/* Sends a frame to a room; who cannot be told any more is closed with 1013. */
void cr_room_say(chatroom *c, struct cr_room *room, chatroom_frame *frame, uint64_t seq);

/* There is no memory to tell a room what was stored: every member is closed with 1013 and finds it in the history. */
void cr_room_interrupt(chatroom *c, struct cr_room *room);

/* Takes the session in: the membership names room and connection, and takes the place that the roster promised. It
 * waits. */
void cr_room_add(struct cr_membership *membership);

/* A member that waits hears what it missed beyond seq, and what is said from now on; else it is closed with 1013. */
void cr_room_seat(chatroom *c, struct cr_membership *membership, uint64_t seq);

/* NULL: the connection, which may be NULL, is not in the room. */
struct cr_membership *cr_room_membership(const struct cr_room *room, const chatroom_connection *connection);

/* Takes the session out: the membership is freed. */
void cr_room_drop(chatroom *c, struct cr_membership *membership);

/* For the end of the instance: every room, with its members. */
void cr_rooms_free(chatroom *c);

#endif
