#include "integrations.h"

#include "section.h"

#include <chatroom/event.h>
#include <chatroom/management.h>
#include <chatroom/model.h>
#include <chatroom/policy.h>
#ifdef CHATROOM_REMOTE
#include <chatroom/backend/remote.h>
#endif

#include <stdio.h>

struct integrations_model {
    struct integrations_model *next;
    chatroom_model *model;
};

struct binding {
    struct integrations *in;
    const struct options *options;
    const struct gateway *gateway;
    chatroom *c;
    struct log *log;
    struct chatroom_error *error;
#ifdef CHATROOM_REMOTE
    chatroom_remote *remote; /* NULL: nobody needs one */
#endif
};

void integrations_fini(struct integrations *in)
{
    for (struct integrations_model *m = in->models; m; m = m->next)
        chatroom_model_free(m->model);
    in->models = NULL;
    pool_fini(&in->pool);
    if (in->access.log)
        access_log_fini(&in->access);
}

void integrations_configure(struct integrations *in, const struct options *o, struct chatroom_config *config)
{
    const struct gateway_variables *v = GATEWAY_FIRST(&o->gateway, variables, GATEWAY_VARIABLES);

    config->route_selection = o->route_selection;
    config->api_id = o->api_id;
    config->region = o->region;
    config->account_id = o->account_id;
    config->domain = o->domain;
    config->secure = o->secure;
    config->per_second = o->throttle.rate;
    config->burst = o->throttle.burst;
    config->debug_refusals = o->debug_refusals;
    for (size_t i = 0; v && i < v->count; i++)
        in->variables[i] = (struct chatroom_variable){chatroom_str(v->items[i].name), chatroom_str(v->items[i].value)};
    config->stage_variables = in->variables;
    config->stage_variable_count = v ? v->count : 0;
}

/* ---- refusing ---------------------------------------------------------------------------------------------------- */

/* The library's result about a key of a section (NULL: about the whole), with its sentence if it has one. */
static int judge_key(const struct binding *b, const struct gateway_section *section, const char *key, int result,
                     const struct chatroom_error *why)
{
    struct chatroom_error refusal = {0};

    if (result == CHATROOM_OK)
        return CHATROOM_OK;
    gateway_refuse(b->gateway, section, key ? section_line(section, key) : section->line, key,
                   why && why->text[0] ? why->text : chatroom_strerror(result), &refusal);
    return chatroom_error_set(b->error, result == CHATROOM_ENOMEM ? CHATROOM_ENOMEM : CHATROOM_EINVAL, refusal.text);
}

static int judge(const struct binding *b, const struct gateway_section *section, int result,
                 const struct chatroom_error *why)
{
    return judge_key(b, section, NULL, result, why);
}

/* About what was read from a file of its own. */
static int judge_file(const struct binding *b, const struct gateway_section *section, const char *key, const char *file,
                      int result, const struct chatroom_error *why)
{
    struct chatroom_error where;
    char text[512];

    snprintf(text, sizeof text, "%.100s: %s", file, why->text[0] ? why->text : chatroom_strerror(result));
    chatroom_error_set(&where, result, text);
    return judge_key(b, section, key, result, &where);
}

static int refuse(const struct binding *b, const struct gateway_section *section, const char *sentence)
{
    struct chatroom_error why;

    return judge(b, section, chatroom_error_set(&why, CHATROOM_EINVAL, sentence), &why);
}

