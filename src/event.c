#include <chatroom/event.h>

#include "base64.h"
#include "clf.h"
#include "event_maps.h"
#include "loose.h"

static void write_text(struct chatroom_json *json, const char *name, chatroom_span text)
{
    chatroom_json_name(json, name);
    cr_loose_string(json, text);
}

static void write_number(struct chatroom_json *json, const char *name, int64_t number)
{
    chatroom_json_name(json, name);
    chatroom_json_number(json, number);
}

static void write_flag(struct chatroom_json *json, const char *name, bool flag)
{
    chatroom_json_name(json, name);
    chatroom_json_raw(json, chatroom_str(flag ? "true" : "false"));
}

/* ---- requestContext ---- */

static chatroom_span route_key(const struct chatroom_request_info *info)
{
    if (info->event == CHATROOM_MESSAGE)
        return info->route_key;
    return chatroom_str(info->event == CHATROOM_CONNECT ? "$connect" : "$disconnect");
}

static const char *event_type(enum chatroom_event event)
{
    return event == CHATROOM_CONNECT ? "CONNECT" : event == CHATROOM_MESSAGE ? "MESSAGE" : "DISCONNECT";
}

/* What the service says of an end for which nobody gave a reason. */
static chatroom_span close_reason(const struct chatroom_request_info *info)
{
    if (info->close_reason.size > 0)
        return info->close_reason;
    if (info->cause == CHATROOM_CAUSE_CLIENT)
        return chatroom_str(info->close_code == 1005 ? "Client-side close frame status not set" : "");
    if (info->cause != CHATROOM_CAUSE_SERVER)
        return chatroom_str("");
    return chatroom_str(info->close_code == 1000   ? "Connection Closed Normally"
                        : info->close_code == 1001 ? "Going away"
                                                   : "");
}

static void write_about_event(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    char time[CR_CLF_SIZE + 1];

    write_text(json, "eventType", chatroom_str(event_type(info->event)));
    if (info->event == CHATROOM_MESSAGE)
        write_text(json, "messageId", info->message_id);
    if (info->event == CHATROOM_DISCONNECT) {
        write_number(json, "disconnectStatusCode", info->close_code);
        write_text(json, "disconnectReason", close_reason(info));
    }
    write_text(json, "requestId", info->request_id);
    write_text(json, "extendedRequestId", info->request_id);
    cr_clf(info->time_ms, time);
    write_text(json, "requestTime", chatroom_str(time));
    write_number(json, "requestTimeEpoch", info->time_ms);
    write_text(json, "messageDirection", chatroom_str("IN"));
}

/* Who the client is, as far as it was found out without an authorizer. */
static void write_identity(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    chatroom_json_name(json, "identity");
    chatroom_json_open(json, '{');
    write_text(json, "sourceIp", info->source_ip);
    if (info->user_agent.size > 0)
        write_text(json, "userAgent", info->user_agent);
    chatroom_json_close(json, '}');
}

static void write_callback_url(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    struct cr_loose url;

    chatroom_json_name(json, "callbackUrl");
    cr_loose_open(&url, json);
    cr_loose_add(&url, chatroom_str(info->api->secure ? "https://" : "http://"));
    cr_loose_add(&url, info->domain_name);
    cr_loose_add(&url, chatroom_str(info->domain_path.size > 0 ? "/" : ""));
    cr_loose_add(&url, info->domain_path);
    cr_loose_close(&url);
}

static void write_about_connection(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    write_text(json, "connectionId", info->connection_id);
    write_number(json, "connectedAt", info->connected_at_ms);
    write_text(json, "apiId", info->api->id);
    write_text(json, "stage", info->api->stage);
    write_text(json, "domainName", info->domain_name);
    if (info->domain_name.size > 0)
        write_callback_url(info, json);
    write_identity(info, json);
    if (info->authorizer.size > 0) {
        chatroom_json_name(json, "authorizer");
        chatroom_json_raw(json, info->authorizer);
    }
}

static void write_context(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    chatroom_json_name(json, "requestContext");
    chatroom_json_open(json, '{');
    write_text(json, "routeKey", route_key(info));
    write_about_event(info, json);
    write_about_connection(info, json);
    chatroom_json_close(json, '}');
}

/* ---- the three events ---- */

static void write_stage_variables(const struct chatroom_api *api, struct chatroom_json *json)
{
    chatroom_json_name(json, "stageVariables");
    chatroom_json_open(json, '{');
    for (size_t i = 0; i < api->variable_count; i++) {
        struct cr_loose name;

        cr_loose_open(&name, json);
        cr_loose_add(&name, api->variables[i].name);
        cr_loose_close_name(&name);
        cr_loose_string(json, api->variables[i].value);
    }
    chatroom_json_close(json, '}');
}

