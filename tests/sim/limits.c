/*
 * limits.c: what must hold at any time: limits, rates, memory; and that nobody waits for somebody else's trouble.
 */
#include "world.h"

enum {
    BASE_BYTES = 96 * 1024,
    CONNECTION_BYTES = 4096,
    REQUEST_BYTES = 3 * 4096, /* one under way: itself, its effects, what a handler keeps */
    PAGE_OVERHEAD = 128,      /* an entry's, on a page: its row, its place among the entries, the text about it */
};

/* ---- P4 ---- */

/* A join that was let in on account of a leave that did not come true is one too many, and is known to be. */
static bool is_strict(const struct options *o)
{
    return o->batch_fails == 0 && o->full == 0 && o->unsure == 0 && o->refuse_submit == 0 && o->oom == 0 && o->die == 0;
}

static void check_members(struct world *w)
{
    for (unsigned digit = 0; w->options.room_members > 0 && is_strict(&w->options) && digit < ROOMS; digit++) {
        char name[3] = {'r', (char)('0' + digit), 0};

        if (!(w->leaves_put_off & 1u << digit) &&
            chatroom_room_members(w->c, chatroom_str(name)) > w->limits.room_members)
            broken(w, P4, "%s has %zu members", name, chatroom_room_members(w->c, chatroom_str(name)));
    }
}

static size_t under_way(const struct world *w)
{
    size_t count = 8; /* of the host, and ends of connections */

    for (unsigned i = 0; i < SLOTS; i++)
        if (w->slots[i])
            count += 1 + w->slots[i]->count - w->slots[i]->last_ended;
    return count;
}

/* By everything that may be there at once. */
static size_t memory_most(const struct world *w)
{
    const struct chatroom_limits *limits = &w->limits;
    size_t page = limits->history_bytes + limits->message_bytes + limits->history_entries * PAGE_OVERHEAD;
    size_t rooms = ROOMS * (1024 + 4 * SLOTS * sizeof(void *)), connections = w->session_count - w->life_sessions;

    if (connections > SLOTS * 2)
        connections = SLOTS * 2;
    return BASE_BYTES + connections * CONNECTION_BYTES + under_way(w) * REQUEST_BYTES + rooms + limits->recent_bytes +
           4 * limits->history_pages * page;
}

void check_limits(struct world *w)
{
    if (w->options.connections > 0 && chatroom_connection_count(w->c) > w->limits.connections)
        broken(w, P4, "%zu connections", chatroom_connection_count(w->c));
    if (w->options.rooms > 0 && w->options.unsure == 0 && chatroom_room_count(w->c) > w->limits.rooms)
        broken(w, P4, "%zu rooms", chatroom_room_count(w->c));
    check_members(w);
    if (w->bytes > memory_most(w))
        broken(w, P4, "%zu bytes, where %zu are enough", w->bytes, memory_most(w));
}

/* ---- rates ---- */

static uint64_t allowed(unsigned per_second, unsigned burst, uint64_t ms)
{
    return burst + per_second * ms / 1000 + 1;
}

void check_rates(struct world *w, struct session *s)
{
    const struct options *o = &w->options;
    uint64_t now = world_ms(w), since = s->accepted ? s->since_ms : now;

    s->handled++;
    if (o->per_second > 0 && s->handled > allowed(o->per_second, w->limits.messages_burst, now - since))
        broken(w, P4, "%zu messages of session %u were taken in %llu ms", s->handled, s->serial,
               (unsigned long long)(now - since));
    if (o->throttle > 0 && w->begun_runs > allowed(o->throttle, o->throttle_burst, now - w->life_ms))
        broken(w, P4, "%u messages passed the throttle of their route in %llu ms", w->begun_runs,
               (unsigned long long)(now - w->life_ms));
}

/* ---- P5 ---- */

static bool is_free(const struct world *w, const struct session *s)
{
    const struct options *o = &w->options;

    return s->accepted && !s->slow && !s->may_end && !s->oom && o->per_second == 0 && o->throttle == 0 &&
           o->held_messages == 0 && o->held_bytes == 0 && o->wire_faults == 0;
}

