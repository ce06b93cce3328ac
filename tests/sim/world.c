/*
 * world.c: how a world goes on: ticks, lives of instances, moments of peace, the end.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#if __has_include("sim_commit.h")
#include "sim_commit.h"
#else
#define SIM_COMMIT "unknown"
#endif

enum {
    REST_MOST_MS = 120000, /* until everything must have come to rest */
    HEAD_MOST_MS = 30000,  /* P8: until everybody must have heard everything */
    STALL_MS = 10000,
    PAUSE_MS = 60000,
};

static const int64_t hour_ms = 3600000, ten_years_ms = 315576000000;

uint64_t world_ms(const struct world *w)
{
    return w->now.mono_ns / 1000000;
}

const char *world_commit(void)
{
    return SIM_COMMIT;
}

/* ---- what there is ---- */

struct session *session_by_id(struct world *w, chatroom_span id)
{
    for (size_t i = w->session_count; i-- > 0;)
        if (w->sessions[i]->has_id && chatroom_span_equal(chatroom_bytes(w->sessions[i]->id, 16), id))
            return w->sessions[i];
    return NULL;
}

struct message *message_new(struct world *w, struct session *s)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 16;
        s->messages = realloc(s->messages, s->capacity * sizeof *s->messages);
        if (!s->messages)
            abort();
    }
    s->messages[s->count] = (struct message){.sent_tick = w->tick, .sent_ms = world_ms(w)};
    return &s->messages[s->count++];
}

struct session *session_new(struct world *w, unsigned slot)
{
    struct session *s = calloc(1, sizeof *s);

    if (w->session_count == w->session_capacity) {
        w->session_capacity = w->session_capacity ? w->session_capacity * 2 : 64;
        w->sessions = realloc(w->sessions, w->session_capacity * sizeof *w->sessions);
    }
    if (!s || !w->sessions)
        abort();
    s->serial = (unsigned)w->session_count;
    s->life = w->life;
    s->slot = slot;
    w->sessions[w->session_count++] = s;
    w->slots[slot] = s;
    message_new(w, s); /* 0: its opening */
    return s;
}

/* ---- an instance ---- */

static int random_bytes(void *arg, void *ret_bytes, size_t size)
{
    struct world *w = arg;
    uint8_t *bytes = ret_bytes;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rnd_below(&w->ids, 256);
    return CHATROOM_OK;
}

static bool wire_fails(void *arg)
{
    struct world *w = arg;

    return !w->calm && rnd_per_mille(&w->wire_random, w->options.wire_faults);
}

/* The heap, and how much of it is in use. */
static void *resize(void *arg, void *memory, size_t old_size, size_t size)
{
    struct world *w = arg;
    const struct chatroom_alloc heap = heap_alloc(&w->heap);
    void *result = heap.resize(heap.arg, memory, old_size, size);

    if (result || size == 0) {
        w->bytes += size - old_size;
        if (w->bytes > w->bytes_most)
            w->bytes_most = w->bytes;
    }
    return result;
}

static struct world *awake; /* the transport's self is not ours */

static void wake(void *self)
{
    (void)self;
    awake->woken = true;
}

static struct chatroom_transport transport(struct world *w)
{
    struct chatroom_transport transport = wire_transport(w->wire);

    w->wire_ops = *transport.ops;
    w->wire_ops.wake = wake;
    awake = w;
    transport.ops = &w->wire_ops;
    return transport;
}

static void begin_life(struct world *w)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    const struct chatroom_alloc alloc = {resize, w};
    struct chatroom_error error;

    w->life++;
    w->stops = false;
    heap_heal(&w->heap);
    w->wire = wire_new(w->options.groups);
    wire_set_fault(w->wire, wire_fails, w);
    for (size_t i = 0; i < w->session_count; i++)
        w->sessions[i]->disconnects = 0;
    w->begun_runs = w->connects = w->doubtful = w->leaves_put_off = 0;
    w->life_sessions = w->session_count;
    w->life_ms = world_ms(w);
    w->life_epoch = sim_disk_epochs(w->disk);
    w->woken = true;
    config.alloc = &alloc;
    config.random = random_bytes;
    config.random_arg = w;
    config.stage = "dev";
    config.limits = w->limits;
    config.store = sim_store(w->disk);
    config.transport = transport(w);
    if (chatroom_new(&config, &w->c, &error) != CHATROOM_OK)
        broken(w, CONTRACT, "chatroom_new(): %s", error.text);
    if (w->options.chat)
        talk_bind(w);
    else
        handlers_bind(w);
    if (chatroom_start(w->c, w->now, &error) != CHATROOM_OK)
        broken(w, CONTRACT, "chatroom_start(): %s", error.text);
    trace(w, "life %u: %zu rooms, %zu sessions", w->life, sim_disk_rooms(w->disk), sim_disk_sessions(w->disk));
}

