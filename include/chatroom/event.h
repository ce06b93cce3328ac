/*
 * event.h: what API Gateway and a function say to each other: the event JSON of a proxy integration, its result, and
 * the same for an authorizer. Pure JSON work on public structs, without I/O: whoever carries it (backend/remote.h) is
 * elsewhere.
 *
 * Writers fill any chatroom_json, also one without room, to learn the size. Any thread; nothing is kept, nothing is
 * allocated.
 */
#ifndef CHATROOM_EVENT_H
#define CHATROOM_EVENT_H

#include <chatroom/request.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- events ---------------------------------------------------------------------------------------------------------
 */

/* The parameters of a query that an event shows: the first so many. */
#define CHATROOM_EVENT_PARAMETERS_MOST 512

/*
 * The event of a request: CONNECT (info->head must be there), MESSAGE with body, or DISCONNECT; body is for MESSAGE
 * alone. Text that is not UTF-8, which heads and URLs may hold, is shown with U+FFFD in its place. A query is shown
 * decoded, as forms encode it: '+' is a space. requestContext has a key that API Gateway does not know, callbackUrl:
 * what an AWS SDK calls the endpoint.
 */
CHATROOM_API void chatroom_event_write(const struct chatroom_request_info *info, chatroom_span body,
                                       struct chatroom_json *json);

/* The event of a REQUEST authorizer for a CONNECT request. */
CHATROOM_API void chatroom_event_write_authorizer(const struct chatroom_request_info *info, struct chatroom_json *json);

/*
 * The ARN that policies speak of: "arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/RESOURCE", with "$connect" as resource
 * for an authorizer, and METHOD/@connections/ID for the management API. *ret_arn points into buffer. Errors: ETOOBIG it
 * does not fit.
 */
CHATROOM_API int chatroom_event_method_arn(const struct chatroom_api *api, chatroom_span resource, char *buffer,
                                           size_t capacity, chatroom_span *ret_arn);

/* ---- identity sources -----------------------------------------------------------------------------------------------
 */

/*
 * What must be there before an authorizer is asked: route.request.header.NAME (in any case of letters),
 * route.request.querystring.NAME (not encoded), stageVariables.NAME, or context.NAME with one of the variables that a
 * connection has before it is there. Errors: EINVAL it is none of these, and error says why.
 */
CHATROOM_API int chatroom_event_check_identity(chatroom_span source, struct chatroom_error *error);

/* Whether a CONNECT request has it, and not empty. A source that was not found good is never there. */
CHATROOM_API bool chatroom_event_has_identity(const struct chatroom_request_info *info, chatroom_span source);

/* ---- results --------------------------------------------------------------------------------------------------------
 */

/*
 * Readers of what functions return. A name that stands twice is an error, null is as good as missing. Spans point into
 * the text or the caller's buffer, which must hold text.size bytes. error (may be NULL) receives one sentence for the
 * log.
 */

/* The result of a proxy integration. */
struct chatroom_proxy_result {
    uint16_t status;
    bool has_body;
    chatroom_span body;        /* decoded: from JSON, and from base64 if isBase64Encoded says so; else it is UTF-8 */
    chatroom_span subprotocol; /* Sec-WebSocket-Protocol among the headers, in any case of letters; or empty */
};

/*
 * Reads one. Errors: EJSON not JSON; EINVAL malformed: not an object, an unknown key, no or no sensible statusCode (100
 * to 599, a number or a string, of three digits), a body that is no string or, if it should be, no base64 (RFC 4648, 4,
 * with its padding, without line ends), headers of another shape, a subprotocol that is no token (RFC 9110). Values of
 * headers may be numbers and booleans. Where the subprotocol stands more than once the last counts, one in
 * multiValueHeaders before one in headers.
 */
CHATROOM_API int chatroom_event_read_proxy(chatroom_span text, char *buffer, struct chatroom_proxy_result *ret_result,
                                           struct chatroom_error *error);

/*
 * Ends a request as API Gateway does with a proxy result, and is what the handler then returns. On $connect 2xx lets
 * the connection in, with the subprotocol, and another status refuses it with just that. On a two-way route the body is
 * sent as one text message, whatever the status; on another one it is dropped, which is logged. On $disconnect nothing
 * happens. A body of a two-way route that is not UTF-8 fails with EFAILED. Owner's thread, in a handler.
 */
CHATROOM_API int chatroom_finish(chatroom_request *request, const struct chatroom_proxy_result *result);

/*
 * Whether what a function returned is an error object instead of a result: an object with a string errorMessage and no
 * statusCode. *ret_message (may be NULL) is that message, decoded.
 */
CHATROOM_API bool chatroom_event_is_error(chatroom_span text, char *buffer, chatroom_span *ret_message);

#define CHATROOM_AUTHORIZER_RESULT_MOST 8192 /* bytes */

struct chatroom_authorizer_result {
    bool allowed;            /* by its policy document for that method ARN, or by isAuthorized */
    chatroom_span principal; /* principalId, decoded; empty if isAuthorized came without */
    chatroom_span usage_key; /* usageIdentifierKey, decoded, or empty */
    chatroom_span context;   /* the raw object, or empty */
};

/*
 * Reads the result of an authorizer: with principalId and policyDocument, which is evaluated for "execute-api:Invoke"
 * on method_arn, or with isAuthorized, true or false, instead of both. context and usageIdentifierKey may be there;
 * other names are passed over. Errors: EJSON; EINVAL another shape, too long, a policy that cannot be evaluated, or a
 * context with an array, an object or a null.
 */
CHATROOM_API int chatroom_event_read_authorizer(chatroom_span text, chatroom_span method_arn, char *buffer,
                                                struct chatroom_authorizer_result *ret_result,
                                                struct chatroom_error *error);

/*
 * The object that later events carry as requestContext.authorizer: principalId (if there is one), integrationLatency (a
 * number), then the context, its values as strings, but for what it says under these two names.
 */
CHATROOM_API void chatroom_event_write_authorization(const struct chatroom_authorizer_result *result,
                                                     int64_t latency_ms, struct chatroom_json *json);

#ifdef __cplusplus
}
#endif

#endif
