#include "access_log.h"
#include "activity.h"
#include "api.h"
#include "commit.h"
#include "connection.h"
#include "defer.h"
#include "everyone.h"
#include "expression.h"
#include "gateway.h"
#include "keys.h"
#include "management.h"
#include "memory.h"
#include "names.h"
#include "request.h"
#include "rooms.h"
#include "route.h"
#include "signers.h"
#include "text.h"

#include <chatroom/utf8.h>

enum {
    ROUNDS = 64,     /* in one step, so that an instance that feeds itself lets its host go on */
    TURNS = 32,      /* of the transport in one step */
    RETRY_MS = 100,  /* until what failed for want of memory is tried again */
    STAGE_MOST = 128 /* characters, as API Gateway's stage names */
};

static const uint64_t ms_ns = 1000000;
static const uint64_t write_ns = 4000; /* about what a write to a socket costs */

/* ---- making ---- */

void chatroom_limits_aws(struct chatroom_limits *limits)
{
    limits->frame_bytes = 32768;
    limits->unknown_stage_status = 403;
}

static bool is_word(const char *text, size_t most)
{
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++)
        if (!(text[i] >= 'a' && text[i] <= 'z') && !(text[i] >= 'A' && text[i] <= 'Z') &&
            !(text[i] >= '0' && text[i] <= '9') && text[i] != '_' && text[i] != '-')
            return false;
    return size > 0 && size <= most;
}

static int check(const struct chatroom_config *config, struct chatroom_error *error)
{
    const struct chatroom_limits *limits = &config->limits;

    if (config->size < offsetof(struct chatroom_config, limits))
        return chatroom_error_set(error, CHATROOM_EINVAL, "The configuration must begin as CHATROOM_CONFIG.");
    if (!config->store.ops || !config->transport.ops)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A store and a transport are needed.");
    if (!config->random)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A source of random bytes is needed.");
    if (config->stage && !is_word(config->stage, STAGE_MOST))
        return chatroom_error_set(error, CHATROOM_EINVAL,
                                  "A stage has 1 to 128 letters, digits, hyphens and underscores.");
    if (config->domain && !cr_api_is_host(config->domain))
        return chatroom_error_set(error, CHATROOM_EINVAL, "A domain is the name of a host, of at most 261 bytes.");
    if (config->per_second > 0 && config->burst == 0)
        return chatroom_error_set(error, CHATROOM_EINVAL, "A rate needs a burst: nothing would get through.");
    if (limits->message_bytes == 0 || limits->history_entries == 0 || limits->history_pages == 0 ||
        limits->held_messages == 0)
        return chatroom_error_set(error, CHATROOM_EINVAL,
                                  "message_bytes, history_entries, history_pages and held_messages cannot be 0.");
    if ((limits->messages_per_second > 0 && limits->messages_burst == 0) ||
        (limits->bytes_per_second > 0 && limits->bytes_burst == 0))
        return chatroom_error_set(error, CHATROOM_EINVAL, "A rate needs a burst: nothing would get through.");
    if (limits->unknown_stage_status < 400 || limits->unknown_stage_status > 599)
        return chatroom_error_set(error, CHATROOM_EINVAL, "unknown_stage_status must be from 400 to 599.");
    return CHATROOM_OK;
}

/* Tables of older programs are shorter: what they do not know is NULL. */
static void copy_tables(chatroom *c)
{
    size_t store = c->store.ops->size, transport = c->transport.ops->size;

    memcpy(&c->store_ops, c->store.ops, store < sizeof c->store_ops ? store : sizeof c->store_ops);
    memcpy(&c->transport_ops, c->transport.ops,
           transport < sizeof c->transport_ops ? transport : sizeof c->transport_ops);
    c->store.ops = &c->store_ops;
    c->transport.ops = &c->transport_ops;
}

static int take_random(chatroom *c)
{
    uint8_t keys[5][16];
    int result = c->config.random(c->config.random_arg, keys, sizeof keys);

    memcpy(c->ids.key, keys[0], sizeof keys[0]);
    memcpy(c->rooms.key, keys[1], sizeof keys[1]);
    memcpy(c->connections.key, keys[2], sizeof keys[2]);
    memcpy(c->facts.key, keys[3], sizeof keys[3]);
    memcpy(c->routes.key, keys[4], sizeof keys[4]);
    cr_wipe(keys, sizeof keys);
    return result;
}

