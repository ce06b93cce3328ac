/*
 * instance.h: one chat server inside your process.
 *
 *     chatroom_new -> routes -> chatroom_start -> chatroom_step, again and again -> chatroom_stop -> chatroom_free
 *
 * One thread, the owner's, makes all calls, but for those marked "any thread". The library starts no thread, opens no
 * socket and reads no clock by itself: a transport, a store and the host do. chatroom_run() in host.h is a ready-made
 * host.
 */
#ifndef CHATROOM_INSTANCE_H
#define CHATROOM_INSTANCE_H

#include <chatroom/base.h>
#include <chatroom/request.h>
#include <chatroom/room.h>
#include <chatroom/store.h>
#include <chatroom/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills size bytes with what nobody can guess. Errors: any code; the operation that needed them is refused. */
typedef int chatroom_random_fn(void *arg, void *ret_bytes, size_t size);

/* From the operating system (getrandom). arg is not used. Any thread. */
CHATROOM_API int chatroom_os_random(void *arg, void *ret_bytes, size_t size);

/* What a client may do, each in the unit of its name. 0 means no limit, where a comment says so. */
struct chatroom_limits {
    size_t connections;           /* open at once */
    size_t rooms;                 /* in the store */
    size_t room_members;          /* in one room */
    size_t session_rooms;         /* of one session */
    size_t message_bytes;         /* longest message that a handler sees; the transport has a limit of its own */
    size_t frame_bytes;           /* frames to clients are at most this long, or fragmented; 0: one frame a message */
    size_t history_entries;       /* one page of history */
    size_t history_bytes;         /* the same; at least one message's; to be well below what the transport queues */
    size_t held_messages;         /* of one connection, not through yet; beyond that: "busy" */
    size_t held_bytes;            /* of all connections, not through yet; beyond that: "busy" */
    unsigned messages_per_second; /* of one connection; 0: no limit */
    unsigned messages_burst;
    size_t bytes_per_second; /* of one connection; 0: no limit */
    size_t bytes_burst;
    unsigned handler_timeout_ms;   /* for deferred requests */
    unsigned drain_ms;             /* chatroom_stop() waits at most this long, for deferred requests half of it */
    uint16_t unknown_stage_status; /* HTTP status of an upgrade to another path than the stage's */
    unsigned history_pages;        /* read at once, for all connections; the others wait for their turn */
    size_t recent_bytes; /* for the newest entries of rooms, kept so that a page of them needs no store; 0: none */
};

#define CHATROOM_LIMITS                                                                                               \
    {                                                                                                                 \
        .connections = 1000000, .rooms = 100000, .room_members = 10000, .session_rooms = 64, .message_bytes = 131072, \
        .frame_bytes = 0, .history_entries = 300, .history_bytes = 524288, .held_messages = 1024,                     \
        .held_bytes = 67108864, .messages_per_second = 10, .messages_burst = 20, .bytes_per_second = 65536,           \
        .bytes_burst = 262144, .handler_timeout_ms = 29000, .drain_ms = 10000, .unknown_stage_status = 404,           \
        .history_pages = 64, .recent_bytes = 8388608                                                                  \
    }

/* Sets what differs in the cloud service: 32 KiB frames to clients, 403 for an unknown stage. */
CHATROOM_API void chatroom_limits_aws(struct chatroom_limits *limits);

struct chatroom_config {
    size_t size;                        /* set by CHATROOM_CONFIG */
    const struct chatroom_alloc *alloc; /* NULL: malloc() and free(). Borrowed until chatroom_free() */
    chatroom_random_fn *random;
    void *random_arg;
    chatroom_log_fn *log; /* NULL: silence */
    void *log_arg;
    struct chatroom_store store;         /* must; given */
    struct chatroom_transport transport; /* must; given */
    const char *stage;                   /* connections come to "/STAGE"; NULL: to any path. Borrowed for the call */
    const char *route_selection;         /* a selection expression; NULL: "$request.body.action" */
    bool accept_binary; /* false: a binary message closes its connection with 1003, as API Gateway does */
    struct chatroom_limits limits;
    const char *api_id;     /* NULL: "chatroom". All of these borrowed for the call */
    const char *region;     /* NULL: "us-east-1" */
    const char *account_id; /* NULL: "000000000000" */
    const char *domain;     /* domain_name of every event, 1 to 261 bytes; NULL: the host that the client asked for */
    bool secure;            /* clients come by TLS: the callback URL is https */
    const struct chatroom_variable *stage_variables; /* copied */
    size_t stage_variable_count;
    unsigned per_second; /* requests of the whole stage, the throttle of its connects and messages; 0: no limit */
    unsigned burst;
    bool debug_refusals; /* error messages to clients carry the exact cause as "detail" */
};

#define CHATROOM_CONFIG                                                                                 \
    {                                                                                                   \
        .size = sizeof(struct chatroom_config), .random = chatroom_os_random, .limits = CHATROOM_LIMITS \
    }

/*
 * Makes an instance; nothing is opened yet. Takes store and transport over, also when it fails: they are closed then.
 * Errors: EINVAL with a sentence, ENOMEM, or what random returned.
 */
CHATROOM_API int chatroom_new(const struct chatroom_config *config, chatroom **ret_chatroom,
                              struct chatroom_error *error);

/*
 * Opens the store, then the transport. Sessions that a dead process left behind get their $disconnect in the first
 * steps. Errors: those of the two open() ops, with their sentence; the instance can then only be freed.
 */
CHATROOM_API int chatroom_start(chatroom *c, struct chatroom_now now, struct chatroom_error *error);

/* Whether chatroom_start() went well. */
CHATROOM_API bool chatroom_is_started(const chatroom *c);

