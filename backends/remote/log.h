/*
 * log.h: why a call failed, for whoever runs the server. What the client hears does not say it.
 */
#ifndef REMOTE_LOG_H
#define REMOTE_LOG_H

#include "remote.h"

/* "integration_failed", or "authorizer_failed" for an authorizer's. again_ms: another try follows; 0: none does. */
void remote_log_failed(const chatroom_remote *remote, const struct remote_call *call,
                       const struct remote_outcome *outcome, unsigned again_ms);

#endif
