#include "activity.h"

#include "memory.h"

enum { MOST = 256 }; /* looked at in one step, so that many at once do not make the others wait */

static const uint64_t second_ns = 1000000000;

/* To the end of the line: all wait for the same time, so it is in the order of their turns. */
static void line_up(chatroom *c, struct cr_activity *activity)
{
    activity->look_at_ns = c->now.mono_ns + second_ns;
    activity->next = NULL;
    activity->previous = c->last_active;
    if (c->last_active)
        c->last_active->next = activity;
    else
        c->active = activity;
    c->last_active = activity;
}

static void take_out(chatroom *c, struct cr_activity *activity)
{
    if (activity->previous)
        activity->previous->next = activity->next;
    else
        c->active = activity->next;
    if (activity->next)
        activity->next->previous = activity->previous;
    else
        c->last_active = activity->previous;
}

struct cr_activity *cr_activity_begin(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);

    if (connection->activity)
        return connection->activity;
    connection->activity = cr_spares_take(&c->spare_activities, &c->alloc, sizeof *connection->activity);
    if (!connection->activity)
        return NULL;
    memset(connection->activity, 0, sizeof *connection->activity);
    connection->activity->connection = connection;
    line_up(c, connection->activity);
    return connection->activity;
}

static void free_held(chatroom *c, struct cr_held *held)
{
    while (held) {
        struct cr_held *next = held->next;

        c->held_bytes -= held->size;
        cr_free(&c->alloc, held, sizeof *held + held->size);
        held = next;
    }
}

void cr_activity_end(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);
    struct cr_activity *activity = connection->activity;

    if (!activity)
        return;
    connection->activity = NULL;
    take_out(c, activity);
    free_held(c, activity->held);
    cr_free(&c->alloc, activity->routes, c->route_count * sizeof *activity->routes);
    cr_spares_give(&c->spare_activities, &c->alloc, activity, sizeof *activity);
}

static bool is_full(const chatroom *c, const struct cr_bucket *bucket)
{
    return bucket->full_at_ns <= c->now.mono_ns;
}

static bool rates_are_full(const chatroom *c, const struct cr_activity *activity)
{
    for (size_t i = 0; activity->routes && i < c->route_count; i++)
        if (!is_full(c, &activity->routes[i]))
            return false;
    return is_full(c, &activity->messages) && is_full(c, &activity->bytes) && is_full(c, &activity->errors);
}

/* As one that has just begun. */
static bool is_blank(const chatroom *c, const struct cr_activity *activity)
{
    bool limited = activity->limited_since_ns > 0 && c->now.mono_ns - activity->limited_last_ns <= second_ns;

    return !activity->requests && !activity->held && !limited && rates_are_full(c, activity);
}

void cr_activity_free_spares(chatroom *c)
{
    cr_spares_fini(&c->spare_requests, &c->alloc, sizeof(chatroom_request));
    cr_spares_fini(&c->spare_activities, &c->alloc, sizeof(struct cr_activity));
}

void cr_activity_rest(chatroom_connection *connection)
{
    if (connection->activity && is_blank(cr_chatroom_of(connection), connection->activity))
        cr_activity_end(connection);
}

void cr_activity_sweep(chatroom *c)
{
    for (unsigned n = 0; n < MOST && cr_activity_deadline(c) <= c->now.mono_ns; n++) {
        struct cr_activity *activity = c->active;

        if (is_blank(c, activity)) {
            cr_activity_end(activity->connection);
        } else {
            take_out(c, activity);
            line_up(c, activity);
        }
    }
}

uint64_t cr_activity_deadline(const chatroom *c)
{
    return c->active ? c->active->look_at_ns : CHATROOM_NEVER;
}