/* Does all that can be done without waiting. Errors: EINVAL not started, or called from inside a step: by a handler, a
 * callback. */
CHATROOM_API int chatroom_step(chatroom *c, struct chatroom_now now);

/* Readable when chatroom_step() has work; -1 if the transport has none. */
CHATROOM_API int chatroom_fd(const chatroom *c);

/* When chatroom_step() must be called at the latest, in mono_ns; 0: at once; CHATROOM_NEVER. */
CHATROOM_API uint64_t chatroom_deadline(const chatroom *c);

/*
 * Begins the end: no new connections, every open one is closed with 1001 after what was sent to it, every $disconnect
 * runs, every write is completed. A connection with a deferred request gets half of limits.drain_ms for it; then its
 * client is told as after a time-out, and closed. chatroom_stopped() says when all is done, or limits.drain_ms have
 * passed: what is left then has its $disconnect at the next start, and the log says how many ("sessions_left"). A
 * second call has no effect; nor has one before chatroom_start(). Handlers and callbacks may call it.
 */
CHATROOM_API void chatroom_stop(chatroom *c);
CHATROOM_API bool chatroom_stopped(const chatroom *c);

/* Any thread: asks for chatroom_stop() in the next step. Not for a signal handler. */
CHATROOM_API void chatroom_ask_stop(chatroom *c);

/*
 * Closes the store, then the transport, and releases everything. NULL is fine. Not from inside a step; no other thread
 * may be inside the library.
 */
CHATROOM_API void chatroom_free(chatroom *c);

/* ---- from any thread --------------------------------------------------------------------------------------------- */

/* All of these answer ECLOSED once chatroom_free() has begun, and their done() hears ECLOSED if that overtook them. */

/* Hears, on the owner's thread and once, how an asynchronous call ended. */
typedef void chatroom_outcome_fn(void *arg, int status);

/*
 * Sends a text message to a connection. Copies text. done (may be NULL) hears CHATROOM_OK once it is queued, EGONE,
 * EAGAIN its queue is full, ENOMEM. Errors, and then done is not called: EINVAL not UTF-8, ENOMEM.
 */
CHATROOM_API int chatroom_post(chatroom *c, chatroom_span connection_id, chatroom_span text, chatroom_outcome_fn *done,
                               void *arg);

/*
 * Appends to a room's log, and thereby tells its members. payload must be valid JSON text, at most
 * limits.message_bytes; author is a name of yours. Copies both. done hears CHATROOM_OK once it is safe, ENOENT no such
 * room, or the store's failure. Errors: EJSON, ETOOBIG the payload is; EINVAL, ENOMEM.
 */
CHATROOM_API int chatroom_publish(chatroom *c, chatroom_span room, chatroom_span author, chatroom_span payload,
                                  chatroom_outcome_fn *done, void *arg);

/*
 * Closes a connection. code: 1000 to 1003, 1007 to 1014, 3000 to 4999; reason is UTF-8 of at most 123 bytes, copied.
 * done hears CHATROOM_OK or EGONE. Errors: EINVAL, ENOMEM.
 */
CHATROOM_API int chatroom_disconnect(chatroom *c, chatroom_span connection_id, uint16_t code, chatroom_span reason,
                                     chatroom_outcome_fn *done, void *arg);

/* What an AWS SDK's GetConnection tells. Spans are borrowed for the call. */
struct chatroom_connection_info {
    int64_t connected_at_ms;
    int64_t last_active_ms; /* the last message in either direction, as far as the transport knows */
    chatroom_span source_ip;
    chatroom_span user_agent; /* empty: none was sent */
};

/*
 * Asks about a connection. done hears, on the owner's thread and once, CHATROOM_OK with info, or EGONE or ECLOSED with
 * NULL. Errors, and then done is not called: ENOMEM.
 */
typedef void chatroom_connection_fn(void *arg, int status, const struct chatroom_connection_info *info);
CHATROOM_API int chatroom_get_connection(chatroom *c, chatroom_span connection_id, chatroom_connection_fn *done,
                                         void *arg);

/* ---- what the instance drives beside its transport -----------------------------------------------------------------
 */

/*
 * Something with a descriptor and a deadline of its own, such as a client of other services (backend/remote.h). All ops
 * are called on the owner's thread.
 */
struct chatroom_source_ops {
    size_t size;                      /* set by CHATROOM_SOURCE_OPS */
    int (*fd)(void *self);            /* Must. Readable when step() has work */
    uint64_t (*deadline)(void *self); /* May. When step() wants to be called at the latest, in mono_ns */
    void (*step)(void *self, struct chatroom_now now); /* Must. Does what can be done without waiting */
    void (*close)(void *self); /* Must. The last call; deferred requests of its need no resuming */
    /* 0.1 ends here. */
};

#define CHATROOM_SOURCE_OPS .size = sizeof(struct chatroom_source_ops)

/*
 * Takes a source over, also when it fails: it is closed then. Copies ops. Before chatroom_start() only.
 * Errors: EINVAL the transport cannot watch descriptors; ENOMEM; ESYSTEM.
 */
CHATROOM_API int chatroom_add_source(chatroom *c, const struct chatroom_source_ops *ops, void *self);

/* ---- what is there (owner's thread) --------------------------------------------------------------------------------
 */

/* Connections that were accepted and are not closed; rooms. */
CHATROOM_API size_t chatroom_connection_count(const chatroom *c);
CHATROOM_API size_t chatroom_room_count(const chatroom *c);

/* The store's capability bits. */
CHATROOM_API uint32_t chatroom_store_capabilities(const chatroom *c);

#ifdef __cplusplus
}
#endif

#endif
