/*
 * management.h: the management API of a running instance over HTTP: @connections, as AWS SDKs speak it, who may use it,
 * and the counters behind it. The same verbs for C are chatroom_post(), chatroom_get_connection() and
 * chatroom_disconnect().
 *
 * Owner's thread, before chatroom_start(), but for chatroom_counters().
 */
#ifndef CHATROOM_MANAGEMENT_H
#define CHATROOM_MANAGEMENT_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- keys that sign -------------------------------------------------------------------------------------------------
 */

/* Who signs requests with Signature Version 4. */
struct chatroom_credential {
    chatroom_span access_key; /* 16 to 128 letters, digits and underscores */
    chatroom_span secret;
    chatroom_span token;  /* the session token that must come with it, or empty */
    chatroom_span policy; /* JSON: what it may do (policy.h); empty: everything */
};

/* Copies it. Errors: EINVAL with a sentence, EEXIST there is that access key already, ENOMEM. */
CHATROOM_API int chatroom_add_credential(chatroom *c, const struct chatroom_credential *credential,
                                         struct chatroom_error *error);

/*
 * Connections must be signed with one of these keys, in headers or in the query (presigned), and its policy must allow
 * "execute-api:Invoke" on ".../STAGE/$connect"; else 403. Is the authorizer. Errors: those of chatroom_authorizer().
 */
CHATROOM_API int chatroom_authorize_signatures(chatroom *c);

/* ---- API keys -------------------------------------------------------------------------------------------------------
 */

struct chatroom_api_key {
    chatroom_span id;    /* for logs */
    chatroom_span value; /* the secret: 20 to 128 bytes */
    unsigned per_second; /* connects with it, its plan's throttle; 0: no limit */
    unsigned burst;
};

enum chatroom_api_key_source {
    CHATROOM_KEY_IN_HEADER,       /* $request.header.x-api-key */
    CHATROOM_KEY_FROM_AUTHORIZER, /* $context.authorizer.usageIdentifierKey: chatroom_request_usage_key() */
};

/*
 * From now on $connect requires one of the keys that were added: missing or unknown gives 403, too fast 429.
 * chatroom_add_api_key() copies. Errors: EINVAL with a sentence, EEXIST, ENOMEM.
 */
CHATROOM_API int chatroom_require_api_key(chatroom *c, enum chatroom_api_key_source source);
CHATROOM_API int chatroom_add_api_key(chatroom *c, const struct chatroom_api_key *key, struct chatroom_error *error);

/* ---- HTTP -----------------------------------------------------------------------------------------------------------
 */

struct chatroom_management_options {
    size_t size;            /* set by CHATROOM_MANAGEMENT_OPTIONS */
    bool connections;       /* POST, GET and DELETE of "/STAGE/@connections/ID" */
    bool unsigned_loopback; /* requests from loopback need no signature; with a proxy in front all come from there */
    unsigned per_second;    /* requests of those who may, beyond: 429; 0: no limit */
    unsigned burst;
    const char
        *metrics_path; /* the counters as Prometheus reads them, to anyone who may connect there; NULL: none. Copied */
};

#define CHATROOM_MANAGEMENT_OPTIONS                                             \
    {                                                                           \
        .size = sizeof(struct chatroom_management_options), .connections = true \
    }

/* Answers them, if the transport speaks HTTP. Errors: EINVAL, ENOMEM. */
CHATROOM_API int chatroom_manage(chatroom *c, const struct chatroom_management_options *options);

/*
 * A custom domain: clients that ask for the host domain come to "/KEY" instead of the stage, or to any path of "/" when
 * key is empty, and its callback URL is https://DOMAIN/KEY. Copies both. Errors: EINVAL, EEXIST, ENOMEM.
 */
CHATROOM_API int chatroom_map_domain(chatroom *c, const char *domain, const char *key);

/* ---- access log -----------------------------------------------------------------------------------------------------
 */

/*
 * Gets one line for each request that is through, without a newline, borrowed. Messages beyond messages_per_second,
 * bytes_per_second or what may be held (struct chatroom_limits) have one line a second and connection at most, as their
 * client is told of one; the counters count all. Owner's thread.
 */
typedef void chatroom_access_fn(void *arg, chatroom_span line);

/* format: text with $context variables, at most 3,072 bytes. Errors: EINVAL with a sentence that points into it,
 * ENOMEM. */
CHATROOM_API int chatroom_access_log(chatroom *c, const char *format, chatroom_access_fn *write, void *arg,
                                     struct chatroom_error *error);

/* ---- counters -------------------------------------------------------------------------------------------------------
 */

/* What CloudWatch counts. All since chatroom_start(). */
struct chatroom_counters {
    uint64_t connects;           /* ConnectCount: CONNECT events for the $connect integration */
    uint64_t messages;           /* MessageCount: from clients and to them */
    uint64_t integration_errors; /* IntegrationError: the integration answered 4xx or 5xx, or refused */
    uint64_t client_errors;      /* ClientError: refused before the integration was asked */
    uint64_t execution_errors;   /* ExecutionError: the integration could not be asked, or did not answer */
    uint64_t latencies;          /* IntegrationLatency: how many integrations were waited for, */
    uint64_t latency_ms;         /* ... and for how long in all */
};

/* Of the stage (route_key NULL), or of one route. Errors: ENOENT. */
CHATROOM_API int chatroom_counters(const chatroom *c, const char *route_key, struct chatroom_counters *ret_counters);

#ifdef __cplusplus
}
#endif

#endif
