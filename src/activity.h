/*
 * activity.h: what a connection has only while something of it is under way: requests, held messages, the state of its
 * rates. At rest it has none of it.
 *
 * A bucket that is full again is a bucket that was never used. So once nothing is under way and every bucket is full,
 * the activity is given back, and nobody can tell: with the last request if no rate is limited, else when the
 * instance looks at it, once a second.
 */
#ifndef CR_ACTIVITY_H
#define CR_ACTIVITY_H

#include "core.h"

/* The connection's, made if it was at rest. NULL: out of memory. */
struct cr_activity *cr_activity_begin(chatroom_connection *connection);

/* Ends that of a connection without requests, at rest or not. Held messages are dropped. */
void cr_activity_end(chatroom_connection *connection);

/* Ends it if it is as if nothing had been. */
void cr_activity_rest(chatroom_connection *connection);

/* Those of activities and of requests, when nobody is there who would take them. */
void cr_activity_free_spares(chatroom *c);

/* Gives back what is as if nothing had been. A few of them at a time: cr_activity_deadline() says when there are more.
 */
void cr_activity_sweep(chatroom *c);
uint64_t cr_activity_deadline(const chatroom *c);

#endif
