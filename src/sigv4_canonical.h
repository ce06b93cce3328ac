/*
 * sigv4_canonical.h: the one text of a request that both sides of a signature write: its canonical request.
 *
 * It is put piece by piece into whatever takes it, a hash or a buffer, and never stands in memory as a whole.
 */
#ifndef CR_SIGV4_CANONICAL_H
#define CR_SIGV4_CANONICAL_H

#include <chatroom/sigv4.h>

typedef void cr_put_fn(void *arg, const char *bytes, size_t size);

/* Parameters as sent, in the order of the canonical request, but for X-Amz-Signature, which is none of them. */
struct cr_query {
    struct chatroom_header parameters[CHATROOM_SIGV4_QUERY_MOST];
    size_t count;
};

/* What there is to write; borrowed. */
struct cr_canonical {
    const struct chatroom_sigv4_request *request;
    chatroom_span path;
    const struct cr_query *query;
    bool without_token;                 /* leave X-Amz-Security-Token out of the query */
    chatroom_span signed_names;         /* of headers: lower case, in order, ';' between them */
    const struct chatroom_header *more; /* headers that the request is to have besides its own */
    size_t more_count;
    chatroom_span body_hash; /* hexadecimal */
};

/* ---- the parts of a request ---- */

/* False: the target does not begin with '/'. A query is there or empty. */
bool cr_split_target(chatroom_span target, chatroom_span *ret_path, chatroom_span *ret_query);

/* False: there are too many, or a '%' without two hexadecimal digits. */
bool cr_query_read(struct cr_query *query, chatroom_span text);

/* Up to the next separator, which is passed over as well; *rest becomes what is behind it. False: rest was empty. */
bool cr_next_part(chatroom_span *rest, char separator, chatroom_span *ret_part);

/* Without the spaces and tabs around it. */
chatroom_span cr_trim(chatroom_span text);

/* The next octet of a text with percent escapes, and in *at where it goes on. All escapes must be valid. */
unsigned char cr_percent_next(chatroom_span text, size_t *at);
bool cr_percent_valid(chatroom_span text);

/* ---- writing ---- */

/* Of every signed name there must be a header. */
void cr_canonical_put(const struct cr_canonical *canonical, cr_put_fn *put, void *arg);

#endif
