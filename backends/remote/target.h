/*
 * target.h: where calls go, and what all kinds of targets have.
 */
#ifndef REMOTE_TARGET_H
#define REMOTE_TARGET_H

#include "mapping.h"
#include "remote.h"

enum remote_target_kind {
    REMOTE_LAMBDA,
    REMOTE_AUTHORIZER, /* a function as well */
    REMOTE_HTTP,
    REMOTE_MOCK,
};

/* A block that lives as long as its target. */
struct remote_kept;

struct remote_function_target {
    const char *endpoint; /* without a slash at its end; NULL: AWS's */
    const char *function;
    const char *qualifier; /* or NULL */
    const char *region;    /* or NULL */
    bool signs;
    struct chatroom_sigv4_key key;
    const chatroom_span *identity; /* of an authorizer */
    size_t identity_count;
};

struct remote_response_rule {
    chatroom_span key;
    uint16_t status; /* 0: the server's */
    const char *body;
};

struct remote_http_target {
    const char *method;
    const char *url;
    const char *content_type;
    const struct remote_mapping *mappings;
    size_t mapping_count;
    const struct remote_response_rule *rules;
    size_t rule_count;
};

struct chatroom_remote_target {
    struct chatroom_remote_target *next;
    chatroom_remote *remote;
    struct remote_kept *kept;
    enum remote_target_kind kind;
    const char *name; /* for the log */
    struct remote_lane *lane;
    unsigned timeout_ms;
    unsigned retries;
    union {
        struct remote_function_target function;
        struct remote_http_target http;
        struct chatroom_proxy_result mock;
    } of;
};

/* A block of the target's: a copy of bytes, or zeros when that is NULL. NULL: out of memory. */
void *remote_keep(chatroom_remote_target *target, const void *bytes, size_t size);
const char *remote_keep_string(chatroom_remote_target *target, const char *string);

/* One that is not in its remote's list yet. NULL: out of memory. */
chatroom_remote_target *remote_target_new(chatroom_remote *remote, enum remote_target_kind kind);
/* Only one that is not in the list, or all of them. NULL is fine. */
void remote_target_free(chatroom_remote_target *target);

/*
 * Gives it its limits and a lane, that of other serial targets if endpoint is not NULL, and puts it into the list.
 * Errors: EINVAL with a sentence, ENOMEM.
 */
int remote_target_add(chatroom_remote_target *target, const struct chatroom_remote_limits *limits, const char *endpoint,
                      struct chatroom_error *error);

/* ---- what the kinds do ---- */

extern const struct remote_kind remote_lambda_kind, remote_authorizer_kind, remote_http_kind;

/*
 * Fills in what a call asks for. Errors: ENOMEM; EFAILED with call->reason, and call->error for the log.
 */
int remote_lambda_write(const chatroom_remote_target *target, struct remote_call *call,
                        const struct chatroom_request_info *info, chatroom_span body);
int remote_http_write(const chatroom_remote_target *target, struct remote_call *call,
                      const struct chatroom_request_info *info, chatroom_span body, chatroom_span callback_url);

/* A new target for a function, checked, not added. Errors: EINVAL with a sentence, ENOMEM. */
int remote_function_new(chatroom_remote *remote, enum remote_target_kind kind,
                        const struct chatroom_remote_lambda *options, chatroom_remote_target **ret_target,
                        struct chatroom_error *error);
int remote_function_add(chatroom_remote_target *target, const struct chatroom_remote_lambda *options,
                        chatroom_remote_target **ret_target, struct chatroom_error *error);

/* Whether a function says that it failed. *ret_detail is its message, or the response. Errors: ENOMEM. */
int remote_function_failed(struct remote_call *call, bool *ret_failed, chatroom_span *ret_detail);

/* Adds what proves who calls, if the target has a key: struct remote_kind. */
int remote_function_sign(struct remote_call *call, int64_t wall_ms);

/* What a response that cannot be used gives. */
void remote_outcome_fail(struct remote_outcome *outcome, int result, const char *reason, chatroom_span detail);

/* The same, with the sentence of its reader. */
void remote_outcome_malformed(struct remote_outcome *outcome, struct remote_call *call,
                              const struct chatroom_error *error);

#endif