static int compile_selection(chatroom *c, struct chatroom_error *error)
{
    const char *text = c->config.route_selection ? c->config.route_selection : "$request.body.action";
    chatroom_span field;
    int result = cr_expression_compile(&c->alloc, chatroom_str(text), &c->selection, error);

    if (result == CHATROOM_OK && cr_expression_is_member(c->selection, &field))
        c->selection_field = field.bytes;
    return result;
}

static int set_up(chatroom *c, struct chatroom_error *error)
{
    int result;

    c->rooms.alloc = c->connections.alloc = c->facts.alloc = c->routes.alloc = &c->alloc;
    c->store_port.c = c->transport_port.c = c;
    c->write_entry = cr_text_payload;
    c->write_refusal = cr_text_gateway_refusal;
    result = take_random(c);
    if (result == CHATROOM_OK)
        result = cr_api_init(c, &c->config);
    return result == CHATROOM_OK ? compile_selection(c, error) : result;
}

/* The store first: until it is closed, its threads complete tickets and wake the transport. */
static void close_backends(const struct chatroom_store *store, const struct chatroom_transport *transport)
{
    if (store->ops)
        store->ops->close(store->self);
    if (transport->ops)
        transport->ops->close_all(transport->self);
}

/*
 * A program that was built with a shorter struct gets the defaults for the rest. None is so short that it has no store
 * and transport: a size that says so is wrong, and they are to be closed.
 */
static struct chatroom_config whole_config(const struct chatroom_config *given)
{
    struct chatroom_config config = {.limits = CHATROOM_LIMITS};

    memcpy(&config, given, given->size < sizeof config ? given->size : sizeof config);
    config.store = given->store;
    config.transport = given->transport;
    return config;
}

int chatroom_new(const struct chatroom_config *given, chatroom **ret_chatroom, struct chatroom_error *error)
{
    struct chatroom_config config = whole_config(given);
    const struct chatroom_alloc *alloc = config.alloc ? config.alloc : &cr_default_alloc;
    int result = check(&config, error);
    chatroom *c = result == CHATROOM_OK ? cr_new(alloc, sizeof *c) : NULL;

    if (!c) {
        close_backends(&config.store, &config.transport);
        return result ? result : chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    }
    c->alloc = *alloc;
    c->config = config;
    c->store = config.store;
    c->transport = config.transport;
    copy_tables(c);
    if (error)
        memset(error, 0, sizeof *error);
    result = set_up(c, error);
    if (result != CHATROOM_OK) {
        chatroom_free(c);
        return error && error->text[0] ? result : chatroom_error_set(error, result, chatroom_strerror(result));
    }
    *ret_chatroom = c;
    return CHATROOM_OK;
}

void chatroom_set_entry(chatroom *c, chatroom_entry_fn *write, void *arg)
{
    if (c->started)
        return;
    c->write_entry = write ? write : cr_text_payload;
    c->write_entry_arg = arg;
}

void chatroom_set_refusal(chatroom *c, chatroom_refusal_fn *write, void *arg)
{
    if (c->started)
        return;
    c->write_refusal = write ? write : cr_text_gateway_refusal;
    c->write_refusal_arg = arg;
}

/* ---- sources ---- */

int chatroom_add_source(chatroom *c, const struct chatroom_source_ops *ops, void *self)
{
    struct cr_source *source = c->started ? NULL : cr_new(&c->alloc, sizeof *source);

    if (!source || !c->transport.ops->watch) {
        cr_free(&c->alloc, source, sizeof *source);
        ops->close(self);
        return c->started || source ? CHATROOM_EINVAL : CHATROOM_ENOMEM;
    }
    memcpy(&source->ops, ops, ops->size < sizeof source->ops ? ops->size : sizeof source->ops);
    source->self = self;
    source->next = c->sources;
    c->sources = source;
    return CHATROOM_OK;
}

static int watch_sources(chatroom *c)
{
    int result = CHATROOM_OK;

    for (struct cr_source *source = c->sources; source && result == CHATROOM_OK; source = source->next)
        result = c->transport.ops->watch(c->transport.self, source->ops.fd(source->self));
    return result;
}

static void step_sources(chatroom *c)
{
    for (struct cr_source *source = c->sources; source; source = source->next)
        source->ops.step(source->self, c->now);
}