static int lack_memory(const struct binding *b)
{
    return chatroom_error_set(b->error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
}

/* ---- mocks ------------------------------------------------------------------------------------------------------- */

static int handle_mock(chatroom_request *request, void *arg)
{
    const struct gateway_route *route = arg;
    const struct chatroom_proxy_result result = {.status = route->status ? (uint16_t)route->status : 200,
                                                 .has_body = route->body,
                                                 .body = chatroom_str(route->body)};

    return chatroom_finish(request, &result);
}

/* ---- elsewhere --------------------------------------------------------------------------------------------------- */

#ifdef CHATROOM_REMOTE

#define ROUTE_END(member)  (offsetof(struct gateway_route, member) + sizeof(((struct gateway_route *)0)->member))
#define ROUTE_PART(member) offsetof(struct gateway_route, member), ROUTE_END(member)

static bool is_remote(const struct gateway *g)
{
    const struct gateway_authorizer *a = GATEWAY_FIRST(g, authorizer, GATEWAY_AUTHORIZER);
    const struct gateway_route *route = GATEWAY_FIRST(g, route, GATEWAY_ROUTE);

    while (route && route->type == GATEWAY_MOCK)
        route = GATEWAY_NEXT(route, route);
    return route || (a && a->type == GATEWAY_BY_LAMBDA) || g->first[GATEWAY_REMOTE];
}

static void set_remote(const struct gateway_remote *from, struct chatroom_remote_options *to)
{
    if (from->calls)
        to->calls = from->calls;
    if (from->waiting)
        to->waiting = from->waiting;
    if (from->response_bytes)
        to->response_bytes = from->response_bytes;
    if (from->connect_ms)
        to->connect_ms = from->connect_ms;
    to->ca_file = from->ca_file;
}

static int make_remote(struct binding *b)
{
    const struct gateway_remote *given = GATEWAY_FIRST(b->gateway, remote, GATEWAY_REMOTE);
    struct chatroom_remote_options options = CHATROOM_REMOTE_OPTIONS;
    int result;

    if (!is_remote(b->gateway))
        return CHATROOM_OK;
    options.log = log_event;
    options.log_arg = b->log;
    if (given)
        set_remote(given, &options);
    result = chatroom_remote_new(&options, &b->remote, b->error);
    if (result != CHATROOM_OK)
        return result;
    result = chatroom_remote_attach(b->remote, b->c);
    return result == CHATROOM_OK ? result : chatroom_error_set(b->error, result, chatroom_strerror(result));
}

static void set_key(const struct binding *b, const char *access_key, struct chatroom_sigv4_key *ret_key)
{
    const struct gateway_credential *c = gateway_credential(b->gateway, access_key);

    ret_key->access_key = chatroom_str(access_key);
    ret_key->secret = chatroom_str(c->secret);
    ret_key->token = chatroom_str(c->token);
}

static void set_limits(const struct gateway_limits *from, struct chatroom_remote_limits *to)
{
    to->timeout_ms = from->timeout_ms;
    to->calls = from->calls;
    to->waiting = from->waiting;
}

/* key is memory for the one that signs, of the caller's. */
static void set_lambda(const struct binding *b, const struct gateway_lambda *from, struct chatroom_sigv4_key *key,
                       struct chatroom_remote_lambda *to)
{
    to->endpoint = from->endpoint;
    to->function = from->function;
    to->qualifier = from->qualifier;
    to->region = from->region;
    to->serial = from->serial;
    if (from->credential) {
        set_key(b, from->credential, key);
        to->key = key;
    }
}

static int make_lambda(const struct binding *b, const struct gateway_route *route, chatroom_remote_target **ret_target,
                       struct chatroom_error *why)
{
    struct chatroom_remote_lambda options = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_sigv4_key key;

    set_lambda(b, &route->lambda, &key, &options);
    set_limits(&route->limits, &options.limits);
    if (section_line(&route->section, "retries"))
        options.limits.retries = route->limits.retries;
    return chatroom_remote_lambda(b->remote, &options, ret_target, why);
}

static int make_http(const struct binding *b, const struct gateway_route *route, chatroom_remote_target **ret_target,
                     struct chatroom_error *why)
{
    struct chatroom_remote_mapping maps[GATEWAY_MAPS_MOST];
    struct chatroom_remote_response responses[GATEWAY_RESPONSES_MOST];
    struct chatroom_remote_http options = CHATROOM_REMOTE_HTTP;

    for (size_t i = 0; i < route->map_count; i++)
        maps[i] = (struct chatroom_remote_mapping){route->maps[i].name, route->maps[i].value};
    for (size_t i = 0; i < route->response_count; i++)
        responses[i] = (struct chatroom_remote_response){route->responses[i].key, (uint16_t)route->responses[i].status,
                                                         route->responses[i].body};
    options.method = route->method;
    options.url = route->url;
    options.content_type = route->content_type;
    options.mappings = maps;
    options.mapping_count = route->map_count;
    options.responses = responses;
    options.response_count = route->response_count;
    set_limits(&route->limits, &options.limits);
    if (section_line(&route->section, "retries"))
        options.limits.retries = route->limits.retries;
    return chatroom_remote_http(b->remote, &options, ret_target, why);
}

static int make_target(const struct binding *b, const struct gateway_route *route, chatroom_remote_target **ret_target,
                       struct chatroom_error *why)
{
    return route->type == GATEWAY_LAMBDA ? make_lambda(b, route, ret_target, why)
                                         : make_http(b, route, ret_target, why);
}

/* What a target is made of, in the order in which one key needs another. */
static const struct {
    const char *key;
    size_t at, end;
} target_keys[] = {
    {"endpoint", ROUTE_PART(lambda.endpoint)},
    {"function", ROUTE_PART(lambda.function)},
    {"qualifier", ROUTE_PART(lambda.qualifier)},
    {"credential", ROUTE_PART(lambda.credential)},
    {"region", ROUTE_PART(lambda.region)},
    {"serial", ROUTE_PART(lambda.serial)},
    {"url", ROUTE_PART(url)},
    {"method", ROUTE_PART(method)},
    {"content-type", ROUTE_PART(content_type)},
    {"map", offsetof(struct gateway_route, maps), ROUTE_END(map_count)},
    {"response", offsetof(struct gateway_route, responses), ROUTE_END(response_count)},
};

/*
 * The key with which a good target becomes one that the library refuses, or NULL. What is made here goes with the
 * remote.
 */
static const char *find_bad_key(const struct binding *b, const struct gateway_route *route)
{
    struct gateway_route part = {.section = route->section,
                                 .type = route->type,
                                 .lambda = {.endpoint = "http://localhost", .function = "f"},
                                 .url = "http://localhost/"};
    chatroom_remote_target *target;
    struct chatroom_error why;

    for (size_t i = 0; i < sizeof target_keys / sizeof target_keys[0]; i++) {
        memcpy((char *)&part + target_keys[i].at, (const char *)route + target_keys[i].at,
               target_keys[i].end - target_keys[i].at);
        if (make_target(b, &part, &target, &why) == CHATROOM_EINVAL)
            return target_keys[i].key;
    }
    return NULL;
}

static int aim_elsewhere(const struct binding *b, const struct gateway_route *route, chatroom_handler_fn **ret_handler,
                         void **ret_arg)
{
    struct chatroom_error why = {0};
    chatroom_remote_target *target = NULL;
    int result = make_target(b, route, &target, &why);

    *ret_handler = chatroom_remote_handler;
    *ret_arg = target;
    return judge_key(b, &route->section, result == CHATROOM_EINVAL ? find_bad_key(b, route) : NULL, result, &why);
}

/* Of an authorizer that was refused. */
static const char *find_bad_authorizer_key(const struct binding *b, const struct gateway_authorizer *a)
{
    const struct gateway_route same = {.section = a->section, .type = GATEWAY_LAMBDA, .lambda = a->lambda};
    const char *key = find_bad_key(b, &same);

    return key ? key : "identity-source";
}

static int bind_function(const struct binding *b, const struct gateway_authorizer *a)
{
    struct chatroom_remote_lambda options = CHATROOM_REMOTE_LAMBDA;
    struct chatroom_sigv4_key key;
    struct chatroom_error why = {0};
    chatroom_remote_target *target;
    int result;

    set_lambda(b, &a->lambda, &key, &options);
    set_limits(&a->limits, &options.limits);
    result = chatroom_remote_authorizer_target(b->remote, &options, a->sources, a->source_count, &target, &why);
    if (result != CHATROOM_OK)
        return judge_key(b, &a->section, result == CHATROOM_EINVAL ? find_bad_authorizer_key(b, a) : NULL, result,
                         &why);
    return judge(b, &a->section, chatroom_authorizer(b->c, chatroom_remote_authorizer, target, a->limits.timeout_ms),
                 NULL);
}

#else

static const char no_remote[] = "cannot be served: chatroomd was built without libcurl, so that it calls nobody";

static int make_remote(struct binding *b)
{
    const struct gateway_section *remote = b->gateway->first[GATEWAY_REMOTE];

    return remote ? refuse(b, remote, no_remote) : CHATROOM_OK;
}

static int aim_elsewhere(const struct binding *b, const struct gateway_route *route, chatroom_handler_fn **ret_handler,
                         void **ret_arg)
{
    (void)ret_handler;
    (void)ret_arg;
    return refuse(b, &route->section, no_remote);
}

static int bind_function(const struct binding *b, const struct gateway_authorizer *a)
{
    return refuse(b, &a->section, no_remote);
}

#endif

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static int validate(void *arg, chatroom_span body, struct chatroom_error *error)
{
    return chatroom_model_check(arg, body, error);
}

static int make_model(const struct binding *b, const struct gateway_route *route, chatroom_model **ret_model)
{
    struct integrations_model *m = pool_take(&b->in->pool, sizeof *m);
    struct chatroom_error why = {0};
    int result = m ? chatroom_model_new(NULL, chatroom_str(route->model), &m->model, &why) : CHATROOM_ENOMEM;

    if (result != CHATROOM_OK)
        return judge_file(b, &route->section, "model", route->model_file, result, &why);
    m->next = b->in->models;
    b->in->models = m;
    *ret_model = m->model;
    return CHATROOM_OK;
}

static int set_route(const struct binding *b, const struct gateway_route *route, struct chatroom_route_options *options)
{
    chatroom_model *model = NULL;
    int result;

    /* What is elsewhere speaks to its own connection alone; to others it does by the management API. */
    options->may = 0;
    options->two_way = route->two_way;
    options->timeout_ms = route->limits.timeout_ms;
    options->per_second = route->throttle.rate;
    options->burst = route->throttle.burst;
    options->connection_per_minute = route->connection_throttle.rate;
    options->connection_burst = route->connection_throttle.burst;
    if (!route->model)
        return CHATROOM_OK;
    result = make_model(b, route, &model);
    if (result != CHATROOM_OK)
        return result;
    options->validate = validate;
    options->validate_arg = model;
    return CHATROOM_OK;
}

static int bind_route(const struct binding *b, const struct gateway_route *route)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    chatroom_handler_fn *handler = handle_mock;
    void *arg = (void *)route;
    int result = set_route(b, route, &options);

    if (result == CHATROOM_OK && route->type != GATEWAY_MOCK)
        result = aim_elsewhere(b, route, &handler, &arg);
    if (result != CHATROOM_OK)
        return result;
    return judge(b, &route->section, chatroom_route_with(b->c, route->section.name, handler, arg, &options), NULL);
}

