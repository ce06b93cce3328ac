/*
 * query.h: the query of a request's target, parameter by parameter.
 *
 * Names and values are in the form of application/x-www-form-urlencoded: %XX stands for an octet and '+' for a space; a
 * '%' that is followed by something else stands for itself. Spans are borrowed from the target. Pure.
 */
#ifndef CR_QUERY_H
#define CR_QUERY_H

#include <chatroom/transport.h>

/* What follows the first '?'; empty if nothing does. */
chatroom_span cr_query_of(chatroom_span target);

/* Takes the next parameter off query, encoded; empty ones ("a&&b") are passed over. False: there is none. */
bool cr_query_next(chatroom_span *query, struct chatroom_header *ret_parameter);

/* Takes an octet off an encoded text. False at its end. */
bool cr_query_octet(chatroom_span *encoded, char *ret_octet);

/* Whether two encoded texts stand for the same octets; or an encoded and a plain one. */
bool cr_query_same(chatroom_span encoded, chatroom_span other);
bool cr_query_is(chatroom_span encoded, chatroom_span plain);

#endif
