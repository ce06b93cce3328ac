/*
 * status.h: the keys of integration responses, which say for which HTTP statuses they are.
 */
#ifndef REMOTE_STATUS_H
#define REMOTE_STATUS_H

#include <chatroom/base.h>

/* "$default", "404", or three places between slashes, each a digit, "\d" or ".": "/4\d\d/". */
bool remote_status_key_valid(chatroom_span key);

/* Whether a valid key fits a status of three digits. */
bool remote_status_key_fits(chatroom_span key, unsigned status);

#endif