static int bind_routes(const struct binding *b)
{
    int result = CHATROOM_OK;

    for (const struct gateway_route *route = GATEWAY_FIRST(b->gateway, route, GATEWAY_ROUTE);
         route && result == CHATROOM_OK; route = GATEWAY_NEXT(route, route))
        result = bind_route(b, route);
    return result;
}

/* ---- who may ----------------------------------------------------------------------------------------------------- */

static int bind_credentials(const struct binding *b)
{
    int result = CHATROOM_OK;

    for (const struct gateway_credential *c = GATEWAY_FIRST(b->gateway, credential, GATEWAY_CREDENTIAL);
         c && result == CHATROOM_OK; c = GATEWAY_NEXT(credential, c)) {
        const struct chatroom_credential given = {chatroom_str(c->section.name), chatroom_str(c->secret),
                                                  chatroom_str(c->token), chatroom_str(c->policy)};
        struct chatroom_error why = {0};

        if (c->policy && chatroom_policy_check(chatroom_str(c->policy), &why) != CHATROOM_OK)
            return judge_file(b, &c->section, "policy", c->policy_file, CHATROOM_EINVAL, &why);
        if (!c->outgoing)
            result = judge(b, &c->section, chatroom_add_credential(b->c, &given, &why), &why);
    }
    return result;
}

