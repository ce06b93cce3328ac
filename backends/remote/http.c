/*
 * HTTP servers: a message goes out as it is, and what comes back is the result, perhaps by rules.
 */
#include "status.h"
#include "target.h"
#include "url.h"
#include "variables.h"

/* ---- a target ---- */

static bool is_url(const char *text)
{
    struct remote_url url;
    bool any;

    return remote_variables_check(chatroom_str(text), &any) && (any || remote_url_parse(chatroom_str(text), &url));
}

static bool is_field(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool is_response(const struct chatroom_remote_response *response)
{
    return response->key && remote_status_key_valid(chatroom_str(response->key)) &&
           (response->status == 0 || (response->status >= 200 && response->status <= 599));
}

static int check_parts(const struct chatroom_remote_http *options, struct chatroom_error *error)
{
    struct remote_mapping mapping;

    for (size_t i = 0; i < options->mapping_count; i++)
        if (!options->mappings[i].destination || !options->mappings[i].source ||
            !remote_mapping_parse(chatroom_str(options->mappings[i].destination),
                                  chatroom_str(options->mappings[i].source), &mapping))
            return chatroom_error_set(error, CHATROOM_EINVAL, "A mapping is not one that this version knows.");
    for (size_t i = 0; i < options->response_count; i++)
        if (!is_response(&options->responses[i]))
            return chatroom_error_set(error, CHATROOM_EINVAL,
                                      "The key of a response must be $default, a status or a pattern like /4\\d\\d/.");
    return CHATROOM_OK;
}

static int check(const struct chatroom_remote_http *options, struct chatroom_error *error)
{
    if (options->method && !remote_is_token(chatroom_str(options->method)))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The method is not one of HTTP.");
    if (!options->url || !is_url(options->url))
        return chatroom_error_set(error, CHATROOM_EINVAL,
                                  "The URL must be one of http or https, without user and fragment.");
    if (options->content_type && !is_field(options->content_type))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The content type holds a control character.");
    return check_parts(options, error);
}

/* The kept strings; a mapping points into them. */
static bool keep_mappings(chatroom_remote_target *target, const struct chatroom_remote_http *options)
{
    struct remote_mapping *mappings = remote_keep(target, NULL, options->mapping_count * sizeof *mappings);

    if (!mappings)
        return false;
    for (size_t i = 0; i < options->mapping_count; i++) {
        const char *destination = remote_keep_string(target, options->mappings[i].destination);
        const char *source = remote_keep_string(target, options->mappings[i].source);

        if (!destination || !source ||
            !remote_mapping_parse(chatroom_str(destination), chatroom_str(source), &mappings[i]))
            return false;
    }
    target->of.http.mappings = mappings;
    target->of.http.mapping_count = options->mapping_count;
    return true;
}

static bool keep_rules(chatroom_remote_target *target, const struct chatroom_remote_http *options)
{
    struct remote_response_rule *rules = remote_keep(target, NULL, options->response_count * sizeof *rules);

    if (!rules)
        return false;
    for (size_t i = 0; i < options->response_count; i++) {
        const struct chatroom_remote_response *response = &options->responses[i];

        rules[i].key = chatroom_str(remote_keep_string(target, response->key)); /* of NULL: empty */
        rules[i].status = response->status;
        rules[i].body = response->body ? remote_keep_string(target, response->body) : NULL;
        if (!rules[i].key.bytes || (response->body && !rules[i].body))
            return false;
    }
    target->of.http.rules = rules;
    target->of.http.rule_count = options->response_count;
    return true;
}

static bool keep_all(chatroom_remote_target *target, const struct chatroom_remote_http *options)
{
    struct remote_http_target *http = &target->of.http;

    http->method = remote_keep_string(target, options->method ? options->method : "POST");
    http->url = remote_keep_string(target, options->url);
    http->content_type = remote_keep_string(target, options->content_type ? options->content_type : "application/json");
    target->name = http->url;
    return http->method && http->url && http->content_type && keep_mappings(target, options) &&
           keep_rules(target, options);
}

static int make(chatroom_remote *remote, const struct chatroom_remote_http *options,
                chatroom_remote_target **ret_target, struct chatroom_error *error)
{
    chatroom_remote_target *target = remote_target_new(remote, REMOTE_HTTP);
    int result;

    if (!target || !keep_all(target, options))
        result = chatroom_error_set(error, CHATROOM_ENOMEM, "There is not enough memory for a target.");
    else
        result = remote_target_add(target, &options->limits, NULL, error);
    if (result)
        remote_target_free(target);
    else
        *ret_target = target;
    return result;
}

int chatroom_remote_http(chatroom_remote *remote, const struct chatroom_remote_http *options,
                         chatroom_remote_target **ret_target, struct chatroom_error *error)
{
    struct chatroom_remote_http own;
    int result;

    if (!remote || !ret_target || !remote_take_options(&own, sizeof own, options))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The options of an HTTP target are not valid.");
    result = check(&own, error);
    return result ? result : make(remote, &own, ret_target, error);
}

/* ---- a call ---- */

/* T26: without the query of the URL, which is told to the log and maybe to a client. */
static int fail(struct remote_call *call, const char *reason, const char *url)
{
    call->reason = reason;
    snprintf(call->error, sizeof call->error, "%.*s", (int)strcspn(url, "?"), url);
    return CHATROOM_EFAILED;
}

static bool has_body(const struct remote_http_target *http, const struct chatroom_request_info *info)
{
    return info->event == CHATROOM_MESSAGE && strcmp(http->method, "GET") != 0 && strcmp(http->method, "HEAD") != 0;
}

static int write_url(const struct remote_http_target *http, struct remote_call *call,
                     const struct chatroom_request_info *info, chatroom_span body)
{
    struct remote_url url;

    if (!remote_variables_expand(chatroom_str(http->url), info->api, &call->url))
        return fail(call, "no_variable", http->url);
    for (size_t i = 0; i < http->mapping_count; i++)
        remote_mapping_add_query(&http->mappings[i], info, body, &call->scratch, &call->url);
    if (call->url.failed || call->scratch.failed)
        return CHATROOM_ENOMEM;
    if (!remote_url_parse(remote_text_span(&call->url), &url))
        return fail(call, "bad_url", call->url.bytes);
    return CHATROOM_OK;
}

/* What a server needs to answer by itself. */
static void write_facts(struct remote_text *headers, const struct chatroom_request_info *info,
                        chatroom_span callback_url)
{
    static const char *const events[] = {"CONNECT", "MESSAGE", "DISCONNECT"};
    const struct chatroom_header facts[] = {
        {chatroom_str("X-Connection-Id"), info->connection_id},
        {chatroom_str("X-Request-Id"), info->request_id},
        {chatroom_str("X-Event-Type"), chatroom_str(events[info->event])},
        {chatroom_str("X-Route-Key"), info->route_key},
        {chatroom_str("X-Stage"), info->api ? info->api->stage : chatroom_str("")},
        {chatroom_str("X-Domain-Name"), info->domain_name},
        {chatroom_str("X-Callback-Url"), callback_url},
    };

    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        remote_add_header(headers, facts[i].name, facts[i].value);
}

static void write_content_type(const struct remote_http_target *http, struct remote_call *call,
                               const struct chatroom_request_info *info)
{
    if (!has_body(http, info))
        remote_text_add(&call->headers, chatroom_bytes("Content-Type:", sizeof "Content-Type:")); /* none */
    else if (info->kind == CHATROOM_BINARY_MESSAGE)
        remote_add_header(&call->headers, chatroom_str("Content-Type"), chatroom_str("application/octet-stream"));
    else
        remote_add_header(&call->headers, chatroom_str("Content-Type"), chatroom_str(http->content_type));
}

int remote_http_write(const chatroom_remote_target *target, struct remote_call *call,
                      const struct chatroom_request_info *info, chatroom_span body, chatroom_span callback_url)
{
    const struct remote_http_target *http = &target->of.http;
    int result = write_url(http, call, info, body);

    if (result)
        return result;
    call->method = http->method;
    call->response_most = target->remote->response_bytes;
    write_content_type(http, call, info);
    remote_text_add(&call->headers, chatroom_bytes("Expect:", sizeof "Expect:"));
    write_facts(&call->headers, info, callback_url);
    for (size_t i = 0; i < http->mapping_count; i++)
        remote_mapping_add_headers(&http->mappings[i], info, body, &call->scratch, &call->headers);
    if (has_body(http, info))
        remote_text_add(&call->body, body);
    return remote_call_failed(call) ? CHATROOM_ENOMEM : CHATROOM_OK;
}

/* ---- its response ---- */

static void take_own(const struct remote_call *call, struct chatroom_proxy_result *result)
{
    result->status = (uint16_t)call->status;
    result->body = remote_text_span(&call->response);
    result->has_body = call->response.size > 0;
}

/* The first that fits; "$default" fits when no other does. NULL: none. */
static const struct remote_response_rule *rule_for(const struct remote_http_target *http, unsigned status)
{
    const struct remote_response_rule *otherwise = NULL;

    for (size_t i = 0; i < http->rule_count; i++) {
        const struct remote_response_rule *rule = &http->rules[i];

        if (chatroom_span_equal(rule->key, chatroom_str("$default")))
            otherwise = otherwise ? otherwise : rule;
        else if (remote_status_key_fits(rule->key, status))
            return rule;
    }
    return otherwise;
}

/* False: no rule fits. */
static bool apply_rules(const struct remote_http_target *http, unsigned status, struct chatroom_proxy_result *result)
{
    const struct remote_response_rule *rule = rule_for(http, status);

    if (!rule)
        return http->rule_count == 0;
    if (rule->status > 0)
        result->status = rule->status;
    if (rule->body) {
        result->body = chatroom_str(rule->body);
        result->has_body = result->body.size > 0;
    }
    return true;
}

static void read_response(struct remote_call *call, struct remote_outcome *outcome)
{
    const chatroom_remote_target *target = call->target;

    take_own(call, &outcome->proxy);
    if (call->status >= 400) {
        outcome->reason = "status";
        outcome->detail = chatroom_str("");
    }
    if (!apply_rules(&target->of.http, call->status, &outcome->proxy))
        remote_outcome_fail(outcome, CHATROOM_EFAILED, "no_response",
                            chatroom_str("no response's key fits the status"));
}

const struct remote_kind remote_http_kind = {.read = read_response};
