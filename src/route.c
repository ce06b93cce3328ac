#include "route.h"

#include "expression.h"
#include "memory.h"
#include "request.h"

static const uint64_t second_ns = 1000000000, minute_ns = 60000000000;

/* ---- binding ---- */

struct cr_route *cr_route_find(const chatroom *c, chatroom_span key)
{
    struct cr_map_node *node = cr_map_find(&c->routes, key);

    return node ? CR_CONTAINER(node, struct cr_route, node) : NULL;
}

static void free_route(chatroom *c, struct cr_route *route)
{
    cr_free(&c->alloc, route->key, route->key_size + 1);
    cr_free(&c->alloc, route, sizeof *route);
}

/* NULL: out of memory. */
static struct cr_route *add(chatroom *c, const char *key)
{
    struct cr_route *route = cr_new(&c->alloc, sizeof *route);

    if (!route)
        return NULL;
    route->key_size = strlen(key);
    route->key = cr_copy(&c->alloc, chatroom_str(key));
    route->index = c->route_count;
    if (route->key &&
        cr_map_add(&c->routes, &route->node, chatroom_bytes(route->key, route->key_size)) == CHATROOM_OK) {
        c->route_count++;
        return route;
    }
    free_route(c, route);
    return NULL;
}

static bool is_key(const char *key)
{
    static const char *const reserved[] = {"$connect", "$disconnect", "$default"};

    if (*key != '$')
        return *key && strlen(key) <= CR_ROUTE_KEY_MOST;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (chatroom_span_equal(chatroom_str(key), chatroom_str(reserved[i])))
            return true;
    return false;
}

/* Options of a program that was compiled against an older header are shorter. */
static bool read_options(const struct chatroom_route_options *given, struct chatroom_route_options *ret_options)
{
    *ret_options = (struct chatroom_route_options)CHATROOM_ROUTE_OPTIONS;
    if (given && given->size < offsetof(struct chatroom_route_options, may) + sizeof given->may)
        return false;
    if (given)
        memcpy(ret_options, given, given->size < sizeof *ret_options ? given->size : sizeof *ret_options);
    if (ret_options->connection_per_minute > 0 && ret_options->connection_burst == 0)
        ret_options->connection_burst = 1;
    if (ret_options->per_second > 0 && ret_options->burst == 0)
        ret_options->burst = ret_options->per_second;
    return !(ret_options->may & ~(uint32_t)CHATROOM_MAY_ALL);
}

static void find_reserved(chatroom *c)
{
    c->on_connect = cr_route_find(c, chatroom_str("$connect"));
    c->on_disconnect = cr_route_find(c, chatroom_str("$disconnect"));
    c->on_default = cr_route_find(c, chatroom_str("$default"));
}

int chatroom_route_with(chatroom *c, const char *key, chatroom_handler_fn *handler, void *arg,
                        const struct chatroom_route_options *given)
{
    struct chatroom_route_options options;
    struct cr_route *route;

    if (!c || !key || !is_key(key) || !handler || c->started || !read_options(given, &options))
        return CHATROOM_EINVAL;
    route = cr_route_find(c, chatroom_str(key));
    if (!route)
        route = add(c, key);
    if (!route)
        return CHATROOM_ENOMEM;
    route->handler = handler;
    route->arg = arg;
    route->options = options;
    find_reserved(c);
    return CHATROOM_OK;
}

int chatroom_route(chatroom *c, const char *key, chatroom_handler_fn *handler, void *arg)
{
    return chatroom_route_with(c, key, handler, arg, NULL);
}

int chatroom_authorizer(chatroom *c, chatroom_handler_fn *authorize, void *arg, unsigned timeout_ms)
{
    if (!c || !authorize || c->started)
        return CHATROOM_EINVAL;
    if (c->authorizer.handler) /* none is to go without a word */
        return CHATROOM_EEXIST;
    c->authorizer.handler = authorize;
    c->authorizer.arg = arg;
    c->authorizer.options = (struct chatroom_route_options)CHATROOM_ROUTE_OPTIONS;
    c->authorizer.options.timeout_ms = timeout_ms;
    return CHATROOM_OK;
}