void check_at_once(struct world *w, const struct session *s)
{
    for (size_t n = s->count; is_free(w, s) && n-- > 1 && s->messages[n].sent_tick == w->tick;)
        if (s->messages[n].at_once && !s->messages[n].answered)
            broken(w, P5, "message %zu of session %u waits, and nothing is in its way", n, s->serial);
}

/* With nothing at the store, and nothing put off, nothing is under way. */
static void check_settled(struct world *w)
{
    if (!sim_store_idle(w->disk) || w->deferred_count > 0 || w->stops || w->options.wire_faults > 0 ||
        chatroom_deadline(w->c) == 0)
        return;
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct session *s = w->slots[i];

        for (size_t n = s ? s->count : 0; n-- > 1 && n > s->last_ended && !s->slow && !s->oom && !s->may_end;)
            if (s->messages[n].started && !s->messages[n].answered)
                broken(w, P5, "message %zu of session %u is under way, and waits for nothing", n, s->serial);
    }
}

void check_deadlines(struct world *w)
{
    uint64_t ms = w->options.authorizer ? 250 : w->limits.handler_timeout_ms;

    for (size_t i = 0; i < w->deferred_count; i++) {
        const struct session *s = w->sessions[w->deferred[i].serial];
        const struct message *m = &s->messages[w->deferred[i].message];

        if (w->deferred[i].message == 0 || m->answered || m->under_way > 0 || s->slow || s->oom || s->ended ||
            s->may_end || w->stops || w->options.wire_faults > 0)
            continue;
        if (world_ms(w) > m->deferred_ms + ms)
            broken(w, P5, "message %zu of session %u was to be answered by now, %llu ms after %llu",
                   w->deferred[i].message, s->serial, (unsigned long long)(world_ms(w) - m->deferred_ms),
                   (unsigned long long)m->deferred_ms);
    }
    if (!w->options.chat)
        check_settled(w);
}

/* ---- what is expected ---- */

static bool count_member(void *arg, chatroom_span id, chatroom_span name)
{
    (void)id;
    (void)name;
    ++*(size_t *)arg;
    return true;
}

/* What a room will be when nothing but what was put off is under way; false: that is not known. */
static bool foresee(struct world *w, unsigned digit, size_t *ret_count)
{
    char name[3] = {'r', (char)('0' + digit), 0};
    size_t count = 0;

    chatroom_each_member(w->c, chatroom_str(name), count_member, &count);
    for (size_t i = 0; i < w->deferred_count; i++) {
        const struct session *s = w->sessions[w->deferred[i].serial];
        const struct message *m = &s->messages[w->deferred[i].message];

        if (w->deferred[i].authorizes || m->answered)
            continue;
        if (m->joins[digit] < 0 && !s->seats[digit].in) /* somebody deleted it since */
            return false;
        if (m->deletes || s->ended || s->slow || s->oom || w->deferred[i].message == 0)
            return false;
        count += (size_t)m->joins[digit];
    }
    *ret_count = count;
    return true;
}

void check_expected(struct world *w)
{
    size_t count;

    for (unsigned digit = 0; digit < ROOMS && !w->options.chat && sim_store_idle(w->disk); digit++) {
        char name[3] = {'r', (char)('0' + digit), 0};

        if (sim_disk_room(w->disk, chatroom_str(name)) && foresee(w, digit, &count) &&
            chatroom_room_members(w->c, chatroom_str(name)) != count)
            broken(w, P8, "%s has %zu members or will have, and %zu are expected", name, count,
                   chatroom_room_members(w->c, chatroom_str(name)));
    }
}

/* ---- counters ---- */

void check_counters(struct world *w)
{
    struct chatroom_counters all, run;

    if (w->options.chat)
        return;
    if (chatroom_counters(w->c, NULL, &all) != CHATROOM_OK || chatroom_counters(w->c, "run", &run) != CHATROOM_OK)
        broken(w, CONTRACT, "there are no counters");
    if (run.latencies != w->begun_runs)
        broken(w, CONTRACT, "%u messages were handled, and %llu counted", w->begun_runs,
               (unsigned long long)run.latencies);
    if (all.connects != w->connects)
        broken(w, CONTRACT, "%u connections were judged, and %llu counted", w->connects,
               (unsigned long long)all.connects);
}
