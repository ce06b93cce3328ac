/*
 * remote.h: handlers elsewhere: a route's event goes to a function or an HTTP server, and what comes back is the
 * handler's result. On libcurl. In a library of its own: pkg-config chatroom-remote.
 *
 *     chatroom_remote_new -> chatroom_remote_attach -> targets
 *     chatroom_route(c, key, chatroom_remote_handler, target) -> chatroom_start
 *
 * A remote serves one instance, is driven by its loop, and waits for nothing: requests that call a target are deferred
 * (request.h), the later ones of their connection wait, everybody else goes on. Connections to targets are kept and
 * used again.
 *
 * Threads: the owner's. libcurl resolves names in a thread of its own when it was built so (Debian's is), and the end
 * of a remote waits for one that is at it; one that was built without resolves while everybody waits, unless hosts are
 * numeric. It takes its memory from malloc().
 *
 * What it never does: follow a redirect, use a proxy of the environment, speak anything but http and https, take a
 * certificate that it cannot verify, let a byte of a client end a header. A request on a kept connection that the other
 * side closes at that very moment is sent once more on a new one, by libcurl, if nothing came back.
 */
#ifndef CHATROOM_BACKEND_REMOTE_H
#define CHATROOM_BACKEND_REMOTE_H

#include <chatroom/event.h>
#include <chatroom/instance.h>
#include <chatroom/sigv4.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chatroom_remote chatroom_remote;

/* Where a route's events go. Belongs to its remote, which frees it. */
typedef struct chatroom_remote_target chatroom_remote_target;

struct chatroom_remote_options {
    size_t size;                        /* set by CHATROOM_REMOTE_OPTIONS */
    const struct chatroom_alloc *alloc; /* NULL: malloc() and free(). Copied */
    chatroom_log_fn *log;               /* hears why a call failed; NULL: silence */
    void *log_arg;
    size_t calls;          /* under way at once; the others wait for their turn */
    size_t waiting;        /* that wait; beyond: "Too Many Requests" */
    size_t response_bytes; /* a longer response is a malformed one */
    unsigned connect_ms;   /* until a connection is there, TLS included; then the target is unreachable */
    const char *ca_file;   /* certificates to trust, PEM; NULL: the system's. Copied */
};

#define CHATROOM_REMOTE_OPTIONS                                                                                   \
    {                                                                                                             \
        .size = sizeof(struct chatroom_remote_options), .calls = 256, .waiting = 1024, .response_bytes = 6291456, \
        .connect_ms = 5000                                                                                        \
    }

/* Makes one. Errors: EINVAL with a sentence, ENOMEM, ESYSTEM. */
CHATROOM_API int chatroom_remote_new(const struct chatroom_remote_options *options, chatroom_remote **ret_remote,
                                     struct chatroom_error *error);

/*
 * Gives it to an instance, also when it fails: chatroom_free() ends every call and frees it, and until then the caller
 * may add targets to it. Before chatroom_start(). Errors: those of chatroom_add_source().
 */
CHATROOM_API int chatroom_remote_attach(chatroom_remote *remote, chatroom *c);

/* Frees one that was given to no instance. NULL is fine. */
CHATROOM_API void chatroom_remote_free(chatroom_remote *remote);

/* ---- handlers -------------------------------------------------------------------------------------------------------
 */

/*
 * The handler of a route; target is a chatroom_remote_target of the instance's remote, but no authorizer. Ends the
 * request with chatroom_finish(). Results, each with its cause in the log ("integration_failed"): EFAILED the target
 * cannot be reached, did not answer well, or said that it failed; ETIMEDOUT its time-out has passed, waiting for its
 * turn included; EAGAIN too many calls wait; ENOMEM. One more, EINVAL no such target, is logged by the core alone
 * ("refused").
 */
CHATROOM_API int chatroom_remote_handler(chatroom_request *request, void *target);

/*
 * For chatroom_authorizer(); target is one of chatroom_remote_authorizer_target(). The client gets 401 when an identity
 * source is missing, without a call, or when the function fails with the message "Unauthorized"; 403 when its policy
 * does not allow; 429 when too many calls wait; 500 when it fails otherwise or its result has a wrong shape.
 */
CHATROOM_API int chatroom_remote_authorizer(chatroom_request *request, void *target);

/* ---- targets --------------------------------------------------------------------------------------------------------
 *
 * All of these copy what they are given, may be called until the remote is freed, and fail with EINVAL and a sentence,
 * or ENOMEM. Where a comment says "with variables", "${stageVariables.x}" stands for the value of the stage variable x;
 * a call with one that is not there fails.
 */