static int bind_api_keys(const struct binding *b)
{
    const struct gateway_api_keys *keys = GATEWAY_FIRST(b->gateway, api_keys, GATEWAY_API_KEYS);
    int result = CHATROOM_OK;

    for (const struct gateway_api_key *k = GATEWAY_FIRST(b->gateway, api_key, GATEWAY_API_KEY);
         k && result == CHATROOM_OK; k = GATEWAY_NEXT(api_key, k)) {
        const struct chatroom_api_key given = {chatroom_str(k->section.name), chatroom_str(k->value), k->throttle.rate,
                                               k->throttle.burst};
        struct chatroom_error why = {0};

        result = judge(b, &k->section, chatroom_add_api_key(b->c, &given, &why), &why);
    }
    if (!keys || result != CHATROOM_OK)
        return result;
    return judge(b, &keys->section, chatroom_require_api_key(b->c, (enum chatroom_api_key_source)keys->source), NULL);
}

static int bind_authorizer(const struct binding *b)
{
    const struct gateway_authorizer *a = GATEWAY_FIRST(b->gateway, authorizer, GATEWAY_AUTHORIZER);

    if (!a)
        return CHATROOM_OK;
    return a->type == GATEWAY_BY_LAMBDA ? bind_function(b, a)
                                        : judge(b, &a->section, chatroom_authorize_signatures(b->c), NULL);
}

