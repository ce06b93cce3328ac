/*
 * signers.h: who may sign requests (chatroom_credential), and whether one is signed by such a one and may do what it
 * asks.
 */
#ifndef CR_SIGNERS_H
#define CR_SIGNERS_H

#include "core.h"

#include <chatroom/sigv4.h>

struct cr_signer {
    struct cr_signer *next;
    chatroom_span access_key, secret, token, policy;
};

/* The longest explanation of a signature that is not right. */
#define CR_EXPLANATION_MOST 6144

struct cr_signed {
    enum chatroom_sigv4_verdict verdict;
    const struct cr_signer *signer; /* GOOD */
    chatroom_span access_key;       /* that the request names, rightly or not; borrowed from it */
    char explanation[CR_EXPLANATION_MOST];
    size_t explained;
};

/* Verifies a request to this API. */
void cr_signers_verify(const chatroom *c, const struct chatroom_sigv4_request *request, struct cr_signed *ret_signed);

/* Whether it may do that: action on the ARN of that resource (chatroom_event_method_arn()). */
bool cr_signer_may(const chatroom *c, const struct cr_signer *signer, const char *action, chatroom_span resource);

void cr_signers_free(chatroom *c);

#endif