static void write_connect(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    cr_maps_write_headers(info, false, json);
    if (cr_maps_has_query(info))
        cr_maps_write_query(info, json);
    if (info->api->variable_count > 0)
        write_stage_variables(info->api, json);
    write_context(info, json);
    write_flag(json, "isBase64Encoded", false);
}

static void write_message(const struct chatroom_request_info *info, chatroom_span body, struct chatroom_json *json)
{
    bool binary = info->kind == CHATROOM_BINARY_MESSAGE;

    write_context(info, json);
    chatroom_json_name(json, "body");
    if (binary)
        cr_base64_write(json, body);
    else
        chatroom_json_string(json, body);
    write_flag(json, "isBase64Encoded", binary);
}

/* The headers of a request are not kept for so long: the service shows these four. */
static void write_last_headers(const struct chatroom_request_info *info, const char *name, bool multi,
                               struct chatroom_json *json)
{
    const struct chatroom_variable headers[] = {{chatroom_str("Host"), info->domain_name},
                                                {chatroom_str("x-api-key"), chatroom_str("")},
                                                {chatroom_str("X-Forwarded-For"), chatroom_str("")},
                                                {chatroom_str("x-restapi"), chatroom_str("")}};

    chatroom_json_name(json, name);
    chatroom_json_open(json, '{');
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        chatroom_json_name(json, headers[i].name.bytes);
        if (multi)
            chatroom_json_open(json, '[');
        cr_loose_string(json, headers[i].value);
        if (multi)
            chatroom_json_close(json, ']');
    }
    chatroom_json_close(json, '}');
}

static void write_disconnect(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    write_last_headers(info, "headers", false, json);
    write_last_headers(info, "multiValueHeaders", true, json);
    write_context(info, json);
    write_flag(json, "isBase64Encoded", false);
}

void chatroom_event_write(const struct chatroom_request_info *info, chatroom_span body, struct chatroom_json *json)
{
    chatroom_json_open(json, '{');
    switch (info->event) { /* not reached: any other */
    case CHATROOM_CONNECT:
        write_connect(info, json);
        break;
    case CHATROOM_MESSAGE:
        write_message(info, body, json);
        break;
    case CHATROOM_DISCONNECT:
        write_disconnect(info, json);
        break;
    }
    chatroom_json_close(json, '}');
}

/* ---- authorizers ---- */

enum { ARN_PARTS = 10 };

static void arn_parts(const struct chatroom_api *api, chatroom_span resource, chatroom_span ret_parts[ARN_PARTS])
{
    const chatroom_span parts[ARN_PARTS] = {chatroom_str("arn:aws:execute-api:"),
                                            api->region,
                                            chatroom_str(":"),
                                            api->account_id,
                                            chatroom_str(":"),
                                            api->id,
                                            chatroom_str("/"),
                                            api->stage,
                                            chatroom_str("/"),
                                            resource};

    memcpy(ret_parts, parts, sizeof parts);
}

int chatroom_event_method_arn(const struct chatroom_api *api, chatroom_span resource, char *buffer, size_t capacity,
                              chatroom_span *ret_arn)
{
    chatroom_span parts[ARN_PARTS];
    struct chatroom_json text = chatroom_json_on(buffer, capacity);

    arn_parts(api, resource, parts);
    for (size_t i = 0; i < ARN_PARTS; i++)
        chatroom_json_literal(&text, parts[i]);
    return chatroom_json_done(&text, ret_arn) ? CHATROOM_OK : CHATROOM_ETOOBIG;
}

static void write_method_arn(const struct chatroom_api *api, struct chatroom_json *json)
{
    chatroom_span parts[ARN_PARTS];
    struct cr_loose arn;

    arn_parts(api, chatroom_str("$connect"), parts);
    chatroom_json_name(json, "methodArn");
    cr_loose_open(&arn, json);
    for (size_t i = 0; i < ARN_PARTS; i++)
        cr_loose_add(&arn, parts[i]);
    cr_loose_close(&arn);
}

void chatroom_event_write_authorizer(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    chatroom_json_open(json, '{');
    write_text(json, "type", chatroom_str("REQUEST"));
    write_method_arn(info->api, json);
    cr_maps_write_headers(info, true, json);
    cr_maps_write_query(info, json);
    write_stage_variables(info->api, json);
    write_context(info, json);
    chatroom_json_close(json, '}');
}
