/*
 * record.h: what is stored, as bytes: entries of a log, sessions, rooms. Explicit fields, little endian, lengths first;
 * a reader takes nothing that is not whole and of a version it knows.
 */
#ifndef CR_RECORD_H
#define CR_RECORD_H

#include <chatroom/room.h>
#include <chatroom/store.h>

#define CR_DOMAIN_MOST     261 /* bytes: a name of 255, and a port */
#define CR_PATH_MOST       300 /* as API Gateway's mapping keys */
#define CR_AUTHORIZER_MOST 8192

/* time_ms, author, id and payload of an entry; the store knows its room and seq. */
size_t cr_entry_size(const struct chatroom_entry *entry);
void cr_entry_encode(const struct chatroom_entry *entry, void *ret_bytes);
/* Of an encoded entry. */
void cr_entry_set_time(char *entry, int64_t time_ms);
/* Spans point into value. Errors: CHATROOM_ECORRUPT. */
int cr_entry_decode(chatroom_span value, struct chatroom_entry *ret_entry);

/* An entry takes at most so much more than its payload. */
#define CR_ENTRY_OVERHEAD (1 + 8 + 3 * 4 + CHATROOM_KEY_MAX + 128)

/* The room a session is in, one after the other: false ends. */
typedef bool cr_rooms_fn(void *arg, size_t n, chatroom_span *ret_room);

struct cr_session_record {
    int64_t connected_at_ms;
    chatroom_span source_ip;
    chatroom_span user_agent;
    chatroom_span name;
    chatroom_span domain, path, authorizer; /* facts.h */
    chatroom_span rooms;                    /* decoding: the encoded list, for cr_session_next_room() */
};

size_t cr_session_size(const struct cr_session_record *session, cr_rooms_fn *rooms, void *arg);
void cr_session_encode(const struct cr_session_record *session, cr_rooms_fn *rooms, void *arg, void *ret_bytes);
int cr_session_decode(chatroom_span value, struct cr_session_record *ret_session);
/* Takes the first room off the list. False: none left. */
bool cr_session_next_room(chatroom_span *rooms, chatroom_span *ret_room);

#define CR_ROOM_RECORD_SIZE 9
void cr_room_encode(int64_t created_ms, uint8_t ret_bytes[CR_ROOM_RECORD_SIZE]);
int cr_room_decode(chatroom_span value, int64_t *ret_created_ms);

#endif
