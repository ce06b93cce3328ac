/*
 * request.h: routes, and what a handler can see and ask for.
 *
 * A handler is called for one event of one connection: it came ($connect), a message selected the handler's route, it
 * went
 * ($disconnect). What it asks for with chatroom_request_*() is a transaction: if it returns CHATROOM_OK, everything
 * takes hold together, once what must be stored is safe; if it returns an error, nothing does and the client is told.
 * Effects take hold in the order in which they were asked for, and requests of one connection in the order in which
 * they came.
 *
 *     static int shout(chatroom_request *request, void *arg)
 *     {
 *         return chatroom_request_broadcast(request, chatroom_request_body(request));
 *     }
 *     chatroom_route(c, "shout", shout, NULL);
 *
 * All calls belong to the owner's thread, but for chatroom_request_resume(). Spans they give are borrowed until the
 * handler returns.
 */
#ifndef CHATROOM_REQUEST_H
#define CHATROOM_REQUEST_H

#include <chatroom/base.h>
#include <chatroom/json.h>
#include <chatroom/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chatroom_request chatroom_request;

/*
 * CHATROOM_OK, or an error of base.h: all effects are dropped and the client gets an error message (see
 * chatroom_set_refusal). On $disconnect nobody is there to be told: EAGAIN asks for another call after a second, any
 * other error ends the session as CHATROOM_OK does.
 */
typedef int chatroom_handler_fn(chatroom_request *request, void *arg);

/*
 * What a route may do beside answering its own connection and closing it, as bits. Anything else it asks for is EDENIED,
 * and logged.
 */
enum chatroom_may {
    CHATROOM_MAY_POST = 1u << 0,       /* speak to others without storing it: post, broadcast, tell */
    CHATROOM_MAY_DISCONNECT = 1u << 1, /* close others' connections */
    CHATROOM_MAY_NAME = 1u << 2,       /* name its session */
    CHATROOM_MAY_JOIN = 1u << 3,       /* take its session into rooms, and out of them */
    CHATROOM_MAY_CREATE = 1u << 4,     /* make rooms, also by joining one that is not there */
    CHATROOM_MAY_DELETE = 1u << 5,     /* delete rooms */
    CHATROOM_MAY_PUBLISH = 1u << 6,    /* append to rooms */
    CHATROOM_MAY_READ = 1u << 7,       /* read the logs of rooms */
    CHATROOM_MAY_ALL = (1u << 8) - 1,
};

/* Looks at a message before its handler does. CHATROOM_OK, or any error: "Bad request body"; error is for the log. */
typedef int chatroom_validate_fn(void *arg, chatroom_span body, struct chatroom_error *error);

struct chatroom_route_options {
    size_t size;                    /* set by CHATROOM_ROUTE_OPTIONS */
    uint32_t may;                   /* bits of enum chatroom_may */
    bool two_way;                   /* what its integration returns goes back: chatroom_finish() in event.h */
    unsigned timeout_ms;            /* of a deferred request; 0: limits.handler_timeout_ms */
    unsigned connection_per_minute; /* messages of one connection; 0: no limit. Not of $connect, $disconnect */
    unsigned connection_burst;
    unsigned per_second; /* requests of all connections, its throttle; 0: no limit */
    unsigned burst;
    chatroom_validate_fn *validate; /* NULL: any message will do */
    void *validate_arg;
};

#define CHATROOM_ROUTE_OPTIONS                                                 \
    {                                                                          \
        .size = sizeof(struct chatroom_route_options), .may = CHATROOM_MAY_ALL \
    }

/*
 * Binds a handler to "$connect", "$disconnect", "$default" or the value that the selection expression must give, at
 * most 1024 bytes; no other key begins with '$'. Copies key and options; options NULL: the defaults. Before
 * chatroom_start() only. A second handler for a key replaces the first. Errors: EINVAL, ENOMEM.
 */
CHATROOM_API int chatroom_route(chatroom *c, const char *key, chatroom_handler_fn *handler, void *arg);
CHATROOM_API int chatroom_route_with(chatroom *c, const char *key, chatroom_handler_fn *handler, void *arg,
                                     const struct chatroom_route_options *options);

/*
 * Asks authorize, with the CONNECT event, before $connect, whether there is such a route or not. It lets the connection
 * on with CHATROOM_OK, perhaps after chatroom_request_authorize(); any error refuses it, with what
 * chatroom_request_status() says, or else 403; 500 for EFAILED and ETIMEDOUT, 503 for EAGAIN, ECLOSED and ENOMEM. It
 * may defer, for timeout_ms at most (0: limits.handler_timeout_ms). Before chatroom_start() only. Errors: EINVAL;
 * EEXIST there is one already.
 */
