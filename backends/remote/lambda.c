/*
 * Functions, over the Invoke API of AWS Lambda, which the runtime interface emulator speaks as well: with one call at a
 * time, and with status 200 and no header for what failed.
 */
#include "function.h"
#include "target.h"
#include "url.h"
#include "variables.h"

#include <chatroom/event.h>

static const char no_memory[] = "There is not enough memory for a target.";

/* ---- a target ---- */

static bool is_endpoint(const char *endpoint)
{
    struct remote_url url;

    return remote_url_parse(chatroom_str(endpoint), &url) && !memchr(endpoint, '?', strlen(endpoint));
}

static bool is_function(const char *text)
{
    struct remote_function function;
    bool any;

    return remote_variables_check(chatroom_str(text), &any) &&
           (any || remote_function_parse(chatroom_str(text), &function));
}

static int check(const struct chatroom_remote_lambda *options, struct chatroom_error *error)
{
    bool any;

    if (!options->function || !is_function(options->function))
        return chatroom_error_set(error, CHATROOM_EINVAL,
                                  "The function must be a name, an ARN or an integration's URI.");
    if (options->endpoint && !is_endpoint(options->endpoint))
        return chatroom_error_set(error, CHATROOM_EINVAL,
                                  "The endpoint of a function must be an http or https URL without a query.");
    if (options->qualifier && !remote_variables_check(chatroom_str(options->qualifier), &any))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The qualifier has something else than stage variables.");
    if (options->serial && !options->endpoint)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A serial target needs an endpoint.");
    return CHATROOM_OK;
}

/* NULL stays NULL. False: out of memory. */
static bool keep(chatroom_remote_target *target, const char *string, const char **ret_kept)
{
    *ret_kept = string ? remote_keep_string(target, string) : NULL;
    return !string || *ret_kept;
}

static bool keep_span(chatroom_remote_target *target, chatroom_span span, chatroom_span *ret_kept)
{
    *ret_kept = chatroom_bytes(remote_keep(target, span.bytes, span.size), span.size);
    return ret_kept->bytes != NULL;
}

static bool keep_key(chatroom_remote_target *target, const struct chatroom_sigv4_key *key)
{
    struct remote_function_target *function = &target->of.function;

    function->signs = key != NULL;
    return !key || (keep_span(target, key->access_key, &function->key.access_key) &&
                    keep_span(target, key->secret, &function->key.secret) &&
                    keep_span(target, key->token, &function->key.token));
}

/* The endpoint as it is compared and written: without slashes at its end. */
static bool keep_endpoint(chatroom_remote_target *target, const char *endpoint)
{
    char *kept;
    size_t size;

    if (!endpoint)
        return true;
    size = strlen(endpoint);
    while (size > 0 && endpoint[size - 1] == '/')
        size--;
    kept = remote_keep(target, NULL, size + 1);
    if (kept)
        memcpy(kept, endpoint, size);
    target->of.function.endpoint = kept;
    return kept != NULL;
}

int remote_function_new(chatroom_remote *remote, enum remote_target_kind kind,
                        const struct chatroom_remote_lambda *options, chatroom_remote_target **ret_target,
                        struct chatroom_error *error)
{
    chatroom_remote_target *target;
    int result;

    result = check(options, error);
    if (result)
        return result;
    target = remote_target_new(remote, kind);
    if (!target || !keep(target, options->function, &target->of.function.function) ||
        !keep(target, options->qualifier, &target->of.function.qualifier) ||
        !keep(target, options->region, &target->of.function.region) || !keep_key(target, options->key) ||
        !keep_endpoint(target, options->endpoint)) {
        remote_target_free(target);
        return chatroom_error_set(error, CHATROOM_ENOMEM, no_memory);
    }
    target->name = target->of.function.function;
    *ret_target = target;
    return CHATROOM_OK;
}

int remote_function_add(chatroom_remote_target *target, const struct chatroom_remote_lambda *options,
                        chatroom_remote_target **ret_target, struct chatroom_error *error)
{
    int result =
        remote_target_add(target, &options->limits, options->serial ? target->of.function.endpoint : NULL, error);

    if (result)
        remote_target_free(target);
    else
        *ret_target = target;
    return result;
}

