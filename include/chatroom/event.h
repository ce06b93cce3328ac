/*
 * event.h: what API Gateway and a function say to each other: the event JSON of a proxy integration, its result, and
 * the same for an authorizer. Pure JSON work on public structs, without I/O: whoever carries it (backend/remote.h) is
 * elsewhere.
 *
 * Any thread; nothing is kept.
 */
#ifndef CHATROOM_EVENT_H
#define CHATROOM_EVENT_H

#include <chatroom/request.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The event of a request: CONNECT (info->head must be there), MESSAGE with body, or DISCONNECT. */
CHATROOM_API void chatroom_event_write(const struct chatroom_request_info *info, chatroom_span body,
                                       struct chatroom_json *json);

/* The event of a REQUEST authorizer for a CONNECT request. */
CHATROOM_API void chatroom_event_write_authorizer(const struct chatroom_request_info *info, struct chatroom_json *json);

/* ---- results --------------------------------------------------------------------------------------------------------
 */

/* The result of a proxy integration. Spans point into the text or the caller's buffer. */
struct chatroom_proxy_result {
    uint16_t status;
    bool has_body;
    chatroom_span body;        /* decoded: from JSON, and from base64 if isBase64Encoded says so */
    chatroom_span subprotocol; /* Sec-WebSocket-Protocol among the headers, in any case of letters; or empty */
};

/*
 * Reads one. buffer must hold text.size bytes. Errors: EJSON not JSON; EINVAL malformed: not an object, an unknown key,
 * no or no sensible statusCode (100 to 599, a number or a string of digits), a body that is no string or no base64,
 * headers of another shape.
 */
CHATROOM_API int chatroom_event_read_proxy(chatroom_span text, char *buffer, struct chatroom_proxy_result *ret_result);

/*
 * Ends a request as API Gateway does with a proxy result, and is what the handler then returns. On $connect 2xx lets
 * the connection in, with the subprotocol, and another status refuses it with just that. On a two-way route the body is
 * sent as one text message, whatever the status; on another one it is dropped, which is logged. On $disconnect nothing
 * happens. A body of a two-way route that is not UTF-8 fails with EFAILED. Owner's thread, in a handler.
 */
CHATROOM_API int chatroom_finish(chatroom_request *request, const struct chatroom_proxy_result *result);

/*
 * Whether what a function returned is an error object instead of a result: an object with a string errorMessage and no
 * statusCode. *ret_message (may be NULL) is that message, decoded into buffer, which must hold text.size bytes.
 */
CHATROOM_API bool chatroom_event_is_error(chatroom_span text, char *buffer, chatroom_span *ret_message);

#define CHATROOM_AUTHORIZER_RESULT_MOST 8192 /* bytes */

struct chatroom_authorizer_result {
    bool allowed;            /* by its policy document, for that method ARN */
    chatroom_span principal; /* principalId, decoded */
    chatroom_span usage_key; /* usageIdentifierKey, decoded, or empty */
    chatroom_span context;   /* the raw object, or empty */
};

/*
 * Reads the result of an authorizer, and evaluates its policy for "execute-api:Invoke" on method_arn. buffer must hold
 * text.size bytes. Errors: EJSON, EINVAL wrong shape, too long, or a context with an array, an object or a null.
 */
CHATROOM_API int chatroom_event_read_authorizer(chatroom_span text, chatroom_span method_arn, char *buffer,
                                                struct chatroom_authorizer_result *ret_result);

/*
 * The object that later events carry as requestContext.authorizer: principalId, integrationLatency (a number), then the
 * context, its values as strings.
 */
CHATROOM_API void chatroom_event_write_authorization(const struct chatroom_authorizer_result *result,
                                                     int64_t latency_ms, struct chatroom_json *json);

#ifdef __cplusplus
}
#endif

#endif
