/*
 * plain.h: a JSON value as plain text, as API Gateway puts it where text is wanted: a string without quotes, an array
 * as
 * "[a, b]", an object as JSON without spaces between tokens, null and what is missing as nothing. See expression.h.
 */
#ifndef CR_PLAIN_H
#define CR_PLAIN_H

#include <chatroom/json.h>

/* One pass over the value. When more was written than fits, the rest may be left away: chatroom_json_done() is false
 * then. */
void cr_plain_write(struct chatroom_json *out, const struct chatroom_json_value *value);

#endif
