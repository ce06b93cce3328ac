/*
 * keys.h: API keys that $connect requires, each with the throttle of its plan.
 */
#ifndef CR_KEYS_H
#define CR_KEYS_H

#include "core.h"

struct cr_key {
    struct cr_key *next;
    chatroom_span id, value;
    unsigned per_second, burst;
    struct cr_bucket throttle;
};

/* 0: the connection may go on. Else the HTTP status with which it is refused: 403, or 429. */
uint16_t cr_keys_admit(chatroom *c, chatroom_request *request);

void cr_keys_free(chatroom *c);

#endif