void cr_routes_free(chatroom *c)
{
    struct cr_map_node *node;

    while ((node = cr_map_first(&c->routes))) {
        cr_map_remove(&c->routes, node);
        free_route(c, CR_CONTAINER(node, struct cr_route, node));
    }
    cr_expression_free(c->selection);
}

/* ---- selecting ---- */

/* The usual case: a string as it stands in the message. False: it is not that. */
static bool select_plain_member(chatroom_request *request, chatroom_span *ret_key)
{
    struct chatroom_json_value value;

    return request->c->selection_field &&
           chatroom_request_field(request, request->c->selection_field, &value) == CHATROOM_OK &&
           value.type == CHATROOM_JSON_STRING && !value.escaped &&
           chatroom_json_text(&value, NULL, ret_key) == CHATROOM_OK;
}

/* Empty: what is not JSON selects nothing, nor does what cannot be evaluated. */
static chatroom_span select_key(chatroom_request *request, char *buffer)
{
    chatroom_span key = {NULL, 0};

    if (!select_plain_member(request, &key) && cr_request_is_json(request))
        (void)cr_expression_evaluate(request->c->selection, request->body, buffer, CR_ROUTE_KEY_MOST, &key);
    return key;
}

static bool is_called(const struct cr_route *route, chatroom_span key)
{
    return route && chatroom_span_equal(chatroom_bytes(route->key, route->key_size), key);
}

struct cr_route *cr_route_select(chatroom_request *request)
{
    char buffer[CR_ROUTE_KEY_MOST];
    chatroom *c = request->c;
    chatroom_span key = select_key(request, buffer);

    /* A client does not get at $connect and its like by naming them. */
    if (key.size == 0 || key.bytes[0] == '$')
        return c->on_default;
    if (!is_called(c->selected, key))
        c->selected = cr_route_find(c, key);
    return c->selected ? c->selected : c->on_default;
}

/* ---- limits ---- */

static bool take(struct cr_bucket *bucket, uint64_t now_ns, unsigned per_second, unsigned burst)
{
    return per_second == 0 || cr_bucket_take(bucket, now_ns, 1, second_ns / per_second, burst);
}

bool cr_route_throttle(chatroom *c, struct cr_route *route)
{
    uint64_t now_ns = c->now.mono_ns;

    return take(&c->throttle, now_ns, c->config.per_second, c->config.burst) &&
           (!route || take(&route->throttle, now_ns, route->options.per_second, route->options.burst));
}

int cr_route_admit(chatroom_connection *connection, const struct cr_route *route)
{
    chatroom *c = cr_chatroom_of(connection);
    struct cr_activity *activity = connection->activity;
    unsigned per_minute = route->options.connection_per_minute;

    if (per_minute == 0)
        return CHATROOM_OK;
    if (!activity->routes)
        activity->routes = cr_new(&c->alloc, c->route_count * sizeof *activity->routes);
    if (!activity->routes)
        return CHATROOM_ENOMEM;
    return cr_bucket_take(&activity->routes[route->index], c->now.mono_ns, 1, minute_ns / per_minute,
                          route->options.connection_burst)
               ? CHATROOM_OK
               : CHATROOM_ELIMIT;
}

bool cr_route_may(const chatroom_request *request, uint32_t what, const char *effect)
{
    const struct cr_route *route = request->route;
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("connection", request->info.connection_id), CHATROOM_TEXT("request", request->info.request_id),
        CHATROOM_TEXT("route", request->info.route_key), CHATROOM_TEXT("effect", chatroom_str(effect))};

    if (!route || (route->options.may & what) == what)
        return true;
    cr_log(request->c, CHATROOM_LOG_WARN, "not_granted", fields, 4);
    return false;
}
