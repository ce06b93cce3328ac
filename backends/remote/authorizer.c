/*
 * REQUEST authorizers: functions that say who may connect.
 */
#include "handler.h"

#include <chatroom/event.h>

#include <stdio.h>

/* ---- a target ---- */

static int keep_sources(chatroom_remote_target *target, const char *const *expressions, size_t count,
                        struct chatroom_error *error)
{
    chatroom_span *sources = remote_keep(target, NULL, count * sizeof *sources);
    int result = sources ? CHATROOM_OK : CHATROOM_ENOMEM;

    for (size_t i = 0; result == CHATROOM_OK && i < count; i++) {
        result = chatroom_event_check_identity(chatroom_str(expressions[i]), error);
        if (result == CHATROOM_OK)
            sources[i] = chatroom_str(remote_keep_string(target, expressions[i])); /* of NULL: empty */
        if (result == CHATROOM_OK && !sources[i].bytes)
            result = CHATROOM_ENOMEM;
    }
    target->of.function.identity = sources;
    target->of.function.identity_count = count;
    return result == CHATROOM_ENOMEM
               ? chatroom_error_set(error, CHATROOM_ENOMEM, "There is not enough memory for a target.")
               : result;
}

int chatroom_remote_authorizer_target(chatroom_remote *remote, const struct chatroom_remote_lambda *options,
                                      const char *const *sources, size_t source_count,
                                      chatroom_remote_target **ret_target, struct chatroom_error *error)
{
    struct chatroom_remote_lambda own;
    chatroom_remote_target *target;
    int result;

    if (!remote || !ret_target || !remote_take_options(&own, sizeof own, options))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The options of a function are not valid.");
    result = remote_function_new(remote, REMOTE_AUTHORIZER, &own, &target, error);
    if (result)
        return result;
    result = keep_sources(target, sources, source_count, error);
    if (result) {
        remote_target_free(target);
        return result;
    }
    return remote_function_add(target, &own, ret_target, error);
}

/* ---- its result ---- */

static void refuse(struct remote_outcome *outcome, uint16_t status)
{
    outcome->result = CHATROOM_EREFUSED;
    outcome->status = status;
}

/* The request was sent, and its body is not needed again. */
static void allow(struct remote_call *call, const struct chatroom_authorizer_result *result,
                  struct remote_outcome *outcome)
{
    int64_t latency_ms = (int64_t)((call->ended_ns - call->began_ns) / 1000000);
    size_t room = 512 + 6 * call->response.size; /* values become strings: escapes of escapes at worst */
    struct chatroom_json json;

    remote_text_clear(&call->body);
    if (!remote_text_reserve(&call->body, room)) {
        remote_outcome_fail(outcome, CHATROOM_ENOMEM, "out_of_memory", chatroom_str(""));
        return;
    }
    json = chatroom_json_on(call->body.bytes, room);
    chatroom_event_write_authorization(result, latency_ms, &json);
    if (!chatroom_json_done(&json, &outcome->authorization))
        remote_outcome_fail(outcome, CHATROOM_EFAILED, "too_big", chatroom_str(""));
    outcome->usage_key = result->usage_key;
}

static void read_verdict(struct remote_call *call, struct remote_outcome *outcome)
{
    chatroom_span text = remote_text_span(&call->response), message;
    struct chatroom_authorizer_result result;
    struct chatroom_error error;
    bool failed;

    if (call->status != 200)
        remote_outcome_fail(outcome, CHATROOM_EFAILED, "status", text);
    else if (remote_function_failed(call, &failed, &message))
        remote_outcome_fail(outcome, CHATROOM_ENOMEM, "out_of_memory", chatroom_str(""));
    else if (failed && chatroom_span_equal(message, chatroom_str("Unauthorized")))
        refuse(outcome, 401);
    else if (failed)
        remote_outcome_fail(outcome, CHATROOM_EFAILED, "function_error", message);
    else if (chatroom_event_read_authorizer(text, remote_text_span(&call->method_arn), call->scratch.bytes, &result,
                                            &error))
        remote_outcome_malformed(outcome, call, &error);
    else if (!result.allowed)
        refuse(outcome, 403);
    else
        allow(call, &result, outcome);
}

const struct remote_kind remote_authorizer_kind = {.sign = remote_function_sign, .read = read_verdict};

/* ---- a request ---- */

static void tell_missing(chatroom_request *request, chatroom_span source)
{
    char text[256];
    int size = snprintf(text, sizeof text, "The identity source %.*s is missing.", (int)source.size, source.bytes);

    if (size > 0 && (size_t)size < sizeof text)
        (void)chatroom_request_detail(request, chatroom_bytes(text, (size_t)size));
}

static bool is_identified(chatroom_request *request, const chatroom_remote_target *target)
{
    const struct remote_function_target *function = &target->of.function;

    for (size_t i = 0; i < function->identity_count; i++)
        if (!chatroom_event_has_identity(chatroom_request_info(request), function->identity[i])) {
            tell_missing(request, function->identity[i]);
            return false;
        }
    return true;
}

static int refused(chatroom_request *request, int result, unsigned status)
{
    chatroom_request_status(request, (uint16_t)status);
    return result;
}

static int conclude(chatroom_request *request, void *arg)
{
    const struct remote_outcome *outcome = &((const struct remote_answer *)arg)->outcome;
    int result = outcome->result;

    if (result)
        return refused(request, result, outcome->status > 0 ? outcome->status : 500);
    result = chatroom_request_authorize(request, outcome->authorization);
    if (result == CHATROOM_OK && outcome->usage_key.size > 0)
        result = chatroom_request_usage_key(request, outcome->usage_key);
    return result ? refused(request, result, 500) : CHATROOM_OK;
}

int chatroom_remote_authorizer(chatroom_request *request, void *arg)
{
    const chatroom_remote_target *target = arg;
    int result;

    if (!target || target->kind != REMOTE_AUTHORIZER)
        return refused(request, CHATROOM_EINVAL, 500);
    if (!is_identified(request, target))
        return refused(request, CHATROOM_EREFUSED, 401);
    result = remote_begin(request, target, conclude);
    return result ? refused(request, result, result == CHATROOM_EAGAIN ? 429 : 500) : CHATROOM_OK;
}