/* What every target has. */
struct chatroom_remote_limits {
    unsigned timeout_ms; /* of one call, waiting for its turn included; 0: 29,000 */
    size_t calls;        /* under way at once; 0: 32, so that one that hangs does not take all of the remote's */
    size_t waiting;      /* that wait; 0: as many as the remote's */
    unsigned retries;    /* more tries when $disconnect fails, after 200 ms and doubling, at most 10; of a target that
                            answered, and failed, at most 2 */
};

struct chatroom_remote_lambda {
    size_t size;          /* set by CHATROOM_REMOTE_LAMBDA */
    const char *endpoint; /* "http://127.0.0.1:9001"; NULL: AWS's for the region of the ARN */
    /*
     * A name, the ARN of a function, or an integration's URI: "arn:aws:apigateway:REGION:lambda:path/2015-03-31/
     * functions/ARN/invocations". With variables. The runtime interface emulator calls every function "function".
     */
    const char *function;
    const char *qualifier;                /* a version or an alias, with variables; NULL: none */
    const struct chatroom_sigv4_key *key; /* that signs; NULL: not signed */
    const char *region;                   /* that is signed for; NULL: the ARN's, else the API's */
    bool serial; /* one call at a time for all serial targets of this endpoint, as the emulator needs it */
    struct chatroom_remote_limits limits;
};

#define CHATROOM_REMOTE_LAMBDA                                                    \
    {                                                                             \
        .size = sizeof(struct chatroom_remote_lambda), .limits = {.retries = 10 } \
    }

/* A function with a proxy integration: it gets the event, and gives the result, of event.h. */
CHATROOM_API int chatroom_remote_lambda(chatroom_remote *remote, const struct chatroom_remote_lambda *options,
                                        chatroom_remote_target **ret_target, struct chatroom_error *error);

/*
 * A REQUEST authorizer. Each identity source is "route.request.header.NAME", "route.request.querystring.NAME",
 * "stageVariables.NAME" or "context.NAME", and must be there and not empty.
 */
CHATROOM_API int chatroom_remote_authorizer_target(chatroom_remote *remote,
                                                   const struct chatroom_remote_lambda *options,
                                                   const char *const *sources, size_t source_count,
                                                   chatroom_remote_target **ret_target, struct chatroom_error *error);

/*
 * What goes along with a request to an HTTP server. destination: "integration.request.header.NAME" or
 * "integration.request.querystring.NAME". source: "route.request.header.NAME" (its last value),
 * "route.request.multivalueheader.NAME" (each), "route.request.querystring.NAME",
 * "route.request.multivaluequerystring.NAME" (these four on $connect only), "route.request.body",
 * "route.request.body.a.b[0]", "stageVariables.NAME", "context.NAME" or "'a literal'". A source that is not there adds
 * nothing. A control character in a header's value becomes a space.
 */
struct chatroom_remote_mapping {
    const char *destination;
    const char *source;
};

/* What a status of the server means: the first that fits, and "$default" when no other does. */
struct chatroom_remote_response {
    const char *key;  /* "$default", "404", or three places between slashes, each a digit, \d or a dot: "/4\d\d/" */
    uint16_t status;  /* of the result; 0: the server's own */
    const char *body; /* of the result; NULL: the server's own */
};

struct chatroom_remote_http {
    size_t size;              /* set by CHATROOM_REMOTE_HTTP */
    const char *method;       /* NULL: "POST" */
    const char *url;          /* http or https, without user and fragment. With variables */
    const char *content_type; /* of a text message that is sent; NULL: "application/json" */
    const struct chatroom_remote_mapping *mappings;
    size_t mapping_count;
    /* None: the server's status and body are the result, as with HTTP_PROXY. Else as with HTTP: a status that no key
     * fits is a failure. */
    const struct chatroom_remote_response *responses;
    size_t response_count;
    struct chatroom_remote_limits limits;
};

#define CHATROOM_REMOTE_HTTP                                                    \
    {                                                                           \
        .size = sizeof(struct chatroom_remote_http), .limits = {.retries = 10 } \
    }

/*
 * An HTTP server. It gets the message as it is, or nothing for the other events and with GET and HEAD, and what it
 * needs to answer by itself in the headers X-Connection-Id, X-Request-Id, X-Event-Type, X-Route-Key, X-Stage,
 * X-Domain-Name and X-Callback-Url. Its body goes back on a two-way route, whatever the status, which is logged from
 * 400 up.
 */
CHATROOM_API int chatroom_remote_http(chatroom_remote *remote, const struct chatroom_remote_http *options,
                                      chatroom_remote_target **ret_target, struct chatroom_error *error);

/* Always the same result, without a call. body may be NULL: none. */
CHATROOM_API int chatroom_remote_mock(chatroom_remote *remote, uint16_t status, const char *body,
                                      chatroom_remote_target **ret_target, struct chatroom_error *error);

#ifdef __cplusplus
}
#endif

#endif
