#include "counters.h"

#include "route.h"

static const uint64_t ms_ns = 1000000;

void cr_count_connect(const chatroom_request *request, struct cr_route *route)
{
    request->c->counters.connects++;
    route->counters.connects++;
}

void cr_count_rejected(const chatroom_request *request)
{
    struct cr_route *route = cr_route_find(request->c, request->info.route_key);

    request->c->counters.client_errors++;
    if (route)
        route->counters.client_errors++;
}

static void count_answer(struct chatroom_counters *counters, const chatroom_request *request, int result)
{
    bool refused = result == CHATROOM_EREFUSED || request->status >= 400;

    counters->latencies++;
    counters->latency_ms += request->integration_ms;
    counters->integration_errors += refused;
    counters->execution_errors += result != CHATROOM_OK && !refused;
}

void cr_count_answer(chatroom_request *request, int result)
{
    request->asked = true;
    request->integration_ms = (uint32_t)((request->c->now.mono_ns - request->asked_ns) / ms_ns);
    count_answer(&request->c->counters, request, result);
    count_answer(&request->route->counters, request, result);
}

int chatroom_counters(const chatroom *c, const char *route_key, struct chatroom_counters *ret_counters)
{
    const struct cr_route *route = route_key ? cr_route_find(c, chatroom_str(route_key)) : NULL;

    if (route_key && !route)
        return CHATROOM_ENOENT;
    *ret_counters = route ? route->counters : c->counters;
    return CHATROOM_OK;
}