static void end_life(struct world *w)
{
    chatroom_free(w->c);
    w->c = NULL;
    wire_free(w->wire);
    w->wire = NULL;
    handlers_forget(w);
    for (unsigned i = 0; i < SLOTS; i++)
        w->slots[i] = NULL;
    if (w->outstanding != 0)
        broken(w, CONTRACT, "%ld calls of the host never heard how they ended", w->outstanding);
    if (w->heap.blocks != 0 || w->bytes != 0)
        broken(w, P8, "%zu blocks were not freed", w->heap.blocks);
}

/* ---- time ---- */

static void jump(struct world *w, unsigned chance, int64_t ms)
{
    if (rnd_per_mille(&w->random, chance))
        w->now.wall_ms += rnd_below(&w->random, 2) ? ms : -ms;
}

static void let_pass(struct world *w, unsigned ms)
{
    w->now.mono_ns += (uint64_t)ms * 1000000;
    w->now.wall_ms += ms;
}

static void pass_time(struct world *w)
{
    unsigned kind = rnd_below(&w->random, 1000);

    if (w->calm) {
        let_pass(w, rnd_below(&w->random, 200));
        return;
    }
    if (kind < 960)
        let_pass(w, rnd_below(&w->random, w->options.tick_ms));
    else
        let_pass(w, kind < 997 ? rnd_below(&w->random, 2000) : 31000);
    jump(w, w->options.clock_hours, hour_ms);
    jump(w, w->options.clock_years, ten_years_ms);
    if (rnd_per_mille(&w->random, w->options.pause))
        let_pass(w, PAUSE_MS);
}

/* A host that steps only when there is reason to finds out whether the instance says when there is. */
static bool is_due(struct world *w)
{
    return !w->options.lazy || w->woken || w->wire_ops.busy(wire_transport(w->wire).self) ||
           chatroom_deadline(w->c) <= w->now.mono_ns;
}

static void step(struct world *w)
{
    uint64_t failed = w->heap.failed;

    if (is_due(w)) {
        w->woken = false;
        if (chatroom_step(w->c, w->now) != CHATROOM_OK)
            broken(w, CONTRACT, "chatroom_step() failed");
    }
    if (w->heap.failed > failed)
        for (unsigned i = 0; i < SLOTS; i++)
            if (w->slots[i])
                w->slots[i]->oom = true;
    check_heard(w);
    check_limits(w);
    check_deadlines(w);
    check_expected(w);
}

static void run_out_of_memory(struct world *w)
{
    uint64_t at = 1 + rnd_below(&w->heap_random, 300);

    heap_fail(&w->heap, at, 1 + rnd_below(&w->heap_random, rnd_below(&w->heap_random, 3) ? 2 : 60));
}

static void tick(struct world *w)
{
    w->tick++;
    pass_time(w);
    if (!w->calm) {
        clients_act(w);
        host_acts(w);
        if (rnd_per_mille(&w->heap_random, w->options.stall))
            sim_store_stall(w->disk, world_ms(w) + STALL_MS);
    }
    sim_store_run(w->disk, world_ms(w));
    handlers_resume(w, w->calm);
    if (!w->calm && rnd_per_mille(&w->heap_random, w->options.oom))
        run_out_of_memory(w);
    step(w);
}

/* ---- peace ---- */

static void be_calm(struct world *w, bool calm)
{
    const struct options *o = &w->options;
    struct sim_faults *faults = sim_disk_faults(w->disk);

    w->calm = calm;
    w->calm_since_ms = world_ms(w);
    *faults = (struct sim_faults){.latency_ms = o->latency_ms};
    heap_heal(&w->heap);
    sim_store_stall(w->disk, 0);
    if (calm)
        return;
    *faults = (struct sim_faults){
        .refuse_submit = o->refuse_submit,
        .refuse_read = o->refuse_read,
        .batch_fails = o->batch_fails,
        .full = o->full,
        .unsure = o->unsure,
        .read_fails = o->read_fails,
        .corrupt = o->corrupt,
        .damage = o->damage,
        .latency_ms = o->latency_ms,
    };
}

