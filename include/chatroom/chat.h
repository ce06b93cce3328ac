/*
 * chat.h: the chat room of the workshop, as routes: register, new-room, join-room, leave-room, dispatch, and history,
 * members besides. A module on the public API; docs/chat-protocol.md shows every message.
 *
 * On these routes a session is in one room at most: going into one leaves every other, those too into which a route of
 * the host's own took it.
 */
#ifndef CHATROOM_CHAT_H
#define CHATROOM_CHAT_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum chatroom_chat_mode {
    CHATROOM_CHAT_SIMPLE = 1, /* one hall: everybody hears everybody, nothing is stored */
    CHATROOM_CHAT_FULL = 2,   /* names, rooms, history */
    CHATROOM_CHAT_BOTH = 3,
};

struct chatroom_chat_options {
    size_t size; /* set by CHATROOM_CHAT_OPTIONS */
    enum chatroom_chat_mode mode;
    bool keep_empty_rooms; /* false: a room is deleted with its history when its last member leaves or disconnects; a
                              stop or a crash of the server deletes none */
    bool rate_limits;      /* of one connection; joining: 1 a second, burst 10; creating: 1 in 5 seconds, burst 5 */
};

#define CHATROOM_CHAT_OPTIONS                                                                         \
    {                                                                                                 \
        .size = sizeof(struct chatroom_chat_options), .mode = CHATROOM_CHAT_FULL, .rate_limits = true \
    }

/*
 * Binds the routes of the mode, $default, $disconnect, the form of entries and that of error messages. options NULL:
 * the defaults; copied. Before chatroom_start(). Errors: EINVAL, ENOMEM.
 */
CHATROOM_API int chatroom_chat(chatroom *c, const struct chatroom_chat_options *options);

#ifdef __cplusplus
}
#endif

#endif
