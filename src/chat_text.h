/*
 * chat_text.h: what the chat routes say, as docs/chat-protocol.md shows it, key by key. Nothing is written that is not
 * listed there.
 *
 * Builds on public headers alone. Writers fill any chatroom_json, also one without room, to learn the size. Owner's
 * thread.
 */
#ifndef CR_CHAT_TEXT_H
#define CR_CHAT_TEXT_H

#include <chatroom/json.h>
#include <chatroom/request.h>
#include <chatroom/room.h>

/* One message: what is the thing that each writer names. */
typedef void cr_chat_write_fn(struct chatroom_json *json, const void *what);

/* What signup and members are made of. */
struct cr_chat_who {
    const chatroom *c;
    chatroom_span name; /* the user's */
    chatroom_span room;
};

cr_chat_write_fn cr_chat_write_signup;  /* struct cr_chat_who */
cr_chat_write_fn cr_chat_write_members; /* struct cr_chat_who */
cr_chat_write_fn cr_chat_write_room;    /* chatroom_span: the room that is new */
cr_chat_write_fn cr_chat_write_deleted; /* chatroom_span: the room that is gone */
cr_chat_write_fn cr_chat_write_created; /* struct chatroom_history of the new room */
cr_chat_write_fn cr_chat_write_joined;  /* struct chatroom_history */
cr_chat_write_fn cr_chat_write_history; /* struct chatroom_history */
cr_chat_write_fn cr_chat_write_hall;    /* chatroom_span: the raw JSON of what was said */

/* For chatroom_set_entry() and chatroom_set_refusal(); arg is not used. */
chatroom_entry_fn cr_chat_write_entry;
chatroom_refusal_fn cr_chat_write_refusal;

/* "11/23/2026, 09:05:01 PM" in UTC, 23 characters, of a time in the years 0 to 9999; beyond them the nearest. */
#define CR_CHAT_TIME_SIZE 23
void cr_chat_time(int64_t time_ms, char ret_text[CR_CHAT_TIME_SIZE]);

#endif
