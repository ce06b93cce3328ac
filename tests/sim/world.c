/*
 * world.c: how a world goes on: ticks, lives of instances, moments of peace, the end.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

enum { REST_MOST = 3000 }; /* ticks until everything must have come to rest */

uint64_t world_ms(const struct world *w)
{
    return w->now.mono_ns / 1000000;
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
    s->messages[s->count] = (struct message){.sent_tick = w->tick};
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

static void begin_life(struct world *w)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    const struct chatroom_alloc alloc = heap_alloc(&w->heap);
    struct chatroom_error error;
    int result;

    w->life++;
    heap_heal(&w->heap);
    w->wire = wire_new(w->options.groups);
    wire_set_fault(w->wire, wire_fails, w);
    for (size_t i = 0; i < w->session_count; i++)
        w->sessions[i]->disconnects = 0;
    config.alloc = &alloc;
    config.random = random_bytes;
    config.random_arg = w;
    config.stage = "dev";
    config.limits = w->options.limits;
    config.store = sim_store(w->disk);
    config.transport = wire_transport(w->wire);
    if (chatroom_new(&config, &w->c, &error) != CHATROOM_OK)
        broken(w, CONTRACT, "chatroom_new(): %s", error.text);
    handlers_bind(w);
    result = chatroom_start(w->c, w->now, &error);
    if (result != CHATROOM_OK)
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
    if (w->heap.blocks != 0)
        broken(w, P8, "%zu blocks were not freed", w->heap.blocks);
}

/* ---- time ---- */

static void pass_time(struct world *w)
{
    unsigned kind = rnd_below(&w->random, 1000);
    unsigned ms = kind < 960 ? rnd_below(&w->random, 20) : kind < 997 ? rnd_below(&w->random, 2000) : 31000;

    w->now.mono_ns += (uint64_t)ms * 1000000;
    w->now.wall_ms += ms;
    if (kind == 500) {
        w->now.wall_ms -= 3600000;
        w->went_back = true;
    }
    if (kind == 501)
        w->now.wall_ms += 3600000;
}

static void step(struct world *w)
{
    uint64_t failed = w->heap.failed;

    if (chatroom_step(w->c, w->now) != CHATROOM_OK)
        broken(w, CONTRACT, "chatroom_step() failed");
    if (w->heap.failed > failed)
        for (unsigned i = 0; i < SLOTS; i++)
            if (w->slots[i])
                w->slots[i]->oom = true;
    check_heard(w);
}

static void tick(struct world *w)
{
    w->tick++;
    pass_time(w);
    if (!w->calm) {
        clients_act(w);
        host_acts(w);
    }
    sim_store_run(w->disk, world_ms(w));
    handlers_resume(w, w->calm);
    if (!w->calm && rnd_per_mille(&w->heap_random, w->options.oom)) {
        uint64_t at = 1 + rnd_below(&w->heap_random, 300);

        heap_fail(&w->heap, at, 1 + rnd_below(&w->heap_random, rnd_below(&w->heap_random, 3) ? 2 : 60));
    }
    step(w);
}

/* ---- peace ---- */

static void be_calm(struct world *w, bool calm)
{
    struct sim_faults none = {.latency_ms = w->options.faults.latency_ms};

    w->calm = calm;
    *sim_disk_faults(w->disk) = calm ? none : w->options.faults;
    heap_heal(&w->heap);
}

static void come_to_rest(struct world *w)
{
    unsigned quiet = 0;

    be_calm(w, true);
    for (unsigned i = 0; quiet < 8; i++) {
        tick(w);
        quiet = sim_store_idle(w->disk) && w->deferred_count == 0 && chatroom_deadline(w->c) == CHATROOM_NEVER
                    ? quiet + 1
                    : 0;
        if (i == REST_MOST)
            broken(w, P8, "it does not come to rest");
    }
}

static void rest(struct world *w)
{
    come_to_rest(w);
    check_rest(w);
    be_calm(w, false);
}

/* ---- ends ---- */

static void die(struct world *w)
{
    trace(w, "power cut");
    sim_disk_cut(w->disk);
    end_life(w);
    begin_life(w);
}

static void stop(struct world *w)
{
    trace(w, "stop");
    if (rnd_below(&w->random, 2))
        chatroom_stop(w->c);
    else
        chatroom_ask_stop(w->c);
    step(w);
    for (unsigned i = 0; !chatroom_stopped(w->c); i++) {
        tick(w);
        if (i == REST_MOST)
            broken(w, P8, "it does not stop");
    }
    end_life(w);
    begin_life(w);
}

/* ---- a seed ---- */

