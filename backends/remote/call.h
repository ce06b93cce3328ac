/*
 * call.h: one request to a target and its response, from the handler that wants it to the one that hears of it.
 *
 * A call is fresh until the next step has seen it, waits in its lane, is under way, perhaps rests before another try,
 * and is then done. In each state it is in one list; its remote owns it until done() has it.
 */
#ifndef REMOTE_CALL_H
#define REMOTE_CALL_H

#include "text.h"

#include <chatroom/event.h>

#include <curl/curl.h>

struct remote_call;
struct remote_lane;

struct remote_list {
    struct remote_call *first, *last;
};

/* A short text that is copied, cut to fit. */
struct remote_label {
    char bytes[64];
    size_t size;
};

/* How a call ended. Spans are borrowed from the call. */
struct remote_outcome {
    int result;         /* what the handler returns */
    const char *reason; /* static word for the log; NULL: nothing to complain of */
    chatroom_span detail;
    struct chatroom_proxy_result proxy; /* of a route's target, when result is CHATROOM_OK */
    uint16_t status;                    /* of an authorizer that refuses; 0: the core's */
    chatroom_span authorization;        /* of one that allows: the object, and the key or nothing */
    chatroom_span usage_key;
};

/* What a target does with its calls. Each gets the call with what stands in it so far. */
struct remote_kind {
    /* May. Just before it is sent, each time: adds what depends on the time to the headers. */
    int (*sign)(struct remote_call *call, int64_t wall_ms);
    /* Must. A response has come: says what it means. */
    void (*read)(struct remote_call *call, struct remote_outcome *ret_outcome);
};

struct remote_call {
    struct remote_call *next, *previous;
    struct remote_list *list; /* that it is in */
    const struct chatroom_alloc *alloc;
    const struct remote_kind *kind;
    const void *target; /* of that kind */
    struct remote_lane *lane;
    void (*done)(struct remote_call *call, const struct remote_outcome *outcome); /* once; then the call is freed */
    void *arg;

    /* what is asked */
    const char *method;
    struct remote_text url;
    struct remote_text headers;   /* lines, a NUL behind each */
    struct remote_text signature; /* the same, made anew for each try */
    struct remote_text body;
    struct remote_text scratch;
    size_t response_most;
    unsigned timeout_ms;
    unsigned tries; /* that are left after this one */
    unsigned tried;

    /* for the log, and what the response is read for */
    const char *name; /* of the target */
    struct remote_label connection_id, request_id, route_key;
    struct remote_text method_arn; /* of an authorizer's */
    struct remote_label region;    /* that is signed for */

    /* when */
    uint64_t began_ns, ended_ns; /* of this try */
    uint64_t due_ns;             /* time-out; 0: no step has seen it */
    uint64_t wake_ns;            /* resting: the next try */

    /* what came */
    CURL *easy; /* under way */
    struct curl_slist *lines;
    char error[CURL_ERROR_SIZE];
    struct remote_text response;
    size_t header_bytes;
    bool too_big;
    bool unwatched; /* the loop cannot see its socket */
    int result;     /* CHATROOM_OK: a response, of any status */
    const char *reason;
    unsigned status;
    bool function_error; /* X-Amz-Function-Error */
};

/* NULL: out of memory. alloc is borrowed for the life of the call. */
struct remote_call *remote_call_new(const struct chatroom_alloc *alloc, const struct remote_kind *kind,
                                    const void *target);
/* Not under way. NULL is fine. */
void remote_call_free(struct remote_call *call);

/* Whether something it was given did not fit into memory. */
bool remote_call_failed(const struct remote_call *call);

/* Forgets what came, for another try. */
void remote_call_reset(struct remote_call *call);

void remote_label_set(struct remote_label *label, chatroom_span text);

/* At the end of a list; out of the list it is in, if any. */
void remote_list_add(struct remote_list *list, struct remote_call *call);
void remote_list_remove(struct remote_call *call);

#endif
