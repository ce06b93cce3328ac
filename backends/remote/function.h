/*
 * function.h: the ways in which a Lambda function can be named.
 */
#ifndef REMOTE_FUNCTION_H
#define REMOTE_FUNCTION_H

#include <chatroom/base.h>

/* Borrowed from the text. */
struct remote_function {
    chatroom_span name;   /* as the Invoke API takes it: a name or an ARN, perhaps with ":QUALIFIER" */
    chatroom_span region; /* of the ARN; empty for a name */
};

/*
 * "echo", "arn:aws:lambda:REGION:ACCOUNT:function:NAME", or an integration's URI
 * "arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/NAME-OR-ARN/invocations". False: none of them.
 */
bool remote_function_parse(chatroom_span text, struct remote_function *ret_function);

#endif
