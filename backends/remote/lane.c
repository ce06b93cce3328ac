#include "lane.h"

struct remote_lane *remote_lane_new(const struct chatroom_alloc *alloc, size_t calls, size_t waiting,
                                    const char *endpoint)
{
    struct remote_lane *lane = remote_alloc(alloc, sizeof *lane);

    if (!lane)
        return NULL;
    lane->calls = calls;
    lane->most = waiting > SIZE_MAX - calls ? SIZE_MAX : calls + waiting;
    if (endpoint && !(lane->endpoint = remote_copy_string(alloc, chatroom_str(endpoint)))) {
        remote_free(alloc, lane, sizeof *lane);
        return NULL;
    }
    return lane;
}

void remote_lane_free(const struct chatroom_alloc *alloc, struct remote_lane *lane)
{
    if (lane)
        remote_free_string(alloc, lane->endpoint);
    remote_free(alloc, lane, sizeof *lane);
}

struct remote_lane *remote_lane_find(struct remote_lane *lanes, const char *endpoint)
{
    for (; lanes; lanes = lanes->next)
        if (lanes->endpoint && strcmp(lanes->endpoint, endpoint) == 0)
            return lanes;
    return NULL;
}

struct remote_call *remote_lane_next(const struct remote_lane *lane)
{
    return lane->running < lane->calls ? lane->waiting.first : NULL;
}
