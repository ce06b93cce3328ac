/*
 * gateway.c: a gateway in C: who may come, what each route may do, and an API to manage connections.
 *
 *     cc gateway.c -o gateway $(pkg-config --cflags --libs chatroom)
 *
 * gateway [ADDR:PORT] lets in who says a name (ws://ADDR:PORT/production?name=ann) and understands
 *
 *     {"action":"whoami"}              two ways: what the authorizer found out
 *     {"action":"shout","text":"hi"}   one way: everybody gets it, if it has the shape that the model says
 *     {"action":"sneak"}               refused: the route may speak to nobody else
 *
 * From this machine, connections are managed at http://ADDR:PORT/production/@connections/ID, counters are at /metrics,
 * and each request is a line on standard error.
 */
#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include <signal.h>
#include <stdio.h>

/* ---- who may come ---- */

/* What stands behind "?name="; empty if it does not. */
static chatroom_span name_of(chatroom_span target)
{
    static const char question[] = "/production?name=";
    size_t size = sizeof question - 1;

    if (target.size < size || memcmp(target.bytes, question, size) != 0)
        return chatroom_bytes(NULL, 0);
    return chatroom_bytes(target.bytes + size, target.size - size);
}

static int authorize(chatroom_request *request, void *arg)
{
    struct chatroom_authorizer_result who = {.principal = name_of(chatroom_request_info(request)->head->target)};
    char bytes[256];
    struct chatroom_json json = chatroom_json_on(bytes, sizeof bytes);
    chatroom_span object;

    (void)arg;
    if (who.principal.size == 0) {
        chatroom_request_status(request, 401);
        return chatroom_request_refuse(request, "no_name", "Say who you are.");
    }
    chatroom_event_write_authorization(&who, 0, &json);
    return chatroom_json_done(&json, &object) ? chatroom_request_authorize(request, object) : CHATROOM_ETOOBIG;
}

/* ---- what routes do ---- */

static int whoami(chatroom_request *request, void *arg)
{
    const struct chatroom_proxy_result result = {
        .status = 200, .has_body = true, .body = chatroom_request_info(request)->authorizer};

    (void)arg;
    return chatroom_finish(request, &result);
}

static int shout(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_broadcast(request, chatroom_request_body(request));
}

/* ---- what they must be like, and may do ---- */

static const char shape[] =
    "{\"type\":\"object\",\"required\":[\"text\"],\"properties\":{\"text\":{\"type\":\"string\"}}}";

static int has_shape(void *model, chatroom_span body, struct chatroom_error *error)
{
    return chatroom_model_check(model, body, error);
}

static int bind_routes(chatroom *c, chatroom_model *model)
{
    struct chatroom_route_options answers = CHATROOM_ROUTE_OPTIONS, speaks = CHATROOM_ROUTE_OPTIONS,
                                  sneaks = CHATROOM_ROUTE_OPTIONS;
    int result = chatroom_authorizer(c, authorize, NULL, 0);

    answers.may = 0;
    answers.two_way = true;
    speaks.may = CHATROOM_MAY_POST;
    speaks.per_second = 100; /* of all connections together */
    speaks.burst = 200;
    speaks.validate = has_shape;
    speaks.validate_arg = model;
    sneaks.may = CHATROOM_MAY_ALL & ~(uint32_t)CHATROOM_MAY_POST;
    if (result == CHATROOM_OK)
        result = chatroom_route_with(c, "whoami", whoami, NULL, &answers);
    if (result == CHATROOM_OK)
        result = chatroom_route_with(c, "shout", shout, NULL, &speaks);
    return result == CHATROOM_OK ? chatroom_route_with(c, "sneak", shout, NULL, &sneaks) : result;
}

/* ---- what is told, and to whom ---- */

static void write_line(void *arg, chatroom_span line)
{
    (void)arg;
    fprintf(stderr, "%.*s\n", (int)line.size, line.bytes);
}

static int open_doors(chatroom *c, struct chatroom_error *error)
{
    struct chatroom_management_options management = CHATROOM_MANAGEMENT_OPTIONS;
    int result;

    management.unsigned_loopback = true; /* or chatroom_add_credential(), and requests are signed */
    management.metrics_path = "/metrics";
    result = chatroom_manage(c, &management);
    if (result != CHATROOM_OK)
        return result;
    return chatroom_access_log(
        c, "$context.connectionId $context.authorizer.principalId $context.routeKey $context.status", write_line, NULL,
        error);
}

/* ---- putting it together ---- */

static int make(const char *listen, struct chatroom_config *config, chatroom **ret_chatroom,
                struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    int result;

    options.listen = &listen;
    options.listen_count = 1;
    config->stage = "production";
    result = chatroom_ws_epoll(&options, &config->transport, error);
    if (result == CHATROOM_OK)
        result = chatroom_memory_store(&config->store);
    return result == CHATROOM_OK ? chatroom_new(config, ret_chatroom, error) : result;
}

static int serve(chatroom *c, const struct chatroom_transport *transport, struct chatroom_error *error)
{
    static const int signals[] = {SIGINT, SIGTERM, 0};
    char address[128];
    int result = chatroom_start(c, chatroom_host_now(), error);

    if (result == CHATROOM_OK)
        result = chatroom_ws_epoll_address(transport, 0, address, sizeof address);
    if (result != CHATROOM_OK)
        return result;
    fprintf(stderr, "gateway at ws://%s/production?name=you\n", address);
    return chatroom_run(c, signals, error);
}

int main(int argc, char **argv)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0, ""};
    chatroom_model *model = NULL;
    chatroom *c = NULL;
    int result = make(argc > 1 ? argv[1] : "127.0.0.1:8080", &config, &c, &error);

    if (result == CHATROOM_OK)
        result = chatroom_model_new(NULL, chatroom_str(shape), &model, &error);
    if (result == CHATROOM_OK)
        result = bind_routes(c, model);
    if (result == CHATROOM_OK)
        result = open_doors(c, &error);
    if (result == CHATROOM_OK)
        result = serve(c, &config.transport, &error);
    if (result != CHATROOM_OK)
        fprintf(stderr, "gateway: %s\n", error.text[0] ? error.text : chatroom_strerror(result));
    chatroom_free(c);
    chatroom_model_free(model);
    return result == CHATROOM_OK ? 0 : 1;
}