static bool is_quiet(const struct world *w)
{
    return sim_store_idle(w->disk) && w->deferred_count == 0 && chatroom_deadline(w->c) == CHATROOM_NEVER;
}

static void come_to_rest(struct world *w)
{
    unsigned quiet = 0;
    bool looked = false;

    be_calm(w, true);
    while (quiet < 8) {
        uint64_t ms;

        tick(w);
        quiet = is_quiet(w) ? quiet + 1 : 0;
        ms = world_ms(w) - w->calm_since_ms;
        if (!looked && (looked = ms >= HEAD_MOST_MS))
            check_heads(w);
        if (ms > REST_MOST_MS)
            broken(w, P8, "it does not come to rest");
    }
    w->sent_bytes = 0;
}

/* Some go at a moment when there is no memory at all. */
static void gasp(struct world *w)
{
    if (w->options.oom == 0 || rnd_below(&w->heap_random, 3) > 0)
        return;
    for (unsigned i = 0; i < SLOTS; i += 1 + rnd_below(&w->heap_random, 10))
        if (w->slots[i]) {
            w->slots[i]->may_end = true;
            wire_close(w->wire, w->slots[i]->wire, 0);
        }
    heap_fail(&w->heap, 1, UINT64_MAX);
    step(w);
}

static void rest(struct world *w)
{
    gasp(w);
    come_to_rest(w);
    check_rest(w);
    be_calm(w, false);
}

/* ---- ends ---- */

/* Those who were there go, and do not take what they should leave. */
static void check_rooms_stay(struct world *w)
{
    uint64_t last = sim_disk_epochs(w->disk);
    bool calm = w->calm;

    if (!w->options.chat || sim_store_failed(w->disk))
        return;
    come_to_rest(w);
    for (uint64_t epoch = 1; epoch <= last; epoch++)
        if (sim_disk_life(w->disk, epoch)->existed && !sim_disk_life(w->disk, epoch)->exists)
            broken(w, P1, "%s and its history went with an instance", sim_disk_life(w->disk, epoch)->name);
    be_calm(w, calm);
}

static void die(struct world *w)
{
    trace(w, "power cut");
    sim_disk_cut(w->disk);
    end_life(w);
    begin_life(w);
    check_rooms_stay(w);
}

static void stop(struct world *w)
{
    uint64_t begun_ms = world_ms(w);

    trace(w, "stop");
    w->stops = true;
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->slots[i])
            w->slots[i]->may_end = true;
    if (rnd_below(&w->random, 2))
        chatroom_stop(w->c);
    else
        chatroom_ask_stop(w->c);
    w->woken = true;
    step(w);
    while (!chatroom_stopped(w->c)) {
        tick(w);
        if (world_ms(w) > begun_ms + 2 * REST_MOST_MS)
            broken(w, P8, "it does not stop");
    }
    end_life(w);
    begin_life(w);
    check_rooms_stay(w);
}

/* ---- a seed ---- */

static size_t or_default(unsigned value, size_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void set_limits(struct world *w)
{
    const struct options *o = &w->options;
    struct chatroom_limits limits = CHATROOM_LIMITS;

    limits.bytes_per_second = 0;
    limits.message_bytes = 4096;
    limits.history_bytes = 4096;
    limits.history_pages = (unsigned)or_default(o->history_pages, 1);
    limits.messages_per_second = o->per_second;
    limits.messages_burst = (unsigned)or_default(o->burst, 1);
    limits.connections = or_default(o->connections, limits.connections);
    limits.rooms = or_default(o->rooms, limits.rooms);
    limits.room_members = or_default(o->room_members, limits.room_members);
    limits.session_rooms = or_default(o->session_rooms, limits.session_rooms);
    limits.held_messages = or_default(o->held_messages, limits.held_messages);
    limits.held_bytes = or_default(o->held_bytes, limits.held_bytes);
    limits.history_entries = or_default(o->history_entries, limits.history_entries);
    limits.recent_bytes = o->recent_bytes;
    if (o->chat) { /* whose clients wait for every answer */
        limits.messages_per_second = 0;
        limits.held_messages = 64;
        limits.held_bytes = (size_t)1 << 20;
        limits.session_rooms = 2;
    }
    w->limits = limits;
}

static void close_all(struct world *w)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->slots[i]) {
            w->slots[i]->may_end = true;
            wire_close(w->wire, w->slots[i]->wire, 1000);
        }
    come_to_rest(w);
}

