#include "log.h"

static chatroom_span text_of(const struct remote_label *label)
{
    return chatroom_bytes(label->bytes, label->size);
}

/* T26: the query of a URL may be what lets a call in. */
static chatroom_span without_query(const char *url)
{
    return chatroom_bytes(url, strcspn(url, "?"));
}

void remote_log_failed(const chatroom_remote *remote, const struct remote_call *call,
                       const struct remote_outcome *outcome, unsigned again_ms)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("target", without_query(call->name)),
        CHATROOM_TEXT("route", text_of(&call->route_key)),
        CHATROOM_TEXT("connection", text_of(&call->connection_id)),
        CHATROOM_TEXT("request", text_of(&call->request_id)),
        CHATROOM_TEXT("reason", chatroom_str(outcome->reason)),
        CHATROOM_TEXT("detail", outcome->detail.bytes ? outcome->detail : chatroom_str("")),
        CHATROOM_NUMBER("http_status", call->status),
        CHATROOM_NUMBER("again_ms", again_ms),
    };

    if (remote->log)
        remote->log(remote->log_arg, CHATROOM_LOG_WARN,
                    call->method_arn.size > 0 ? "authorizer_failed" : "integration_failed", fields,
                    sizeof fields / sizeof *fields);
}
