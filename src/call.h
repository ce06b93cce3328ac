/*
 * call.h: what other threads may ask for: a call is copied, travels through the inbox and is carried out by the owner.
 * Here are the same verbs for who is on its thread already.
 */
#ifndef CR_CALL_H
#define CR_CALL_H

#include "core.h"

/* Errors: EGONE; EAGAIN its queue is full; ENOMEM. text is UTF-8. */
int cr_call_post(chatroom *c, chatroom_span connection_id, chatroom_span text);

/* Errors: EGONE. */
int cr_call_get(const chatroom *c, chatroom_span connection_id, struct chatroom_connection_info *ret_info);
int cr_call_disconnect(chatroom *c, chatroom_span connection_id, uint16_t code, chatroom_span reason);

#endif
