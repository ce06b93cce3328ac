/*
 * sigv4_claim.h: what a request says of its own signature, in either form. Nothing of it is believed yet.
 */
#ifndef CR_SIGV4_CLAIM_H
#define CR_SIGV4_CLAIM_H

#include "amz_date.h"

#include <chatroom/sigv4.h>

/* Longer ones are malformed. */
#define CR_CREDENTIAL_MOST   512
#define CR_SIGNED_NAMES_MOST 2048

/* Spans are borrowed from the request, or point into the claim, which must not move. */
struct cr_sigv4_claim {
    chatroom_span path, query; /* the target's parts */
    bool presigned;            /* in the query */
    chatroom_span access_key;  /* from the request; as soon as it is known, also of a malformed claim */
    chatroom_span day, region, service;
    chatroom_span signed_names; /* lower case, in order, each once; a header of each is there; host is among them */
    chatroom_span signature;    /* 64 hexadecimal digits */
    chatroom_span token;        /* percent-encoded if presigned; or empty */
    chatroom_span body_hash;    /* that X-Amz-Content-SHA256 claims, 64 digits; or empty */
    int64_t date_ms;
    int64_t expires_ms; /* after its date; -1: does not say */
    char credential[CR_CREDENTIAL_MOST];
    char names[CR_SIGNED_NAMES_MOST];
};

/* GOOD: it is complete; UNSIGNED; MALFORMED. */
enum chatroom_sigv4_verdict cr_sigv4_claim_read(struct cr_sigv4_claim *claim,
                                                const struct chatroom_sigv4_request *request);

/* False: a method or value holds what ends a line, so that two requests would be signed by the same text. */
bool cr_can_be_signed(const struct chatroom_sigv4_request *request);

/* Not empty, and of the characters of an access key, of a region or service. */
bool cr_is_access_key(chatroom_span text);
bool cr_is_scope_word(chatroom_span text);

/* How many headers have that name, and the value of the last, trimmed. */
size_t cr_header_find(const struct chatroom_sigv4_request *request, const char *name, chatroom_span *ret_value);

/* The same for a parameter of a query, neither decoded nor trimmed. */
size_t cr_parameter_find(chatroom_span query, const char *name, chatroom_span *ret_value);

#endif
