#include "options.h"

#include "random.h"

#include <string.h>

const char *const option_names[OPTION_COUNT] = {
#define X(name) #name,
    OPTIONS(X)
#undef X
};

unsigned *option_at(struct options *options, size_t which)
{
    return (unsigned *)(void *)options + which;
}

size_t option_named(const char *name)
{
    size_t which = 0;

    while (which < OPTION_COUNT && strcmp(option_names[which], name) != 0)
        which++;
    return which;
}

bool option_is_spice(size_t which)
{
    return which > OPTION_tick_ms && which != OPTION_chat && which != OPTION_recent_bytes &&
           which != OPTION_history_entries;
}

/* one in so many seeds: up to most; else nothing. */
static unsigned sometimes(struct rnd *r, unsigned one_in, unsigned most)
{
    unsigned value = 1 + rnd_below(r, most);

    return rnd_below(r, one_in) == 0 ? value : 0;
}

static void choose_sizes(struct options *o, struct rnd *r)
{
    o->slots = 4 + rnd_below(r, 97);
    if (rnd_below(r, 4) == 0)
        o->slots = 2 + rnd_below(r, 5);
    o->busy = 1 + rnd_below(r, 12);
    o->operations = 1 + rnd_below(r, 6);
    o->ticks = 150 + rnd_below(r, 300);
    o->calm_every = 60 + rnd_below(r, 100);
    o->tick_ms = 20;
    o->groups = rnd_below(r, 2);
    o->authorizer = rnd_below(r, 3) == 0;
    o->lazy = rnd_below(r, 2);
    o->chat = rnd_below(r, 3) == 0;
    o->keep = rnd_below(r, 4) == 0;
    o->chat_rates = rnd_below(r, 3) == 0;
    o->names = rnd_below(r, 2);
    o->put_off = sometimes(r, 4, 5);
}

static void choose_faults(struct options *o, struct rnd *r)
{
    o->die = sometimes(r, 2, 12);
    o->stop = sometimes(r, 2, 6);
    o->oom = sometimes(r, 3, 60);
    o->wire_faults = sometimes(r, 4, 8);
    o->clog = sometimes(r, 2, 30);
    o->latency_ms = rnd_below(r, 4) ? 1 + rnd_below(r, 60) : 0;
    o->stall = sometimes(r, 6, 15);
    o->refuse_submit = sometimes(r, 2, 60);
    o->batch_fails = sometimes(r, 3, 60);
    o->full = sometimes(r, 3, 100);
    o->unsure = sometimes(r, 4, 10);
    o->refuse_read = sometimes(r, 3, 60);
    o->refuse_read *= rnd_below(r, 2) == 0 ? 8 : 1;
    o->read_fails = sometimes(r, 3, 60);
    o->corrupt = sometimes(r, 3, 60);
    o->damage = sometimes(r, 6, 60);
}

static void choose_time(struct options *o, struct rnd *r)
{
    o->clock_hours = sometimes(r, 4, 10);
    o->clock_years = sometimes(r, 8, 10);
    o->pause = sometimes(r, 4, 6);
}

/* 0: as in CHATROOM_LIMITS, or what is said there of 0. */
static void choose_limits(struct options *o, struct rnd *r)
{
    unsigned kind;

    o->rooms = sometimes(r, 3, 5);
    o->rooms += o->rooms > 0 ? 2 : 0;
    o->room_members = sometimes(r, 3, 7);
    o->session_rooms = sometimes(r, 3, 3);
    o->connections = sometimes(r, 6, 40);
    o->held_messages = sometimes(r, 3, 4);
    o->held_bytes = sometimes(r, 6, 500);
    o->held_bytes += o->held_bytes > 0 ? 200 : 0;
    o->history_entries = sometimes(r, 3, 6);
    o->history_pages = 1 + rnd_below(r, 2);
    o->per_second = sometimes(r, 6, 20);
    o->burst = 1 + rnd_below(r, 40);
    o->throttle = sometimes(r, 8, 40);
    o->throttle_burst = 1 + rnd_below(r, 40);
    kind = rnd_below(r, 4); /* of recent entries none; a few of a room, and of some rooms; all */
    o->recent_bytes = kind == 0 ? 0 : 2048 + rnd_below(r, 6000);
    if (kind == 3)
        o->recent_bytes = 8388608;
}

/* Many want pages at once, of a store that is slow and refuses them. */
static void crowd_for_pages(struct options *o, struct rnd *r)
{
    if (rnd_below(r, 6) > 0)
        return;
    o->chat = 0;
    o->busy = 8 + rnd_below(r, 5);
    o->slots = 30 + rnd_below(r, 70);
    o->history_pages = 1;
    o->recent_bytes = 0;
    o->latency_ms = 20 + rnd_below(r, 60);
    o->refuse_read = 100 + rnd_below(r, 400);
}

/* Rooms empty and fill again while the store refuses some of that. */
static void come_and_go(struct options *o, struct rnd *r)
{
    if (rnd_below(r, 6) > 0 || !o->chat)
        return;
    o->restless = 30 + rnd_below(r, 50);
    o->keep = 0;
    o->busy = 6 + rnd_below(r, 6);
    o->slots = 6 + rnd_below(r, 20);
    o->latency_ms = 20 + rnd_below(r, 60);
    o->batch_fails = 40 + rnd_below(r, 200);
}

void options_choose(struct options *options, uint64_t seed, const struct overrides *overrides)
{
    struct rnd sizes = rnd_new(seed, 1), faults = rnd_new(seed, 9), time = rnd_new(seed, 10),
               limits = rnd_new(seed, 11);

    memset(options, 0, sizeof *options);
    choose_sizes(options, &sizes);
    choose_faults(options, &faults);
    choose_time(options, &time);
    choose_limits(options, &limits);
    crowd_for_pages(options, &limits);
    come_and_go(options, &limits);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (overrides->given[i])
            *option_at(options, i) = overrides->values[i];
    if (options->slots > 100)
        options->slots = 100;
}