/* ---- where, and what is told ------------------------------------------------------------------------------------- */

static int bind_domains(const struct binding *b)
{
    int result = CHATROOM_OK;

    for (const struct gateway_domain *d = GATEWAY_FIRST(b->gateway, domain, GATEWAY_DOMAIN); d && result == CHATROOM_OK;
         d = GATEWAY_NEXT(domain, d)) {
        result = chatroom_map_domain(b->c, d->section.name, d->key ? d->key : "");
        if (result == CHATROOM_EINVAL)
            return refuse(b, &d->section,
                          "needs a host, such as chat.example, and a key of letters, digits and $-_.+!*'()");
        result = judge(b, &d->section, result, NULL);
    }
    return result;
}

static int bind_management(const struct binding *b)
{
    const struct gateway_management *m = GATEWAY_FIRST(b->gateway, management, GATEWAY_MANAGEMENT);
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    int result;

    if (!m && !b->options->metrics)
        return CHATROOM_OK;
    options.connections = m;
    options.metrics_path = b->options->metrics;
    if (m) {
        options.unsigned_loopback = m->allow_unsigned_loopback;
        options.per_second = m->throttle.rate;
        options.burst = m->throttle.burst;
    }
    result = chatroom_manage(b->c, &options);
    return result == CHATROOM_OK ? result : chatroom_error_set(b->error, result, chatroom_strerror(result));
}

static int bind_access_log(const struct binding *b)
{
    const char *format = b->options->access_log;
    struct chatroom_error why = {0};
    int result;

    if (!format)
        return CHATROOM_OK;
    /* Who only checks makes no file. */
    result = access_log_init(&b->in->access, b->log, b->options->check ? NULL : b->options->access_log_file, b->error);
    if (result == CHATROOM_OK) {
        result = chatroom_access_log(b->c, format, access_log_write, &b->in->access, &why);
        if (result != CHATROOM_OK)
            options_refuse(b->options, b->options->access_log_line, "access-log", result,
                           why.text[0] ? why.text : chatroom_strerror(result), b->error);
    }
    return result;
}