static uint64_t sources_deadline(const chatroom *c)
{
    uint64_t at = CHATROOM_NEVER;

    for (struct cr_source *source = c->sources; source; source = source->next) {
        uint64_t own = source->ops.deadline ? source->ops.deadline(source->self) : CHATROOM_NEVER;

        at = own < at ? own : at;
    }
    return at;
}

static void close_sources(chatroom *c)
{
    while (c->sources) {
        struct cr_source *source = c->sources;

        c->sources = source->next;
        source->ops.close(source->self);
        cr_free(&c->alloc, source, sizeof *source);
    }
}

/* ---- starting ---- */

int chatroom_store_found_room(chatroom_store_port *port, chatroom_span name, chatroom_span record, uint64_t epoch,
                              uint64_t seq)
{
    struct cr_room *room;
    int64_t created_ms;
    int result;

    if (cr_room_decode(record, &created_ms) != CHATROOM_OK)
        return CHATROOM_EFORMAT;
    result = cr_rooms_get(port->c, name, true, &room);
    if (result != CHATROOM_OK)
        return result;
    room->live = room->expected = true;
    room->created_ms = created_ms;
    room->epoch = epoch;
    room->newest = seq;
    return CHATROOM_OK;
}

void chatroom_store_found_newest(chatroom_store_port *port, chatroom_span name, chatroom_span value)
{
    struct cr_room *room = cr_rooms_find(port->c, name);
    struct chatroom_entry entry;

    if (room && cr_entry_decode(value, &entry) == CHATROOM_OK)
        room->newest_ms = entry.time_ms;
}

int chatroom_store_found_session(chatroom_store_port *port, chatroom_span id, chatroom_span record)
{
    struct cr_session_record session;

    if (id.size != CR_ID_SIZE || cr_session_decode(record, &session) != CHATROOM_OK ||
        session.name.size > CHATROOM_KEY_MAX)
        return CHATROOM_EFORMAT;
    return cr_connection_restore(port->c, id, &session);
}

void chatroom_store_log(chatroom_store_port *port, enum chatroom_log_level level, const char *event,
                        const struct chatroom_log_field *fields, size_t count)
{
    cr_log(port->c, level, event, fields, count);
}

void chatroom_transport_log(chatroom_transport_port *port, enum chatroom_log_level level, const char *event,
                            const struct chatroom_log_field *fields, size_t count)
{
    cr_log(port->c, level, event, fields, count);
}

chatroom_span chatroom_transport_connection_id(const chatroom_connection *connection)
{
    return cr_connection_id(connection);
}

static int by_creation(const struct cr_map_node *a, const struct cr_map_node *b)
{
    int64_t first = CR_CONTAINER(a, const struct cr_room, node)->created_ms;
    int64_t second = CR_CONTAINER(b, const struct cr_room, node)->created_ms;

    return (first > second) - (first < second);
}

int chatroom_start(chatroom *c, struct chatroom_now now, struct chatroom_error *error)
{
    struct chatroom_error unused;
    int result;

    if (!error)
        error = &unused;
    memset(error, 0, sizeof *error);
    if (c->started)
        return chatroom_error_set(error, CHATROOM_EINVAL, "It was started before.");
    c->started = true;
    c->now = now;
    result = c->store.ops->open(c->store.self, &c->store_port, error);
    if (result == CHATROOM_OK) {
        cr_map_sort(&c->rooms, by_creation);
        result = c->transport.ops->open(c->transport.self, &c->transport_port, error);
    }
    if (result == CHATROOM_OK)
        result = watch_sources(c);
    c->running = result == CHATROOM_OK;
    if (result != CHATROOM_OK && error->text[0] == '\0')
        chatroom_error_set(error, result, chatroom_strerror(result));
    return result;
}

bool chatroom_is_started(const chatroom *c)
{
    return c->running;
}

/* ---- running ---- */

static bool work(chatroom *c)
{
    bool any = cr_gateway_run(c);

    any |= cr_inbox_take(&c->inbox);
    any |= cr_commit_settle(c);
    return any;
}

static void flush_store(chatroom *c)
{
    if (c->submitted && c->store.ops->flush)
        c->store.ops->flush(c->store.self);
    c->submitted = false;
}

/* Goes on until nothing moves. False: it would not end. */
static bool settle_down(chatroom *c)
{
    unsigned rounds = 0;

    while (work(c))
        if (++rounds == ROUNDS)
            return false;
    return true;
}

