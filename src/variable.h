/* variable.h: the $context variables of a request, and their values as an access log has them. */
#ifndef CR_VARIABLE_H
#define CR_VARIABLE_H

#include <chatroom/request.h>

#define CR_ACCESS_NONE (-1) /* a number that is missing */

/* What there is to say about a request when it has ended. A span that is empty is missing. All borrowed. */
struct cr_access_facts {
    const struct chatroom_request_info *info;

    int64_t status;              /* HTTP's, also for a message: 200, 403, 500, 504... */
    int64_t response_latency_ms; /* from the event until its end */

    chatroom_span error_message;
    chatroom_span error_response_type; /* "ACCESS_DENIED", "INTEGRATION_TIMEOUT"... */
    chatroom_span error_validation;    /* why a model refused the message */

    int64_t integration_latency_ms;
    int64_t integration_status;      /* the statusCode in the function's result */
    int64_t integration_call_status; /* of the HTTP call that invoked it */
    chatroom_span integration_error;
    chatroom_span integration_request_id;

    int64_t authorizer_latency_ms;
    int64_t authorizer_status;
    int64_t authorizer_call_status;
    chatroom_span authorizer_error;
    chatroom_span authorizer_request_id;

    chatroom_span api_key_id; /* never the key */
};

/* Facts of which just the request's are there. */
static inline struct cr_access_facts cr_access_facts(const struct chatroom_request_info *info)
{
    struct cr_access_facts facts = {.info = info};

    facts.status = facts.response_latency_ms = CR_ACCESS_NONE;
    facts.integration_latency_ms = facts.integration_status = facts.integration_call_status = CR_ACCESS_NONE;
    facts.authorizer_latency_ms = facts.authorizer_status = facts.authorizer_call_status = CR_ACCESS_NONE;
    return facts;
}

struct cr_variable;

/*
 * The variable of a name, which is without "context.". For "authorizer.KEY" *ret_key is the key, a part of name; else
 * it is empty. NULL: there is no such variable.
 */
const struct cr_variable *cr_variable_find(chatroom_span name, chatroom_span *ret_key);

/* Its value, or "-": see cr_access_write(). key is what was found with it. */
void cr_variable_write(struct chatroom_json *out, const struct cr_variable *variable, chatroom_span key,
                       const struct cr_access_facts *facts);

#endif