int integrations_bind(struct integrations *in, const struct options *options, chatroom *c, struct log *log,
                      struct chatroom_error *error)
{
    typedef int bind_fn(const struct binding *b);
    static bind_fn *const steps[] = {bind_credentials, bind_api_keys,   bind_authorizer, bind_routes,
                                     bind_domains,     bind_management, bind_access_log};
    struct binding b = {.in = in, .options = options, .gateway = &options->gateway, .c = c, .log = log, .error = error};
    int result = make_remote(&b);

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && result == CHATROOM_OK; i++)
        result = steps[i](&b);
    if (result == CHATROOM_ENOMEM)
        return lack_memory(&b);
    return result;
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

static void warn(struct log *log, const char *event, const char *key, const char *text, const char *advice)
{
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT(key, chatroom_str(text)),
                                                CHATROOM_TEXT("advice", chatroom_str(advice))};

    log_event(log, CHATROOM_LOG_WARN, event, fields, 2);
}

/* Where it goes, for people. A query may hold a key, so it stays away. */
static void write_target(int type, const struct gateway_lambda *lambda, const char *url, char *text, size_t size)
{
    if (type == GATEWAY_MOCK)
        snprintf(text, size, "none");
    else if (type != GATEWAY_LAMBDA)
        snprintf(text, size, "%.*s", (int)strcspn(url, "?"), url);
    else
        snprintf(text, size, "%s %s%s%s", lambda->endpoint ? lambda->endpoint : "aws", lambda->function,
                 lambda->qualifier ? ":" : "", lambda->qualifier ? lambda->qualifier : "");
}

static void say_route(struct log *log, const struct gateway_route *route)
{
    char target[LOG_TEXT_BYTES];

    write_target(route->type, &route->lambda, route->url, target, sizeof target);
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("route", chatroom_str(route->section.name)),
                                                CHATROOM_TEXT("type", chatroom_str(section_type_word(&route->section))),
                                                CHATROOM_TEXT("target", chatroom_str(target)),
                                                CHATROOM_NUMBER("two_way", route->two_way)};
    log_event(log, CHATROOM_LOG_INFO, "route", fields, sizeof fields / sizeof fields[0]);
    if (route->two_way && route->type == GATEWAY_MOCK && !(route->body && *route->body))
        warn(log, "nothing_to_send", "route", route->section.name, "two-way = yes has no effect without a body");
}

static void say_authorizer(struct log *log, const struct gateway_authorizer *a)
{
    char target[LOG_TEXT_BYTES] = "none";

    if (a->type == GATEWAY_BY_LAMBDA)
        write_target(GATEWAY_LAMBDA, &a->lambda, NULL, target, sizeof target);
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("type", chatroom_str(section_type_word(&a->section))),
                                                CHATROOM_TEXT("target", chatroom_str(target))};
    log_event(log, CHATROOM_LOG_INFO, "authorizer", fields, sizeof fields / sizeof fields[0]);
}

void integrations_say(const struct options *options, struct log *log)
{
    const struct gateway *g = &options->gateway;
    const struct gateway_management *m = GATEWAY_FIRST(g, management, GATEWAY_MANAGEMENT);
    const struct gateway_authorizer *a = GATEWAY_FIRST(g, authorizer, GATEWAY_AUTHORIZER);

    for (const struct gateway_route *route = GATEWAY_FIRST(g, route, GATEWAY_ROUTE); route;
         route = GATEWAY_NEXT(route, route))
        say_route(log, route);
    if (a)
        say_authorizer(log, a);
    if (!options->chat && !g->first[GATEWAY_ROUTE])
        warn(log, "no_routes", "stage", options->stage, "with chat = no and no [route] every message is refused");
    if (m && m->allow_unsigned_loopback)
        warn(log, "unsigned_management", "option", "allow-unsigned-loopback",
             "every program of this machine, and every client of a proxy on it, may post and disconnect");
    if (g->open_secret)
        warn(log, "open_secret", "file", options->config,
             "it holds a secret and every user of this machine may read it: chmod o= it, or use files for secrets");
}
