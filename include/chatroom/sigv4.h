/*
 * sigv4.h: AWS Signature Version 4, both ways: is this request signed by whom it names, and the header that signs one.
 *
 * What is signed is what was sent. Of a path every byte but '/' and the unreserved ones is percent-encoded once more, a
 * '%' as well; nothing is resolved or collapsed, so that a signature is good for one path alone. Query parameters are
 * decoded, encoded again and sorted; a '+' stays as it is, for some read a space in it. A header that stands several
 * times is joined by commas, runs of spaces in it count as one. The body's hash is always that of the body:
 * UNSIGNED-PAYLOAD is not known here.
 *
 * What a signature does not cover is no more trustworthy for it: headers that are not in SignedHeaders, for instance.
 *
 * Pure: no clock, no allocation, no state. Any thread. The secrets are the caller's.
 */
#ifndef CHATROOM_SIGV4_H
#define CHATROOM_SIGV4_H

#include <chatroom/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A request with more than these is neither signed nor verified. */
#define CHATROOM_SIGV4_HEADERS_MOST 64
#define CHATROOM_SIGV4_QUERY_MOST   128 /* parameters */

/* A request as it stands on the wire; all borrowed. */
struct chatroom_sigv4_request {
    chatroom_span method;
    chatroom_span target; /* path and query as sent, not decoded; it begins with '/' */
    const struct chatroom_header *headers;
    size_t header_count;
    chatroom_span body;
};

/* What the credential scope must say, and the time. */
struct chatroom_sigv4_scope {
    chatroom_span region;  /* empty: any, when verifying */
    chatroom_span service; /* "execute-api" */
    int64_t time_ms;       /* Unix */
    unsigned skew_ms;      /* verifying: how far a date may be off; 300,000 is usual */
};

enum chatroom_sigv4_verdict {
    CHATROOM_SIGV4_GOOD,        /* by the access key */
    CHATROOM_SIGV4_UNSIGNED,    /* neither a header nor a query says it is signed */
    CHATROOM_SIGV4_MALFORMED,   /* it says so, but not in a form that can be checked, or in two */
    CHATROOM_SIGV4_UNKNOWN_KEY, /* there is no such access key, or the session token is not the key's */
    CHATROOM_SIGV4_SKEWED,      /* its date is too far off, or a presigned one has expired */
    CHATROOM_SIGV4_SCOPE,       /* signed for another region, service or day */
    CHATROOM_SIGV4_MISMATCH,    /* the signature is another one, or X-Amz-Content-SHA256 is not the body's hash */
};

/*
 * Finds the secret of an access key, and the session token that must come with it (empty: none may come), both borrowed
 * until chatroom_sigv4_verify() returns. False: there is no such key.
 */
typedef bool chatroom_sigv4_key_fn(void *arg, chatroom_span access_key, chatroom_span *ret_secret,
                                   chatroom_span *ret_token);

struct chatroom_sigv4_result {
    enum chatroom_sigv4_verdict verdict;
    chatroom_span access_key; /* borrowed from the request; empty if it names none */
};

/* Room for the explanation of most requests. */
#define CHATROOM_SIGV4_EXPLANATION_SIZE 4096

/*
 * Verifies a request that is signed by its Authorization header, or presigned in its query. If several verdicts against
 * it hold, it is the first of their list. Signatures and tokens are compared in constant time.
 *
 * Header: Authorization with Credential, SignedHeaders and Signature; the date in X-Amz-Date, or else in Date (there
 * also as HTTP writes it); X-Amz-Security-Token. Query: X-Amz-Algorithm, X-Amz-Credential, X-Amz-Date,
 * X-Amz-SignedHeaders, X-Amz-Signature, X-Amz-Expires and X-Amz-Security-Token, the latter signed or put behind the
 * signature; without X-Amz-Expires its date must be as near as that of a header. Host must be signed, by SignedHeaders
 * in lower case and order, which takes at most 2048 bytes in a query. An access key is of letters, digits, '-', '.',
 * '_' and '~'. None of these may stand twice.
 *
 * explanation (may be NULL if capacity is 0) receives, on MISMATCH, the canonical request and the string to sign that
 * were expected, cut to capacity. It holds no secret, but values of headers as they came, which need not be UTF-8.
 * *ret_explained (may be NULL) is its size, 0 with other verdicts.
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
 * X-Amz-Security-Token, both of which the caller adds to the request. What this signs chatroom_sigv4_verify() finds
 * good. Errors: EINVAL what is given cannot be signed, has one of those three headers already or is presigned; ETOOBIG
 * the value of Authorization does not fit.
 */
CHATROOM_API int chatroom_sigv4_sign(const struct chatroom_sigv4_request *request,
                                     const struct chatroom_sigv4_scope *scope, const struct chatroom_sigv4_key *key,
                                     char ret_date[CHATROOM_SIGV4_DATE_SIZE],
                                     char ret_authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST]);

#ifdef __cplusplus
}
#endif

#endif