int chatroom_remote_lambda(chatroom_remote *remote, const struct chatroom_remote_lambda *options,
                           chatroom_remote_target **ret_target, struct chatroom_error *error)
{
    struct chatroom_remote_lambda own;
    chatroom_remote_target *target = NULL;
    int result;

    if (!remote || !ret_target || !remote_take_options(&own, sizeof own, options))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The options of a function are not valid.");
    result = remote_function_new(remote, REMOTE_LAMBDA, &own, &target, error);
    return target ? remote_function_add(target, &own, ret_target, error) : result;
}

/* ---- a call ---- */

static int fail(struct remote_call *call, const char *reason, const char *detail)
{
    call->reason = reason;
    strncpy(call->error, detail, sizeof call->error - 1);
    return CHATROOM_EFAILED;
}

static bool fill_region(const struct remote_function_target *target, const struct remote_function *function,
                        const struct chatroom_api *api, struct remote_call *call)
{
    chatroom_span region = target->region              ? chatroom_str(target->region)
                           : function->region.size > 0 ? function->region
                           : api                       ? api->region
                                                       : chatroom_str("");

    remote_label_set(&call->region, region);
    return region.size > 0;
}

static void write_endpoint(const struct remote_function_target *target, struct remote_call *call)
{
    if (target->endpoint) {
        remote_text_add_str(&call->url, target->endpoint);
        return;
    }
    remote_text_add_str(&call->url, "https://lambda.");
    remote_text_add(&call->url, chatroom_bytes(call->region.bytes, call->region.size));
    remote_text_add_str(&call->url, ".amazonaws.com");
}

/* Expands into scratch; the span lies there. */
static int expand(struct remote_call *call, const char *text, const struct chatroom_api *api, chatroom_span *ret_text)
{
    remote_text_clear(&call->scratch);
    if (!remote_variables_expand(chatroom_str(text), api, &call->scratch))
        return fail(call, "no_variable", text);
    *ret_text = remote_text_span(&call->scratch);
    return call->scratch.failed ? CHATROOM_ENOMEM : CHATROOM_OK;
}

static int write_url(const struct remote_function_target *target, struct remote_call *call,
                     const struct chatroom_api *api)
{
    struct remote_function function;
    chatroom_span text;
    int result = expand(call, target->function, api, &text);

    if (result)
        return result;
    if (!remote_function_parse(text, &function))
        return fail(call, "bad_function", call->scratch.bytes ? call->scratch.bytes : "");
    if (!fill_region(target, &function, api, call) && (target->signs || !target->endpoint))
        return fail(call, "no_region", target->function);
    write_endpoint(target, call);
    remote_text_add_str(&call->url, "/2015-03-31/functions/");
    remote_text_add_encoded(&call->url, function.name);
    remote_text_add_str(&call->url, "/invocations");
    if (!target->qualifier)
        return CHATROOM_OK;
    result = expand(call, target->qualifier, api, &text);
    if (result)
        return result;
    remote_text_add_str(&call->url, "?Qualifier=");
    remote_text_add_encoded(&call->url, text);
    return CHATROOM_OK;
}

static int write_headers(struct remote_call *call)
{
    struct remote_url url;

    if (call->url.failed)
        return CHATROOM_ENOMEM;
    if (!remote_url_parse(remote_text_span(&call->url), &url))
        return fail(call, "bad_url", call->url.bytes);
    remote_add_header(&call->headers, chatroom_str("Host"), url.authority); /* as it is signed */
    remote_add_header(&call->headers, chatroom_str("Content-Type"), chatroom_str("application/json"));
    remote_add_header(&call->headers, chatroom_str("X-Amz-Invocation-Type"), chatroom_str("RequestResponse"));
    remote_add_header(&call->headers, chatroom_str("X-Amz-Log-Type"), chatroom_str("None"));
    remote_text_add(&call->headers, chatroom_bytes("Expect:", sizeof "Expect:"));
    return CHATROOM_OK;
}

static void write_json(bool authorizer, const struct chatroom_request_info *info, chatroom_span body,
                       struct chatroom_json *json)
{
    if (authorizer)
        chatroom_event_write_authorizer(info, json);
    else
        chatroom_event_write(info, body, json);
}

/* The second round, if there is one, has the room that the first one asked for. */
static int write_event(bool authorizer, const struct chatroom_request_info *info, chatroom_span body,
                       struct remote_text *out)
{
    size_t room = 4096 + body.size;
    chatroom_span text;