CHATROOM_API int chatroom_authorizer(chatroom *c, chatroom_handler_fn *authorize, void *arg, unsigned timeout_ms);

enum chatroom_event {
    CHATROOM_CONNECT,
    CHATROOM_MESSAGE,
    CHATROOM_DISCONNECT,
};

/* Why a connection ended. */
enum chatroom_cause {
    CHATROOM_CAUSE_CLIENT,   /* the client closed it */
    CHATROOM_CAUSE_SERVER,   /* we did: chatroom_disconnect(), a limit, a protocol error */
    CHATROOM_CAUSE_NETWORK,  /* it broke */
    CHATROOM_CAUSE_STOPPING, /* this server is shutting down */
    CHATROOM_CAUSE_CRASH,    /* an earlier process died; told at the next start */
};

/* What an API is, the same for all its events. All borrowed from the instance. */
struct chatroom_api {
    chatroom_span id;                          /* "chatroom" unless the configuration names another */
    chatroom_span stage;                       /* "" when connections come to any path */
    chatroom_span region;                      /* "us-east-1" */
    chatroom_span account_id;                  /* "000000000000": for ARNs alone */
    bool secure;                               /* clients come by TLS, which somebody in front of us ends: wss, https */
    const struct chatroom_variable *variables; /* of the stage */
    size_t variable_count;
};

/* A name and a value. */
struct chatroom_variable {
    chatroom_span name;
    chatroom_span value;
};

/* The facts of an event, in API Gateway's words. */
struct chatroom_request_info {
    enum chatroom_event event;
    chatroom_span route_key;     /* "" as long as none is selected */
    chatroom_span connection_id; /* 16 characters: 11 random bytes in URL-safe base64 */
    chatroom_span request_id;    /* of the same form */
    chatroom_span source_ip;     /* text, "" for a local socket */
    chatroom_span user_agent;    /* its first 512 bytes; "" if the client sent none */
    int64_t time_ms;             /* Unix */
    int64_t connected_at_ms;
    const struct chatroom_request_head *head; /* CONNECT, also after defer; else NULL */
    enum chatroom_message_kind kind;          /* MESSAGE */
    uint16_t close_code;                      /* DISCONNECT, as RFC 6455, 7.4 */
    chatroom_span close_reason;
    enum chatroom_cause cause;
    chatroom_span message_id; /* MESSAGE: of the form of request_id */
    const struct chatroom_api *api;
    chatroom_span domain_name; /* the host that the client asked for, with its port unless that is the scheme's own */
    chatroom_span domain_path; /* what stands before "/@connections" in a URL on it: the stage, or a mapping's key */
    chatroom_span authorizer;  /* JSON object that the authorizer left, or empty: requestContext.authorizer */
    bool two_way;              /* of the route */
};

/*
 * The URL under which this connection's API is managed: "https://chat.example/production"; what an AWS SDK calls the
 * endpoint. Borrowed as the rest is. Errors: ENOMEM.
 */
CHATROOM_API int chatroom_request_callback_url(chatroom_request *request, chatroom_span *ret_url);

CHATROOM_API const struct chatroom_request_info *chatroom_request_info(const chatroom_request *request);

/* The message; empty for other events, and when the handler has returned without deferring. */
CHATROOM_API chatroom_span chatroom_request_body(const chatroom_request *request);

/*
 * A member of the message's outermost JSON object. Missing gives CHATROOM_JSON_NONE and CHATROOM_OK.
 * Errors: EJSON the message is not a JSON object; EAMBIGUOUS the name stands twice.
 */
CHATROOM_API int chatroom_request_field(chatroom_request *request, const char *name,
                                        struct chatroom_json_value *ret_value);

/*
 * The same for a string, decoded. Missing and null give an empty span with bytes NULL.
 * Errors: those above; ETYPE it is something else; ENOMEM.
 */
CHATROOM_API int chatroom_request_text(chatroom_request *request, const char *name, chatroom_span *ret_text);

/* Memory that lives as long as the request; also of one that was deferred, until it is resumed. NULL: out of memory. */
CHATROOM_API void *chatroom_request_memory(chatroom_request *request, size_t size);