static void choose(struct world *w)
{
    struct rnd r = rnd_new(w->seed, 1);
    struct options *o = &w->options;
    struct chatroom_limits limits = CHATROOM_LIMITS;

    o->slots = 4 + rnd_below(&r, SLOTS - 3);
    o->busy = 1 + rnd_below(&r, 12);
    o->ticks = 150 + rnd_below(&r, 300);
    o->calm_every = 60 + rnd_below(&r, 100);
    o->groups = rnd_below(&r, 2);
    o->die = rnd_below(&r, 2) ? rnd_below(&r, 12) : 0;
    o->stop = rnd_below(&r, 2) ? rnd_below(&r, 6) : 0;
    o->oom = rnd_below(&r, 3) == 0 ? rnd_below(&r, 60) : 0;
    o->wire_faults = rnd_below(&r, 4) == 0 ? rnd_below(&r, 8) : 0;
    o->faults.latency_ms = rnd_below(&r, 4) ? rnd_below(&r, 60) : 0;
    o->faults.refuse_submit = rnd_below(&r, 2) ? rnd_below(&r, 60) : 0;
    o->faults.batch_fails = rnd_below(&r, 2) ? rnd_below(&r, 100) : 0;
    o->faults.unsure = rnd_below(&r, 4) == 0 ? rnd_below(&r, 10) : 0;
    if (rnd_below(&r, 2)) {
        o->faults.refuse_read = rnd_below(&r, 60);
        o->faults.read_fails = rnd_below(&r, 60);
        o->faults.corrupt = rnd_below(&r, 60);
    }
    limits.messages_per_second = 0;
    limits.bytes_per_second = 0;
    limits.message_bytes = 4096;
    limits.history_bytes = 4096;
    limits.history_pages = 2;
    if (rnd_below(&r, 3) == 0) {
        limits.rooms = 3 + rnd_below(&r, 4);
        limits.room_members = 2 + rnd_below(&r, 6);
        limits.session_rooms = 1 + rnd_below(&r, 3);
    }
    if (rnd_below(&r, 3) == 0)
        limits.held_messages = 1 + rnd_below(&r, 4);
    if (rnd_below(&r, 3) == 0)
        limits.history_entries = 1 + rnd_below(&r, 6);
    if (rnd_below(&r, 6) == 0)
        limits.messages_per_second = 1 + rnd_below(&r, 20);
    o->limits = limits;
}

/* Off; for a few entries of a room, and of some of the rooms; for all of them. */
static size_t choose_recent(const struct world *w)
{
    struct rnd r = rnd_new(w->seed, 7);
    unsigned kind = rnd_below(&r, 4);
    size_t few = 2048 + rnd_below(&r, 6000);

    return kind == 0 ? 0 : kind < 3 ? few : w->options.limits.recent_bytes;
}

/* Everybody goes, the rooms but for the hall go, and nothing of them stays. */
static void leave_nothing(struct world *w, bool may_have_failed)
{
    static const char script[] = "d0d1d2d3d4d5d6S7";
    struct session *s;
    char text[128];

    come_to_rest(w);
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->slots[i]) {
            w->slots[i]->may_end = true;
            wire_close(w->wire, w->slots[i]->wire, 1000);
        }
    come_to_rest(w);
    s = session_new(w, 0);
    s->may_end = true;
    strcpy(s->connect_script, "c7");
    strcpy(s->messages[0].script, "c7");
    snprintf(text, sizeof text, "/dev?%u.c7", s->serial);
    s->wire = wire_connect(w->wire, text);
    strcpy(message_new(w, s)->script, script);
    snprintf(text, sizeof text, "{\"action\":\"run\",\"n\":1,\"script\":\"%s\"}", script);
    wire_send(w->wire, s->wire, text);
    wire_send(w->wire, s->wire, "no json");
    come_to_rest(w);
    wire_close(w->wire, s->wire, 1000);
    come_to_rest(w);
    if (chatroom_connection_count(w->c) != 0 || (sim_disk_sessions(w->disk) != 0 && !may_have_failed))
        broken(w, P8, "everybody went, and sessions stayed");
}

static void check_baseline(struct world *w)
{
    if (w->baseline == 0)
        w->baseline = w->heap.blocks;
    if (w->heap.blocks > w->baseline)
        broken(w, P8, "everybody went, and %zu blocks stayed where there were %zu", w->heap.blocks, w->baseline);
}

static void go_on(struct world *w)
{
    for (unsigned i = 1; i <= w->options.ticks; i++) {
        tick(w);
        if (i % w->options.calm_every == 0)
            rest(w);
        if (rnd_per_mille(&w->random, w->options.die))
            die(w);
        else if (rnd_per_mille(&w->random, w->options.stop) || (i % 50 == 0 && sim_store_failed(w->disk)))
            stop(w);
    }
}

void world_run(struct world *w)
{
    choose(w);
    w->options.limits.recent_bytes = choose_recent(w);
    w->random = rnd_new(w->seed, 2);
    w->heap_random = rnd_new(w->seed, 3);
    w->wire_random = rnd_new(w->seed, 4);
    w->authorizer_random = rnd_new(w->seed, 8);
    w->options.authorizer = rnd_below(&w->authorizer_random, 3) == 0;
    w->ids = rnd_new(w->seed, 5);
    w->now = (struct chatroom_now){1000000000, 1795467901000};
    w->disk = sim_disk_new(rnd_new(w->seed, 6));
    w->hash = 0xcbf29ce484222325u;
    begin_life(w);
    leave_nothing(w, false); /* and makes the hall */
    check_baseline(w);
    be_calm(w, false);
    go_on(w);
    rest(w);
    if (!sim_store_failed(w->disk)) {
        leave_nothing(w, w->options.faults.batch_fails > 0 || w->options.faults.unsure > 0 || w->options.oom > 0);
        check_baseline(w);
    }
    be_calm(w, true);
    stop(w);
    leave_nothing(w, false);
    check_end(w);
    end_life(w);
    sim_disk_free(w->disk);
    for (size_t i = 0; i < w->session_count; i++) {
        free(w->sessions[i]->messages);
        free(w->sessions[i]);
    }
    free(w->sessions);
    free(w->deferred);
    check_free(w);
}
