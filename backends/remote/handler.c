#include "handler.h"

#include "log.h"

#include <chatroom/utf8.h>

#include <stdio.h>

/* ---- the end ---- */

/* False: out of memory. */
static bool copy(chatroom_request *request, chatroom_span *span)
{
    char *bytes;

    if (span->size == 0)
        return true;
    bytes = chatroom_request_memory(request, span->size);
    if (!bytes)
        return false;
    memcpy(bytes, span->bytes, span->size);
    span->bytes = bytes;
    return true;
}

/* What the log says of it, for the core's log and for who debugs: as much as fits. */
static void tell(chatroom_request *request, const struct remote_outcome *outcome)
{
    char text[512];
    int size = snprintf(text, sizeof text, "%s%s%.*s", outcome->reason, outcome->detail.size > 0 ? ": " : "",
                        (int)(outcome->detail.size < 400 ? outcome->detail.size : 400), outcome->detail.bytes);

    while (size > 0 && !chatroom_utf8_valid(chatroom_bytes(text, (size_t)size)))
        size--; /* it was cut inside a character */
    (void)chatroom_request_detail(request, chatroom_bytes(text, (size_t)size));
}

static void done(struct remote_call *call, const struct remote_outcome *outcome)
{
    struct remote_answer *answer = call->arg;
    struct remote_outcome *kept = &answer->outcome;

    *kept = *outcome;
    if (outcome->reason)
        tell(answer->request, outcome);
    if (!copy(answer->request, &kept->proxy.body) || !copy(answer->request, &kept->proxy.subprotocol) ||
        !copy(answer->request, &kept->authorization) || !copy(answer->request, &kept->usage_key)) {
        kept->result = CHATROOM_ENOMEM;
        kept->status = 0;
    }
    chatroom_request_resume(answer->request, answer->then, answer);
}

/* ---- the beginning ---- */

static const struct remote_kind *kind_of(const chatroom_remote_target *target)
{
    return target->kind == REMOTE_HTTP         ? &remote_http_kind
           : target->kind == REMOTE_AUTHORIZER ? &remote_authorizer_kind
                                               : &remote_lambda_kind;
}

static struct remote_call *call_for(const chatroom_remote_target *target, const struct chatroom_request_info *info)
{
    struct remote_call *call = remote_call_new(&target->remote->alloc, kind_of(target), target);

    if (!call)
        return NULL;
    call->lane = target->lane;
    call->done = done;
    call->timeout_ms = target->timeout_ms;
    call->tries = info->event == CHATROOM_DISCONNECT ? target->retries : 0;
    call->name = target->name;
    remote_label_set(&call->connection_id, info->connection_id);
    remote_label_set(&call->request_id, info->request_id);
    remote_label_set(&call->route_key, info->route_key);
    return call;
}

static int write_call(chatroom_request *request, const chatroom_remote_target *target, struct remote_call *call)
{
    const struct chatroom_request_info *info = chatroom_request_info(request);
    chatroom_span body = chatroom_request_body(request), url;
    int result;

    if (target->kind != REMOTE_HTTP)
        return remote_lambda_write(target, call, info, body);
    result = chatroom_request_callback_url(request, &url);
    return result ? result : remote_http_write(target, call, info, body, url);
}

static void log_refused(chatroom_request *request, const struct chatroom_remote *remote, struct remote_call *call,
                        int result)
{
    struct remote_outcome outcome = {.result = result,
                                     .reason = call->reason                ? call->reason
                                               : result == CHATROOM_EAGAIN ? "too_many_calls"
                                                                           : "out_of_memory",
                                     .detail = chatroom_str(call->error)};

    remote_log_failed(remote, call, &outcome, 0);
    tell(request, &outcome);
}

int remote_begin(chatroom_request *request, const chatroom_remote_target *target, chatroom_handler_fn *then)
{
    struct remote_answer *answer = chatroom_request_memory(request, sizeof *answer);
    struct remote_call *call = answer ? call_for(target, chatroom_request_info(request)) : NULL;
    int result;

    if (!call)
        return CHATROOM_ENOMEM;
    *answer = (struct remote_answer){.request = request, .then = then};
    call->arg = answer;
    result = write_call(request, target, call);
    if (result == CHATROOM_OK)
        result = remote_ask(target->remote, call);
    if (result) {
        log_refused(request, target->remote, call, result);
        remote_call_free(call);
        return result;
    }
    chatroom_request_defer(request);
    return CHATROOM_OK;
}

/* ---- a route ---- */

static int finish(chatroom_request *request, void *arg)
{
    const struct remote_answer *answer = arg;

    return answer->outcome.result ? answer->outcome.result : chatroom_finish(request, &answer->outcome.proxy);
}

int chatroom_remote_handler(chatroom_request *request, void *arg)
{
    const chatroom_remote_target *target = arg;

    if (!target || target->kind == REMOTE_AUTHORIZER)
        return CHATROOM_EINVAL;
    return target->kind == REMOTE_MOCK ? chatroom_finish(request, &target->of.mock)
                                       : remote_begin(request, target, finish);
}