/* The instance. The time of the event is in chatroom_request_info(). */
CHATROOM_API chatroom *chatroom_request_chatroom(const chatroom_request *request);

/* ---- the session: who the connection is ---------------------------------------------------------------------------
 */

/* The name that chatroom_request_set_name() gave it; empty before. */
CHATROOM_API chatroom_span chatroom_request_session_name(const chatroom_request *request);

/* The rooms it is in: how many, and the n-th (0 is the first joined; empty beyond the last). */
CHATROOM_API size_t chatroom_request_session_rooms(const chatroom_request *request);
CHATROOM_API chatroom_span chatroom_request_session_room(const chatroom_request *request, size_t n);

/* ---- effects ------------------------------------------------------------------------------------------------------
 */

/* A text message to the connection itself. Copies. Errors: ENOMEM, EINVAL not UTF-8, EGONE on $connect and $disconnect.
 */
CHATROOM_API int chatroom_request_reply(chatroom_request *request, chatroom_span text);

/* The same, of either kind. */
CHATROOM_API int chatroom_request_reply_message(chatroom_request *request, enum chatroom_message_kind kind,
                                                chatroom_span message);

/* A text message to another connection. Copies. Errors: EGONE there is no such connection, EINVAL, ENOMEM. */
CHATROOM_API int chatroom_request_post(chatroom_request *request, chatroom_span connection_id, chatroom_span text);

/* A text message to every connection, this one included. Nothing is stored. Copies. Errors: EINVAL, ENOMEM. */
CHATROOM_API int chatroom_request_broadcast(chatroom_request *request, chatroom_span text);

/* A text message to everyone in a room, not stored: typing, presence. Copies. Errors: ENOENT no such room, EINVAL,
 * ENOMEM. */
CHATROOM_API int chatroom_request_tell(chatroom_request *request, chatroom_span room, chatroom_span text);

/*
 * Closes this connection after what was sent to it; what is asked for after this call is not sent to it. Any route may.
 * Errors: EINVAL a code that may not be sent, or a reason above 123 bytes.
 */
CHATROOM_API int chatroom_request_close(chatroom_request *request, uint16_t code, chatroom_span reason);

/*
 * Names the session; stored with it. Copies; 1 to 256 bytes of UTF-8. Errors: EINVAL, ENOMEM, EALIKE another session's
 * name looks like it (names.h).
 */
CHATROOM_API int chatroom_request_set_name(chatroom_request *request, chatroom_span name);

/*
 * Makes a room; name is 1 to 256 bytes of UTF-8. Atomic: of two, one fails. Errors: EEXIST, EINVAL, ETOOBIG too many
 * rooms, ENOMEM, EALIKE another room's name looks like it (names.h).
 */
CHATROOM_API int chatroom_request_create_room(chatroom_request *request, chatroom_span room);

/*
 * Takes the session into a room, which is made if it does not exist. Already a member: no effect, CHATROOM_OK.
 * Errors: EINVAL, ETOOBIG too many rooms or members, ENOMEM, EALIKE as above, EGONE on $disconnect.
 */
CHATROOM_API int chatroom_request_join(chatroom_request *request, chatroom_span room);

/* Takes the session out of a room. Errors: ENOENT it is not in it, ENOMEM. */
CHATROOM_API int chatroom_request_leave(chatroom_request *request, chatroom_span room);

/*
 * Deletes a room with its log. Whoever is in it is out of it; but if nobody was to be in it any more when this was
 * called, it is done only when that has come true. Should somebody stay, since the store refused the leaving, the whole
 * request ends with EAGAIN, as if the store were busy; a $disconnect is asked again. Errors: ENOENT, ENOMEM.
 */
CHATROOM_API int chatroom_request_delete_room(chatroom_request *request, chatroom_span room);

/*
 * Appends an entry to a room's log; every member gets it, in the order of the log, once it is safe. The author is the
 * session's name. payload is valid JSON text, at most message_bytes; id (may be empty, at most 128 bytes of UTF-8)
 * makes a repetition by this connection harmless: the same id is stored once. Errors: ENOENT no such room, EJSON,
 * EINVAL, ETOOBIG, ENOMEM.
 */
CHATROOM_API int chatroom_request_publish(chatroom_request *request, chatroom_span room, chatroom_span payload,
                                          chatroom_span id);

/*
 * Asks for a page of a room's log, after this request's other effects were stored; then is called with it and may ask
 * for further effects of this request (replies, posts; no writes). What it returns is treated as a handler's result.
 * When the same request joins the room, the page of the newest entries ends where the live messages begin: no gap,
 * nothing twice. At most once a request. Errors: ENOENT no such room, EINVAL.
 */