/*
 * Takes what has come, a part at a time, so that what a part needs is still at hand when it is through; then has the
 * store begin with all of it. False: there is more to do.
 */
static bool take_turns(chatroom *c)
{
    unsigned turns = 0, rounds = 0;
    bool more;

    do {
        c->transport.ops->step(c->transport.self, c->now);
        if (!settle_down(c))
            break;
        more = c->transport.ops->more && c->transport.ops->more(c->transport.self);
    } while (more && ++turns < TURNS);
    do
        flush_store(c);
    while (work(c) && ++rounds < ROUNDS);
    return rounds < ROUNDS;
}

/* Until when the transport's flush may wait; 0: there is nothing to gain by it. */
static uint64_t flush_by(const chatroom *c)
{
    if (!c->transport.ops->due || c->storing == 0 || c->due_since_ns == 0)
        return 0;
    return c->due_since_ns + c->transport.ops->due(c->transport.self) * write_ns;
}

/*
 * What is due to many peers costs as much whether it is one message or twenty. So it waits for the entries that are at
 * the store, but no longer than writing now would take: then it has lost at most as much again.
 */
static void flush_transport(chatroom *c)
{
    if (c->due_since_ns == 0)
        c->due_since_ns = c->now.mono_ns;
    if (flush_by(c) > c->now.mono_ns)
        return;
    c->due_since_ns = 0;
    if (c->transport.ops->flush)
        c->transport.ops->flush(c->transport.self);
}

int chatroom_step(chatroom *c, struct chatroom_now now)
{
    bool finished;

    if (!c->running || c->stepping)
        return CHATROOM_EINVAL;
    c->stepping = true;
    c->now = now;
    cr_inbox_wake(&c->inbox);
    if (atomic_load(&c->asked_to_stop))
        chatroom_stop(c);
    step_sources(c);
    cr_inbox_take(&c->inbox); /* before deadlines: what has come while the host stood still came in time */
    cr_defer_expire(c);
    cr_connections_resume(c);
    cr_activity_sweep(c);
    finished = take_turns(c);
    flush_transport(c);
    c->unfinished = !cr_inbox_sleep(&c->inbox) || !finished;
    c->stepping = false;
    return CHATROOM_OK;
}

