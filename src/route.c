#include "route.h"

#include "memory.h"

static const uint64_t minute_ns = 60000000000;

/* A dozen routes at most: a walk is as good as a table. */
struct cr_route *cr_route_find(const chatroom *c, chatroom_span key)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (chatroom_span_equal(chatroom_bytes(c->routes[i].key, c->routes[i].key_size), key))
            return &c->routes[i];
    return NULL;
}

int chatroom_route(chatroom *c, const char *key, chatroom_handler_fn *handler, void *arg)
{
    struct cr_route *route = key ? cr_route_find(c, chatroom_str(key)) : NULL, *routes;

    if (!key || !*key || !handler || c->started)
        return CHATROOM_EINVAL;
    if (!route) {
        routes = cr_reserve(&c->alloc, c->routes, &c->route_capacity, c->route_count + 1, sizeof *routes);
        if (!routes)
            return CHATROOM_ENOMEM;
        c->routes = routes;
        route = &routes[c->route_count];
        memset(route, 0, sizeof *route);
        route->key = cr_copy(&c->alloc, chatroom_str(key));
        if (!route->key)
            return CHATROOM_ENOMEM;
        route->key_size = strlen(key);
        c->route_count++;
    }
    route->handler = handler;
    route->arg = arg;
    return CHATROOM_OK;
}

int chatroom_route_limit(chatroom *c, const char *key, unsigned per_minute, unsigned burst)
{
    struct cr_route *route = key ? cr_route_find(c, chatroom_str(key)) : NULL;

    if (!route)
        return CHATROOM_ENOENT;
    route->per_minute = per_minute;
    route->burst = burst > 0 ? burst : 1;
    return CHATROOM_OK;
}

int cr_route_select(chatroom_request *request, const struct cr_route **ret_route)
{
    const chatroom *c = request->c;
    const struct cr_route *route = NULL;
    chatroom_span key;
    int result = chatroom_request_text(request, c->route_field, &key);

    if (result == CHATROOM_ENOMEM)
        return result;
    /* A client does not get at $connect and its like by naming them. */
    if (result == CHATROOM_OK && key.size > 0 && key.bytes[0] != '$')
        route = cr_route_find(c, key);
    *ret_route = route ? route : cr_route_find(c, chatroom_str("$default"));
    return CHATROOM_OK;
}

int cr_route_admit(chatroom_connection *connection, const struct cr_route *route)
{
    chatroom *c = connection->c;
    struct cr_activity *activity = connection->activity;

    if (route->per_minute == 0)
        return CHATROOM_OK;
    if (!activity->routes)
        activity->routes = cr_new(&c->alloc, c->route_count * sizeof *activity->routes);
    if (!activity->routes)
        return CHATROOM_ENOMEM;
    return cr_bucket_take(&activity->routes[route - c->routes], c->now.mono_ns, 1, minute_ns / route->per_minute,
                          route->burst)
               ? CHATROOM_OK
               : CHATROOM_ELIMIT;
}

void cr_routes_free(chatroom *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        cr_free(&c->alloc, c->routes[i].key, c->routes[i].key_size + 1);
    cr_free(&c->alloc, c->routes, c->route_capacity * sizeof *c->routes);
}