struct chatroom_history_query {
    uint64_t before; /* entries with a smaller seq, the newest of them; 0: from the newest of all */
    uint64_t after;  /* before 0: entries with a greater seq, the oldest of them; 0: not asked */
    size_t limit;    /* 0, or more than the instance's limit: that */
    bool oldest;     /* before 0: entries with a greater seq than after, also when that is 0: from the oldest of all */
};
struct chatroom_history; /* see room.h */
typedef int chatroom_history_fn(chatroom_request *request, const struct chatroom_history *history, void *arg);
CHATROOM_API int chatroom_request_history(chatroom_request *request, chatroom_span room,
                                          const struct chatroom_history_query *query, chatroom_history_fn *then,
                                          void *arg);

/* Closes another connection. Errors: EGONE there is no such connection; EINVAL as above; ENOMEM. */
CHATROOM_API int chatroom_request_disconnect(chatroom_request *request, chatroom_span connection_id, uint16_t code,
                                             chatroom_span reason);

/* On $connect: the HTTP status with which to refuse (300 to 599), for the error that the handler then returns. */
CHATROOM_API void chatroom_request_status(chatroom_request *request, uint16_t status);

/*
 * On $connect: the subprotocol of the answer (a token of RFC 9110), also one that the client did not offer, which is
 * logged. Copies. Errors: EINVAL, ENOMEM.
 */
CHATROOM_API int chatroom_request_subprotocol(chatroom_request *request, chatroom_span subprotocol);

/*
 * On $connect: what later events of the connection carry as info->authorizer, a JSON object of at most 8,192 bytes,
 * stored with its session. Copies. Errors: EINVAL, EGONE another event, ENOMEM.
 */
CHATROOM_API int chatroom_request_authorize(chatroom_request *request, chatroom_span object);

/*
 * On $connect, from an authorizer: the API key that the client's plan is looked up by, when keys come from authorizers
 * (chatroom_api_keys). Copies. Errors: EGONE, ENOMEM.
 */
CHATROOM_API int chatroom_request_usage_key(chatroom_request *request, chatroom_span key);

/*
 * Why the request is about to fail, in words: for the log ("refused"), and for the client when the configuration says
 * debug_refusals. Also while it is deferred. Copies. Errors: EINVAL not UTF-8, or above 512 bytes; ENOMEM.
 */
CHATROOM_API int chatroom_request_detail(chatroom_request *request, chatroom_span detail);

/* Ends a handler: return chatroom_request_refuse(request, "code", "A sentence."). Both static. Returns
 * CHATROOM_EREFUSED. */
CHATROOM_API int chatroom_request_refuse(chatroom_request *request, const char *code, const char *sentence);

/*
 * Puts the answer off: after the handler returns CHATROOM_OK the request lives on, and later messages of its connection
 * wait, until chatroom_request_resume(). After the route's timeout_ms the client is told, and the late result is
 * discarded. The body is kept, but spans that were taken from it before are not: ask again in the resumed handler. Has
 * no effect in the callback of chatroom_request_history(). A handler that returns an error has not deferred.
 */
CHATROOM_API void chatroom_request_defer(chatroom_request *request);

/*
 * Any thread, once for each deferred request, in time or not: resume (a handler, which may defer again) then runs on
 * the owner's thread and ends the request. Until then the request stays in memory.
 */
CHATROOM_API void chatroom_request_resume(chatroom_request *request, chatroom_handler_fn *resume, void *arg);

/* ---- error messages -----------------------------------------------------------------------------------------------
 */

/* Why a message got no effect. All borrowed. */
struct chatroom_refusal {
    int result;           /* what the handler or the store returned */
    const char *code;     /* stable: "room_exists" */
    const char *sentence; /* for people */
    chatroom_span connection_id;
    chatroom_span request_id;
    chatroom_span message_id;
    chatroom_span detail; /* the exact cause, if the configuration wants clients to see it; else empty */
};

/* Writes the error message for a client, as one JSON text. */
typedef void chatroom_refusal_fn(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json);

/* Replaces API Gateway's error texts ({"message": "Forbidden", …}) by the host's own. Has no effect after chatroom_start(). */
CHATROOM_API void chatroom_set_refusal(chatroom *c, chatroom_refusal_fn *write, void *arg);

#ifdef __cplusplus
}
#endif

#endif