int chatroom_fd(const chatroom *c)
{
    return c->running && c->transport.ops->fd ? c->transport.ops->fd(c->transport.self) : -1;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t chatroom_deadline(const chatroom *c)
{
    uint64_t at = earlier(earlier(cr_defer_deadline(c), cr_activity_deadline(c)), cr_connections_resume_at(c));

    if (!c->running || c->unfinished)
        return 0;
    at = earlier(at, sources_deadline(c));
    if (c->transport.ops->deadline)
        at = earlier(at, c->transport.ops->deadline(c->transport.self));
    if (c->due_since_ns > 0)
        at = earlier(at, flush_by(c));
    if (c->stopping)
        at = earlier(at, c->stop_by_ns);
    if (c->ready)
        at = earlier(at, c->now.mono_ns + RETRY_MS * ms_ns);
    return at;
}

/* ---- ending ---- */

void chatroom_stop(chatroom *c)
{
    if (c->stopping || !c->running)
        return;
    c->stopping = true;
    c->stop_by_ns = c->now.mono_ns + c->config.limits.drain_ms * ms_ns;
    c->hurry_by_ns = c->now.mono_ns + c->config.limits.drain_ms * ms_ns / 2;
    c->transport.ops->stop(c->transport.self);
    cr_gateway_stop(c);
}

bool chatroom_stopped(const chatroom *c)
{
    if (!c->stopping)
        return false;
    if (c->now.mono_ns >= c->stop_by_ns)
        return true;
    return c->connections.count == 0 && c->loose == 0 &&
           !(c->transport.ops->busy && c->transport.ops->busy(c->transport.self));
}

/* While the transport lives: it must not be called once it is closed. */
static void leave_transport(chatroom *c)
{
    struct cr_map_node *node;
    const char *id;

    for (size_t place = 0; (id = cr_id_set_next(&c->connections, &place)); place++)
        cr_connection_lose(CR_CONTAINER(id, chatroom_connection, id));
    for (node = cr_map_first(&c->rooms); node; node = cr_map_next(node))
        cr_roster_leave_transport(&CR_CONTAINER(node, struct cr_room, node)->roster);
    cr_everyone_leave_transport(c);
}

static void free_requests(struct cr_activity *activity)
{
    while (activity && activity->requests) {
        chatroom_request *request = activity->requests;

        activity->requests = request->next;
        cr_request_free(request);
    }
}

/* Those of the host: all of them have come back from the store, and none from elsewhere. */
static void free_loose(chatroom *c)
{
    chatroom_request *request = c->settled, *next;

    for (; request; request = next) {
        next = request->next_settled;
        if (request->connection)
            continue;
        if (request->outcome)
            request->outcome(request->outcome_arg, request->ticket.status);
        cr_request_free(request);
    }
}

static void free_connections(chatroom *c)
{
    const char *id;

    for (size_t place = 0; (id = cr_id_set_next(&c->connections, &place));) {
        chatroom_connection *connection = CR_CONTAINER(id, chatroom_connection, id);

        free_requests(connection->activity);
        cr_connection_free(connection);
    }
    cr_id_set_fini(&c->connections);
}

/* Their $disconnect runs at the next start, if the store keeps them. */
static void log_sessions_left(const chatroom *c)
{
    const struct chatroom_log_field sessions = CHATROOM_NUMBER("sessions", c->connections.count);

    if (c->stopping && c->connections.count > 0)
        cr_log(c, CHATROOM_LOG_WARN, "sessions_left", &sessions, 1);
}

void chatroom_free(chatroom *c)
{
    struct chatroom_alloc alloc;

    if (!c)
        return;
    log_sessions_left(c);
    c->dying = true;
    close_sources(c);
    leave_transport(c);
    close_backends(&c->store, &c->transport);
    cr_inbox_take(&c->inbox);
    cr_commit_abandon(c);
    free_loose(c);
    cr_defer_free_abandoned(c);
    free_connections(c);
    cr_rooms_free(c);
    cr_routes_free(c);
    cr_keys_free(c);
    cr_signers_free(c);
    cr_access_log_free(c);
    cr_management_free(c);
    cr_names_fini(c);
    cr_activity_free_spares(c);
    alloc = c->alloc;
    cr_free(&alloc, c->scratch, c->scratch_size);
    cr_api_fini(c);
    cr_free(&alloc, c, sizeof *c);
}

/* ---- looking ---- */

size_t chatroom_connection_count(const chatroom *c)
{
    return c->open_count;
}

static struct cr_room *expected_room(const chatroom *c, chatroom_span name)
{
    struct cr_room *room = cr_rooms_find(c, name);

    if (!room)
        return NULL;
    cr_room_expect(room);
    return room->expected ? room : NULL;
}

static size_t count_rooms(const chatroom *c, chatroom_room_fn *visit, void *arg)
{
    struct cr_map_node *node = cr_map_first(&c->rooms);
    size_t count = 0;

    for (; node; node = cr_map_next(node)) {
        struct cr_room *room = CR_CONTAINER(node, struct cr_room, node);

        cr_room_expect(room);
        if (!room->expected)
            continue;
        count++;
        if (visit && !visit(arg, cr_room_name(room)))
            break;
    }
    return count;
}

size_t chatroom_room_count(const chatroom *c)
{
    return count_rooms(c, NULL, NULL);
}

void chatroom_each_room(const chatroom *c, chatroom_room_fn *visit, void *arg)
{
    count_rooms(c, visit, arg);
}

bool chatroom_room_exists(const chatroom *c, chatroom_span name)
{
    return expected_room(c, name) != NULL;
}

size_t chatroom_room_members(const chatroom *c, chatroom_span name)
{
    const struct cr_room *room = expected_room(c, name);

    return room ? room->expected_members : 0;
}

void chatroom_each_member(const chatroom *c, chatroom_span name, chatroom_member_fn *visit, void *arg)
{
    const struct cr_room *room = cr_rooms_find(c, name);

    for (size_t i = 0; room && i < room->roster.count; i++) {
        const chatroom_connection *connection =
            CR_CONTAINER(room->roster.members[i], const struct cr_membership, member)->connection;

        if (!visit(arg, cr_connection_id(connection), cr_connection_name(connection)))
            return;
    }
}

uint32_t chatroom_store_capabilities(const chatroom *c)
{
    return c->store.ops->caps;
}
