/*
 * kit.h: an instance with a remote, clients without sockets (wire.h), real time and a log that is kept.
 */
#ifndef KIT_H
#define KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake.h"
#include "heap.h"
#include "wire.h"

#include <chatroom/backend/memory.h>
#include <chatroom/backend/remote.h>
#include <chatroom/chatroom.h>

struct kit {
    struct heap heap; /* of the remote */
    struct chatroom_alloc alloc;
    struct wire *wire;
    struct chatroom_transport_ops ops;
    chatroom *c;
    chatroom_remote *remote;
    char log[65536]; /* "EVENT KEY=VALUE ...\n" */
    size_t logged;
};

/* Before the first test: cmocka's group setup. What is open then is open when a kit is closed. */
int kit_setup(void **state);

/* Not started. options NULL: the defaults; its alloc and log are the kit's. */
void kit_open(struct kit *kit, const struct chatroom_remote_options *options);
/* Ends it, and proves that nothing of the remote is left: no memory, no descriptor. Servers are gone before. */
void kit_close(struct kit *kit);
void kit_start(struct kit *kit);

/* A route with a target; two-way. */
void kit_route(struct kit *kit, const char *key, chatroom_remote_target *target);

/* Steps, and waits a little if there is nothing to do. */
void kit_turn(struct kit *kit);
/* Steps for so long. */
void kit_turn_for(struct kit *kit, unsigned ms);

/* An open client. */
size_t kit_client(struct kit *kit);
/* The HTTP status of a new client that comes to a target. */
uint16_t kit_connect(struct kit *kit, const char *target);
/* What a client hears next; fails after ten seconds. */
const char *kit_hear(struct kit *kit, size_t client);
/* Sends a message, and gives what comes back. */
const char *kit_ask(struct kit *kit, size_t client, const char *text);

/* Whether text is in the log. */
void kit_assert_logged(const struct kit *kit, const char *text);

/* Targets, which must be valid. */
chatroom_remote_target *kit_lambda(struct kit *kit, const char *endpoint);
chatroom_remote_target *kit_http(struct kit *kit, const char *url);

#define assert_says(text, part)                                       \
    do {                                                              \
        const char *text_ = (text);                                   \
        if (!strstr(text_, part))                                     \
            fail_msg("\"%.3000s\" does not say \"%s\"", text_, part); \
    } while (0)

#endif
