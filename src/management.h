/*
 * management.h: plain HTTP requests that the core answers: @connections as AWS SDKs speak it, and the counters.
 *
 * A request is answered at once, so nothing of it outlives the call.
 */
#ifndef CR_MANAGEMENT_H
#define CR_MANAGEMENT_H

#include "core.h"

#define CR_ANSWER_HEADERS 5

struct cr_management {
    bool connections, unsigned_loopback;
    unsigned per_second, burst;
    struct cr_bucket throttle;
    char *metrics_path; /* NULL: none */
    /* of the answer that is being given */
    struct chatroom_header headers[CR_ANSWER_HEADERS];
    char request_id[CR_ID_SIZE];
    chatroom_span access_key; /* that the request names, rightly or not */
};

void cr_management_free(chatroom *c);

#endif
