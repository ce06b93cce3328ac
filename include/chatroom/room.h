/*
 * room.h: a room is a log; what its members see is the log, in its order.
 *
 * Handlers change rooms through their request (request.h), other threads through chatroom_publish() (instance.h). Here is how
 * an entry looks, and how it becomes a message. Owner's thread.
 */
#ifndef CHATROOM_ROOM_H
#define CHATROOM_ROOM_H

#include <chatroom/base.h>
#include <chatroom/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One message of a room. All spans borrowed. */
struct chatroom_entry {
    chatroom_span room;
    uint64_t epoch; /* positions of another epoch mean nothing */
    uint64_t seq;   /* from 1, rising by one */
    int64_t time_ms; /* Unix; does not fall within a room, whatever the clock does; over a restart if the store tells its newest */
    chatroom_span author;  /* the name of its session when it was published */
    chatroom_span id;      /* the client's message id, or empty */
    chatroom_span payload; /* JSON text as received */
};

/* A page of a log, entries rising by seq. */
struct chatroom_history {
    chatroom_span room;
    uint64_t epoch;
    uint64_t newest; /* seq of the newest entry there is; 0: none */
    const struct chatroom_entry *entries;
    size_t count;
    bool more; /* the log goes on in the direction of the query */
};

/* Writes the message that members get for an entry, as one JSON text. */
typedef void chatroom_entry_fn(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json);

/* Replaces the default, which sends the payload as it is; NULL brings that back. Has no effect after chatroom_start(). */
CHATROOM_API void chatroom_set_entry(chatroom *c, chatroom_entry_fn *write, void *arg);

/* Visits every room in the order of creation; name is borrowed for the visit. Nothing may be changed meanwhile. False ends it. */
typedef bool chatroom_room_fn(void *arg, chatroom_span name);
CHATROOM_API void chatroom_each_room(const chatroom *c, chatroom_room_fn *visit, void *arg);

/* Whether there is such a room, and how many sessions are in it, all changes counted that are on their way to the store. */
CHATROOM_API bool chatroom_room_exists(const chatroom *c, chatroom_span room);
CHATROOM_API size_t chatroom_room_members(const chatroom *c, chatroom_span room);

/* Visits the members of a room: their connection ids and names, borrowed for the visit. Nothing may be changed meanwhile. */
typedef bool chatroom_member_fn(void *arg, chatroom_span connection_id, chatroom_span name);
CHATROOM_API void chatroom_each_member(const chatroom *c, chatroom_span room, chatroom_member_fn *visit, void *arg);

#ifdef __cplusplus
}
#endif

#endif
