/*
 * sigv4.h: AWS Signature Version 4, both ways: is this request signed by whom it names, and the header that signs one.
 *
 * Pure: no clock, no allocation, no state. Any thread. The secrets are the caller's.
 */
#ifndef CHATROOM_SIGV4_H
#define CHATROOM_SIGV4_H

#include <chatroom/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A request as it stands on the wire; all borrowed. */
struct chatroom_sigv4_request {
    chatroom_span method;
    chatroom_span target; /* path and query as sent, not decoded */
    const struct chatroom_header *headers;
    size_t header_count;
    chatroom_span body;
};

/* What the credential scope must say, and the time. */
struct chatroom_sigv4_scope {
    chatroom_span region;  /* empty: any, when verifying */
    chatroom_span service; /* "execute-api" */
    int64_t time_ms;       /* Unix */
    unsigned skew_ms;      /* verifying: how far a date may be off; API Gateway allows 300,000 */
};

enum chatroom_sigv4_verdict {
    CHATROOM_SIGV4_GOOD,
    CHATROOM_SIGV4_UNSIGNED,    /* neither a header nor a query says it is signed */
    CHATROOM_SIGV4_MALFORMED,   /* it says so, but not in a form that can be checked */
    CHATROOM_SIGV4_UNKNOWN_KEY, /* there is no such access key, or the session token is not the key's */
    CHATROOM_SIGV4_SKEWED,      /* its date is too far off, or a presigned one has expired */
    CHATROOM_SIGV4_SCOPE,       /* signed for another region, service or day */
    CHATROOM_SIGV4_MISMATCH,    /* the signature is another one */
};

/*
 * Finds the secret of an access key, and the session token that must come with it (empty: none may be needed).
 * False: there is no such key.
 */
typedef bool chatroom_sigv4_key_fn(void *arg, chatroom_span access_key, chatroom_span *ret_secret,
                                   chatroom_span *ret_token);

struct chatroom_sigv4_result {
    enum chatroom_sigv4_verdict verdict;
    chatroom_span access_key; /* borrowed from the request; empty if it names none */
};

/* The longest canonical request that is explained; a longer one is verified all the same. */
#define CHATROOM_SIGV4_CANONICAL_MOST 4096

/*
 * Verifies a request that is signed by its Authorization header or presigned in its query (X-Amz-Algorithm and the
 * others). Compares in constant time. explanation (may be empty) receives, on MISMATCH, the canonical request and
 * string to sign that were expected, cut where it ends; *ret_explained its size.
 */
CHATROOM_API struct chatroom_sigv4_result chatroom_sigv4_verify(const struct chatroom_sigv4_request *request,
                                                                const struct chatroom_sigv4_scope *scope,
                                                                chatroom_sigv4_key_fn *find, void *arg,
                                                                char *explanation, size_t capacity,
                                                                size_t *ret_explained);

/* A key with which to sign. */
struct chatroom_sigv4_key {
    chatroom_span access_key;
    chatroom_span secret;
    chatroom_span token; /* of temporary credentials, or empty */
};

#define CHATROOM_SIGV4_DATE_SIZE          17 /* "20150830T123600Z" and a NUL */
#define CHATROOM_SIGV4_AUTHORIZATION_MOST 1024

/*
 * Signs a request. *ret_date is the value of its X-Amz-Date, *ret_authorization that of its Authorization, both C
 * strings. Signed are the headers given, which must include Host, and X-Amz-Date and, with a token,
 * X-Amz-Security-Token, both of which the caller adds to the request. Errors: EINVAL what is given cannot be signed;
 * ETOOBIG the value does not fit.
 */
CHATROOM_API int chatroom_sigv4_sign(const struct chatroom_sigv4_request *request,
                                     const struct chatroom_sigv4_scope *scope, const struct chatroom_sigv4_key *key,
                                     char ret_date[CHATROOM_SIGV4_DATE_SIZE],
                                     char ret_authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST]);

#ifdef __cplusplus
}
#endif

#endif