    for (int round = 0; round < 2; round++) {
        struct chatroom_json json;

        if (!remote_text_reserve(out, room))
            return CHATROOM_ENOMEM;
        json = chatroom_json_on(out->bytes, out->capacity - 1);
        write_json(authorizer, info, body, &json);
        if (chatroom_json_done(&json, &text)) {
            out->size = text.size;
            out->bytes[out->size] = '\0';
            return CHATROOM_OK;
        }
        room = json.size;
    }
    return CHATROOM_ENOMEM;
}

static int write_method_arn(const struct chatroom_api *api, struct remote_text *out)
{
    enum { ARN_MOST = 1024 };
    chatroom_span arn;
    int result;

    if (!remote_text_reserve(out, ARN_MOST))
        return CHATROOM_ENOMEM;
    result = chatroom_event_method_arn(api, chatroom_str("$connect"), out->bytes, ARN_MOST, &arn);
    if (result == CHATROOM_OK)
        out->size = arn.size;
    return result;
}

int remote_lambda_write(const chatroom_remote_target *target, struct remote_call *call,
                        const struct chatroom_request_info *info, chatroom_span body)
{
    bool authorizer = target->kind == REMOTE_AUTHORIZER;
    int result = write_url(&target->of.function, call, info->api);

    if (result == CHATROOM_OK)
        result = write_headers(call);
    if (result)
        return result;
    call->method = "POST";
    call->response_most = target->remote->response_bytes;
    if (authorizer) {
        call->response_most = CHATROOM_AUTHORIZER_RESULT_MOST;
        result = write_method_arn(info->api, &call->method_arn);
    }
    return result ? result : write_event(authorizer, info, body, &call->body);
}

int remote_function_sign(struct remote_call *call, int64_t wall_ms)
{
    const chatroom_remote_target *target = call->target;
    const struct chatroom_sigv4_key *key = &target->of.function.key;
    char date[CHATROOM_SIGV4_DATE_SIZE], authorization[CHATROOM_SIGV4_AUTHORIZATION_MOST];
    struct chatroom_sigv4_scope scope = {chatroom_bytes(call->region.bytes, call->region.size), chatroom_str("lambda"),
                                         wall_ms, 0};
    struct chatroom_header host = {.name = chatroom_str("Host")};
    struct chatroom_sigv4_request request = {chatroom_str("POST"), {NULL, 0}, &host, 1, remote_text_span(&call->body)};
    struct remote_url url;

    if (!target->of.function.signs)
        return CHATROOM_OK;
    if (!remote_url_parse(remote_text_span(&call->url), &url))
        return fail(call, "bad_url", call->url.bytes);
    host.value = url.authority;
    request.target = url.target;
    if (chatroom_sigv4_sign(&request, &scope, key, date, authorization))
        return fail(call, "not_signed", "the request cannot be signed with this key");
    remote_text_clear(&call->signature);
    remote_add_header(&call->signature, chatroom_str("X-Amz-Date"), chatroom_str(date));
    if (key->token.size > 0)
        remote_add_header(&call->signature, chatroom_str("X-Amz-Security-Token"), key->token);
    remote_add_header(&call->signature, chatroom_str("Authorization"), chatroom_str(authorization));
    return CHATROOM_OK;
}

/* ---- its response ---- */

int remote_function_failed(struct remote_call *call, bool *ret_failed, chatroom_span *ret_detail)
{
    chatroom_span text = remote_text_span(&call->response);

    remote_text_clear(&call->scratch);
    if (!remote_text_reserve(&call->scratch, text.size))
        return CHATROOM_ENOMEM;
    *ret_detail = text;
    *ret_failed = chatroom_event_is_error(text, call->scratch.bytes, ret_detail) || call->function_error;
    return CHATROOM_OK;
}

static void read_result(struct remote_call *call, struct remote_outcome *outcome)
{
    chatroom_span text = remote_text_span(&call->response), detail;
    struct chatroom_error error;
    bool failed;

    if (call->status != 200) {
        remote_outcome_fail(outcome, CHATROOM_EFAILED, "status", text);
        return;
    }
    if (remote_function_failed(call, &failed, &detail)) {
        remote_outcome_fail(outcome, CHATROOM_ENOMEM, "out_of_memory", chatroom_str(""));
        return;
    }
    if (failed)
        remote_outcome_fail(outcome, CHATROOM_EFAILED, "function_error", detail);
    else if (chatroom_event_read_proxy(text, call->scratch.bytes, &outcome->proxy, &error))
        remote_outcome_malformed(outcome, call, &error);
}

const struct remote_kind remote_lambda_kind = {.sign = remote_function_sign, .read = read_result};
