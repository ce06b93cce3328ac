/*
 * request.h: a request collects effects; nothing of them is seen before commit.h carries them out.
 */
#ifndef CR_REQUEST_H
#define CR_REQUEST_H

#include "core.h"

/* A request of connection (may be NULL) with an id of its own; at the end of the connection's. NULL: out of memory. */
chatroom_request *cr_request_new(chatroom *c, chatroom_connection *connection, enum chatroom_event event);

/*
 * Another one with the same id, event and route in the place of request, which its connection forgets: nobody waits for
 * it any more. NULL: out of memory.
 */
chatroom_request *cr_request_stand_in(chatroom_request *request);

/* Releases it and all it holds; effects that were not dropped or carried out are dropped. Not in any list any more. */
void cr_request_free(chatroom_request *request);

/* Takes back every effect, as if it had not been asked for. */
void cr_request_drop(chatroom_request *request);

/* It was deferred, or the store had too much to do, and it goes on now: its effects come after those that were asked
 * for meanwhile. */
void cr_request_postpone(chatroom_request *request);

/*
 * It deletes a room because everybody else had left or was about to. Too soon: it is not known yet what became of that.
 * Too much: it is, and somebody is in the room, or comes, who would not have been. While it is in doubt nobody counts
 * on what it does to that room.
 */
bool cr_request_clears_too_soon(const chatroom_request *request);
bool cr_request_clears_too_much(const chatroom_request *request);
void cr_request_doubt(chatroom_request *request, bool doubtful);

/* Whether its session will be in the room, with what it asked for so far. */
bool cr_request_will_be_in(const chatroom_request *request, const struct cr_room *room);

/* No page is wanted any more. */
void cr_request_forget_history(chatroom_request *request);

/* Lets go of what an effect holds, once it was carried out or undone. Its memory is the request's. */
void cr_effect_release(chatroom *c, struct cr_effect *effect);

/* Memory of the request that holds a copy of span. bytes NULL: out of memory. */
chatroom_span cr_request_copy(chatroom_request *request, chatroom_span span);

/* The body is not there any more, or stands elsewhere: what was found in it is not to be used again. */
void cr_request_forget_scan(const chatroom_request *request);

/* Whether the body is valid JSON. */
bool cr_request_is_json(chatroom_request *request);

/* Whether text is a value that was found in the message's body, which stands as it was scanned: it is valid JSON. */
bool cr_request_has_scanned(const chatroom_request *request, chatroom_span text);

/* An entry for the log of a room, under any author's name; json was scanned. Errors: as chatroom_request_publish(). */
int cr_request_append(chatroom_request *request, chatroom_span room, chatroom_span author, chatroom_span json);

/* A message to the connection that text names, or the request's own when it is empty. Errors: ENOMEM. */
int cr_request_send(chatroom_request *request, chatroom_span connection_id, enum chatroom_message_kind kind,
                    chatroom_span message);

int cr_request_end_connection(chatroom_request *request, uint16_t code, chatroom_span reason);

/* RFC 6455, 7.4: whether a code may be sent, and a reason. */
bool cr_close_is_valid(uint16_t code, chatroom_span reason);

#endif