/* A client that has all rooms but the hall deleted. */
static void sweep(struct world *w)
{
    static const char script[] = "d0d1d2d3d4d5d6S7";
    struct session *s = session_new(w, 0);
    char text[128];

    s->may_end = true;
    if (w->options.chat) {
        talk_sweep(w, s);
        come_to_rest(w);
        wire_close(w->wire, s->wire, 1000);
        return;
    }
    strcpy(s->connect_script, "c7");
    strcpy(s->messages[0].script, "c7");
    snprintf(text, sizeof text, "/dev?%u.c7", s->serial);
    s->wire = wire_connect(w->wire, text);
    strcpy(message_new(w, s)->script, script);
    snprintf(text, sizeof text, "{\"action\":\"run\",\"n\":1,\"script\":\"%s\"}", script);
    wire_send(w->wire, s->wire, text);
    s->garbage = true;
    wire_send(w->wire, s->wire, "no json");
    come_to_rest(w);
    wire_close(w->wire, s->wire, 1000);
}

/* Everybody goes, the rooms but for the hall go, and nothing of them stays. */
static void leave_nothing(struct world *w, bool may_have_failed)
{
    come_to_rest(w);
    close_all(w);
    sweep(w);
    come_to_rest(w);
    if (chatroom_connection_count(w->c) != 0 || (sim_disk_sessions(w->disk) != 0 && !may_have_failed))
        broken(w, P8, "everybody went, and sessions stayed");
}

/* Of members, in powers of two: all who are there, and as many who are about to come. */
static size_t list_bytes(const struct world *w)
{
    size_t capacity = 4;

    while (capacity < 2 * w->options.slots)
        capacity *= 2;
    return capacity * sizeof(void *);
}

/* The list of a room's members stays as long as it has been, and is not longer than all could make it. */
static void check_baseline(struct world *w)
{
    size_t rooms = w->options.chat ? ROOMS : 1;
    size_t lists = list_bytes(w) * rooms + w->limits.recent_bytes;

    if (w->baseline == 0)
        w->baseline = w->heap.blocks;
    if (w->baseline_bytes == 0)
        w->baseline_bytes = w->bytes;
    if (w->heap.blocks > w->baseline + rooms * (w->limits.recent_bytes > 0 ? 3 : 1))
        broken(w, P8, "everybody went, and %zu blocks stayed where there were %zu", w->heap.blocks, w->baseline);
    if (w->bytes > w->baseline_bytes + lists + 4096)
        broken(w, P8, "everybody went, and %zu bytes stayed where there were %zu", w->bytes, w->baseline_bytes);
}

/* A wire has only so many clients in its life. */
static bool is_used_up(const struct world *w)
{
    const struct session *last = w->session_count > 0 ? w->sessions[w->session_count - 1] : NULL;

    return last && last->life == w->life && last->wire + 8 >= WIRE_CLIENTS;
}

static void safety_phase(struct world *w)
{
    uint64_t until_ms = world_ms(w) + (uint64_t)w->options.minutes * 60000;

    for (unsigned i = 1; i <= w->options.ticks || world_ms(w) < until_ms; i++) {
        tick(w);
        if (i % (w->options.calm_every + 1) == 0)
            rest(w);
        if (rnd_per_mille(&w->random, w->options.die))
            die(w);
        else if (rnd_per_mille(&w->random, w->options.stop) || (i % 50 == 0 && sim_store_failed(w->disk)) ||
                 is_used_up(w))
            stop(w);
    }
}

