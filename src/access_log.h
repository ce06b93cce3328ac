/*
 * access_log.h: a line for each request that is through, if the host asked for them (access.h).
 */
#ifndef CR_ACCESS_LOG_H
#define CR_ACCESS_LOG_H

#include "core.h"

/* The request has ended, and what it was is still there. */
void cr_access_log(const chatroom_request *request);

void cr_access_log_free(chatroom *c);

#endif
