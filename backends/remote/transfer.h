/*
 * transfer.h: a call as a transfer of libcurl: what is set before it and taken from it afterwards.
 */
#ifndef REMOTE_TRANSFER_H
#define REMOTE_TRANSFER_H

#include "call.h"

struct remote_transfer_options {
    unsigned connect_ms;
    const char *ca_file; /* NULL: the system's */
};

/* Makes call->easy. Errors: ENOMEM, EFAILED with call->reason and call->error. */
int remote_transfer_begin(struct remote_call *call, const struct remote_transfer_options *options, int64_t wall_ms);

/* libcurl is through with it: fills in what came, or why nothing did. */
void remote_transfer_take(struct remote_call *call, CURLcode code);

/* Releases call->easy, which is in no multi handle. NULL is fine. */
void remote_transfer_end(struct remote_call *call);

#endif
