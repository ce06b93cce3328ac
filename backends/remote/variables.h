/*
 * variables.h: "${stageVariables.NAME}" in the text of a target.
 */
#ifndef REMOTE_VARIABLES_H
#define REMOTE_VARIABLES_H

#include "text.h"

#include <chatroom/request.h>

/* Whether every "${" begins one of these; *ret_any whether there is one. */
bool remote_variables_check(chatroom_span text, bool *ret_any);

/* Adds text with the values in place of the names. False: one is not there. The text passes the check. */
bool remote_variables_expand(chatroom_span text, const struct chatroom_api *api, struct remote_text *out);

/* The value of one. False: there is none. */
bool remote_variable(const struct chatroom_api *api, chatroom_span name, chatroom_span *ret_value);

#endif
