/*
 * access.h: access-log formats, as a stage of API Gateway has them: text with $context variables, one line a request.
 *
 *     $context.identity.sourceIp [$context.requestTime] "$context.eventType $context.routeKey" $context.status
 *     {"id":"$context.requestId","tenant":"${context.authorizer.tenant-id}"}
 *
 * A variable's name ends where no letter, digit, '_' or '.' with a name behind it follows; braces mark its end, and let
 * the key of an authorizer hold other characters as well. \$ is a dollar sign; any other backslash is itself.
 *
 * A format never changes: any thread.
 */
#ifndef CR_ACCESS_H
#define CR_ACCESS_H

#include "variable.h"

#define CR_ACCESS_MOST 3072 /* bytes of a format */
#define CR_ACCESS_NONE (-1) /* a number that is missing */

struct cr_access;

/*
 * Copies format. Errors: EINVAL (error says what is wrong and at which character: an unknown variable, a brace left
 * open, a control character, more than CR_ACCESS_MOST bytes...), ENOMEM; then *ret_access is left alone.
 */
int cr_access_compile(const struct chatroom_alloc *alloc, chatroom_span format, struct cr_access **ret_access,
                      struct chatroom_error *error);
void cr_access_free(struct cr_access *access); /* NULL is fine */

/*
 * Writes the line, without newline. False: it did not fit and was cut, at the border of a character. Does not allocate.
 *
 * What is missing is "-". Values are escaped as inside a JSON string, and what is no UTF-8 in them is \ufffd, so that a
 * line stays one line and JSON stays JSON. error.messageString brings its own quotes. Of an API key there are asterisks
 * and the last characters of its id.
 */
bool cr_access_write(const struct cr_access *access, const struct cr_access_facts *facts, char *buffer, size_t capacity,
                     chatroom_span *ret_line);

#endif