/* Half of the clients freeze for good; the others must get on as if there were none of those. */
static void liveness_phase(struct world *w)
{
    if (sim_store_failed(w->disk))
        return;
    trace(w, "faults end");
    for (unsigned i = 0; i < SLOTS; i += 2)
        if (w->slots[i]) {
            w->slots[i]->frozen = w->slots[i]->slow = w->slots[i]->may_end = true;
            wire_limit(w->wire, w->slots[i]->wire, wire_queued(w->wire, w->slots[i]->wire) + 20);
        }
    be_calm(w, true);
    for (unsigned i = 0; i < 20; i++) {
        w->tick++;
        pass_time(w);
        clients_act(w);
        sim_store_run(w->disk, world_ms(w));
        handlers_resume(w, true);
        step(w);
    }
    rest(w);
}

static void begin(struct world *w)
{
    options_choose(&w->options, w->seed, &w->overrides);
    set_limits(w);
    w->random = rnd_new(w->seed, 2);
    w->heap_random = rnd_new(w->seed, 3);
    w->wire_random = rnd_new(w->seed, 4);
    w->ids = rnd_new(w->seed, 5);
    w->authorizer_random = rnd_new(w->seed, 8);
    w->now = (struct chatroom_now){1000000000, 1795467901000};
    w->disk = sim_disk_new(rnd_new(w->seed, 6));
    w->hash = 0xcbf29ce484222325u;
    begin_life(w);
}

static void end(struct world *w)
{
    end_life(w);
    sim_disk_free(w->disk);
    for (size_t i = 0; i < w->session_count; i++) {
        talk_free(w->sessions[i]);
        free(w->sessions[i]->messages);
        free(w->sessions[i]);
    }
    free(w->sessions);
    free(w->deferred);
    check_free(w);
}

void world_run(struct world *w)
{
    const struct options *o = &w->options;

    begin(w);
    leave_nothing(w, false); /* and makes the hall */
    check_baseline(w);
    be_calm(w, false);
    safety_phase(w);
    rest(w);
    liveness_phase(w);
    if (!sim_store_failed(w->disk)) {
        leave_nothing(w, o->batch_fails > 0 || o->full > 0 || o->unsure > 0 || o->oom > 0);
        check_baseline(w);
    }
    be_calm(w, true);
    stop(w);
    leave_nothing(w, false);
    check_end(w);
    end(w);
}

/* ---- F56 ---- */

/* All others are 0: who is there stays, so that a wire is enough, and what a store refuses is tried again. */
static const struct {
    size_t option;
    unsigned value;
} soaked[] = {{OPTION_slots, 40},      {OPTION_busy, 6},       {OPTION_operations, 3},       {OPTION_tick_ms, 3000},
              {OPTION_groups, 1},      {OPTION_full, 5},       {OPTION_refuse_submit, 5},    {OPTION_latency_ms, 20},
              {OPTION_refuse_read, 5}, {OPTION_read_fails, 5}, {OPTION_recent_bytes, 16384}, {OPTION_burst, 1},
              {OPTION_clock_hours, 1}, {OPTION_stall, 1},      {OPTION_calm_every, 2000}};

/* What the instance has once everybody has gone, and the most that it had. */
static size_t quarter(struct world *w, uint64_t ms)
{
    uint64_t until_ms = world_ms(w) + ms;
    size_t bytes;

    be_calm(w, false);
    w->bytes_most = 0;
    for (unsigned i = 1; world_ms(w) < until_ms; i++) {
        tick(w);
        if (i % w->options.calm_every == 0)
            rest(w);
    }
    leave_nothing(w, true);
    bytes = w->bytes;
    printf("%llu h: %zu bytes at rest, %zu at most, %zu sessions so far\n",
           (unsigned long long)world_ms(w) / (uint64_t)hour_ms, bytes, w->bytes_most, w->session_count);
    return bytes;
}

int soak(unsigned hours)
{
    static struct world w;
    size_t first, last = 0;

    w.seed = 56;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        w.overrides.given[i] = true;
    for (size_t i = 0; i < sizeof soaked / sizeof *soaked; i++)
        w.overrides.values[soaked[i].option] = soaked[i].value;
    w.soaks = true;
    begin(&w);
    leave_nothing(&w, false);
    first = quarter(&w, hours * (uint64_t)hour_ms / 4);
    for (unsigned i = 0; i < 3; i++)
        last = quarter(&w, hours * (uint64_t)hour_ms / 4);
    printf("%u ticks, %u messages handled, %u entries heard\n", w.tick, w.calls, w.heard);
    end(&w);
    return last > first + first / 100;
}
