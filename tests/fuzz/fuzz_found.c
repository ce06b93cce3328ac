/*
 * What a store says it found, in a whole instance. The input is items of four octets and what they announce: what the
 * item is, a name's size, and a value's: a room, its newest entry, a session, an entry of the log that is asked for. A
 * store that keeps to its contract says nothing twice, so those are passed over; whatever the values are, the start
 * succeeds or is refused as EFORMAT. Then every session has its $disconnect once, with what its record says, and is
 * erased; a client that joins the first room gets the rows that can be read, up to the first that cannot; and what it
 * says is numbered on.
 */
#include "fuzz.h"
#include "heap.h"
#include "wire.h"

#include <chatroom/chatroom.h>
#include <chatroom/utf8.h>

#include <string.h>

enum { ITEMS = 32, ID = 16, HEADER = 4 };

enum kind { ROOM, NEWEST, SESSION, ROW, KINDS };

struct item {
    enum kind kind;
    chatroom_span name, value;
    unsigned gone, erased; /* of a session: how often */
    bool found;
};

static struct world {
    struct item items[ITEMS];
    size_t count;
    const struct item *room; /* the first */
    uint64_t rows, newest;
    char said[256]; /* the entry of the client */
    size_t said_size;
    size_t rows_given; /* to it */
    bool refused;
} world;

/* ---- the input ---- */

static bool is_known(enum kind kind, chatroom_span name)
{
    for (size_t i = 0; i < world.count; i++)
        if (world.items[i].kind == kind && chatroom_span_equal(world.items[i].name, name))
            return true;
    return false;
}

static chatroom_span take(const uint8_t **at, const uint8_t *end, size_t size)
{
    chatroom_span span = chatroom_bytes(*at, size < (size_t)(end - *at) ? size : (size_t)(end - *at));

    *at += span.size;
    return span;
}

static void read_items(const uint8_t *at, const uint8_t *end)
{
    memset(&world, 0, sizeof world);
    while (end - at >= HEADER && world.count < ITEMS) {
        struct item item = {.kind = at[0] % KINDS};
        size_t name_size = at[1], value_size = (size_t)at[2] << 8 | at[3];

        at += HEADER;
        item.name = take(&at, end, item.kind == SESSION ? ID : name_size);
        item.value = take(&at, end, value_size);
        if (item.kind != ROW && is_known(item.kind, item.name))
            continue;
        if (item.kind == SESSION && item.name.size != ID)
            continue;
        world.items[world.count++] = item;
    }
    for (size_t i = 0; i < world.count; i++) {
        world.rows += world.items[i].kind == ROW;
        if (world.items[i].kind == ROOM && !world.room)
            world.room = &world.items[i];
    }
    world.newest = world.rows;
}

/* ---- the store ---- */

static int report(chatroom_store_port *port, struct item *item)
{
    switch (item->kind) {
    case ROOM:
        return chatroom_store_found_room(port, item->name, item->value, 7, world.newest);
    case NEWEST:
        chatroom_store_found_newest(port, item->name, item->value);
        return CHATROOM_OK;
    case SESSION:
        return chatroom_store_found_session(port, item->name, item->value);
    default:
        return CHATROOM_OK;
    }
}

/* Rooms come before their entries, and those before sessions. */
static int store_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    (void)self;
    for (int kind = ROOM; kind <= SESSION; kind++)
        for (size_t i = 0; i < world.count; i++) {
            struct item *item = &world.items[i];
            int result = item->kind == (enum kind)kind ? report(port, item) : CHATROOM_OK;

            if (result != CHATROOM_OK) {
                REQUIRE(result == CHATROOM_EFORMAT);
                world.refused = true;
                return chatroom_error_set(error, result, "refused");
            }
            item->found = item->found || item->kind == (enum kind)kind;
        }
    return CHATROOM_OK;
}

static struct item *session_of(chatroom_span id)
{
    for (size_t i = 0; i < world.count; i++)
        if (world.items[i].kind == SESSION && chatroom_span_equal(world.items[i].name, id))
            return &world.items[i];
    return NULL;
}

static void do_write(struct chatroom_write *write)
{
    struct item *session = write->kind == CHATROOM_ERASE_SESSION ? session_of(write->key) : NULL;

    REQUIRE(write->key.size <= CHATROOM_KEY_MAX);
    REQUIRE_WRITTEN(write->value.bytes, write->value.size);
    if (session)
        session->erased++;
    if (write->kind == CHATROOM_APPEND) {
        REQUIRE(world.newest++ == world.rows && write->value.size <= sizeof world.said);
        memcpy(world.said, write->value.bytes, write->value.size);
        world.said_size = write->value.size;
    }
    write->ret_seq = world.newest;
    write->ret_epoch = 7;
}

static int store_submit(void *self, struct chatroom_ticket *ticket)
{
    (void)self;
    for (size_t i = 0; i < ticket->count; i++)
        do_write(&ticket->writes[i]);
    chatroom_write_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

/* The rows of the input are the log of every room, and what was said since. */
static int store_read(void *self, struct chatroom_ticket *ticket)
{
    uint64_t seq = 0;
    bool more = true;

    (void)self;
    REQUIRE(ticket->read.kind == CHATROOM_READ_FROM && ticket->read.seq == 1 && ticket->read.limit > ITEMS);
    ticket->read.ret_epoch = 7;
    for (size_t i = 0; i < world.count && more; i++)
        if (world.items[i].kind == ROW)
            more = chatroom_read_row(ticket, ++seq, world.items[i].value);
    if (more && world.newest > world.rows)
        chatroom_read_row(ticket, world.newest, chatroom_bytes(world.said, world.said_size));
    chatroom_read_done(ticket, CHATROOM_OK);
    return CHATROOM_OK;
}

static void store_close(void *self)
{
    (void)self;
}

static const struct chatroom_store_ops store_ops = {CHATROOM_STORE_OPS,     .name = "found",    .open = store_open,
                                                    .submit = store_submit, .read = store_read, .close = store_close};

/* ---- handlers ---- */

/* What its record says, which the library has read already: version, time, address, agent. */
static void check_session(const struct chatroom_request_info *info, chatroom_span record)
{
    int64_t connected;
    uint32_t size;

    memcpy(&connected, record.bytes + 1, sizeof connected);
    REQUIRE(info->connected_at_ms == connected);
    memcpy(&size, record.bytes + 9, sizeof size);
    REQUIRE(info->source_ip.size <= size);
    REQUIRE(memcmp(info->source_ip.bytes, record.bytes + 13, info->source_ip.size) == 0);
}

static int on_gone(chatroom_request *request, void *arg)
{
    const struct chatroom_request_info *info = chatroom_request_info(request);
    struct item *session = session_of(info->connection_id);

    (void)arg;
    if (!session)
        return CHATROOM_OK; /* the client's */
    REQUIRE(info->event == CHATROOM_DISCONNECT && info->cause == CHATROOM_CAUSE_CRASH && info->close_code == 1006);
    REQUIRE(session->gone++ == 0);
    check_session(info, session->value);
    for (size_t i = 0, count = chatroom_request_session_rooms(request); i < count; i++)
        REQUIRE(is_known(ROOM, chatroom_request_session_room(request, i)));
    return CHATROOM_OK;
}

static int give(chatroom_request *request, const struct chatroom_history *history, void *arg)
{
    (void)request, (void)arg;
    for (size_t i = 0; i < history->count; i++)
        REQUIRE(history->entries[i].seq == i + 1 && history->entries[i].epoch == 7);
    world.rows_given = history->count;
    return CHATROOM_OK;
}

static int on_message(chatroom_request *request, void *arg)
{
    const struct chatroom_history_query query = {.oldest = true};
    int result = chatroom_request_join(request, world.room->name);

    REQUIRE(result == CHATROOM_OK);
    result = chatroom_request_publish(request, world.room->name, chatroom_str("1"), chatroom_str(""));
    REQUIRE(result == CHATROOM_OK);
    return chatroom_request_history(request, world.room->name, &query, give, arg);
}

/* ---- what must hold ---- */

/* The first octets of an entry say its version and time, then three lengths. */
static bool is_entry(chatroom_span value)
{
    size_t at = 9;

    if (value.size < at || value.bytes[0] != 1)
        return false;
    for (int i = 0; i < 3; i++) {
        uint32_t size;

        if (value.size - at < sizeof size)
            return false;
        memcpy(&size, value.bytes + at, sizeof size);
        at += sizeof size;
        if (size > value.size - at)
            return false;
        at += size;
    }
    return at == value.size;
}

static size_t readable(void)
{
    size_t count = 0;

    for (size_t i = 0; i < world.count; i++) {
        if (world.items[i].kind == ROW && !is_entry(world.items[i].value))
            return count;
        count += world.items[i].kind == ROW;
    }
    return count + 1; /* its own */
}

static void steps(chatroom *c, struct chatroom_now *now)
{
    for (int i = 0; i < 6; i++) {
        now->mono_ns += 1000000;
        REQUIRE(chatroom_step(c, *now) == CHATROOM_OK);
    }
}

static void check_sessions(void)
{
    for (size_t i = 0; i < world.count; i++) {
        const struct item *item = &world.items[i];

        if (item->kind == SESSION)
            REQUIRE(item->gone == item->found && item->erased == item->found);
    }
}

/* Nobody could have made another. */
static bool is_name(chatroom_span name)
{
    return name.size > 0 && chatroom_utf8_valid(name);
}

static void visit(chatroom *c, struct wire *wire, struct chatroom_now *now)
{
    size_t client = wire_connect(wire, "/dev");

    steps(c, now);
    wire_send(wire, client, "{}");
    steps(c, now);
    REQUIRE(wire_is_open(wire, client));
    REQUIRE(world.rows_given == readable());
    REQUIRE(chatroom_room_members(c, world.room->name) == 1);
}

static void run(chatroom *c, struct wire *wire)
{
    struct chatroom_now now = {1000000000, INT64_C(1795467901000)};
    int result = chatroom_start(c, now, NULL);

    REQUIRE(result == (world.refused ? CHATROOM_EFORMAT : CHATROOM_OK));
    if (result == CHATROOM_OK) {
        steps(c, &now);
        check_sessions();
        if (world.room && is_name(world.room->name))
            visit(c, wire, &now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct heap heap = {0};
    const struct chatroom_alloc alloc = heap_alloc(&heap);
    struct chatroom_config config = CHATROOM_CONFIG;
    struct wire *wire = wire_new(true);
    chatroom *c;

    read_items(bytes, bytes + size);
    config.alloc = &alloc;
    config.stage = "dev";
    config.transport = wire_transport(wire);
    config.store = (struct chatroom_store){&store_ops, NULL};
    REQUIRE(chatroom_new(&config, &c, NULL) == CHATROOM_OK);
    REQUIRE(chatroom_route(c, "$disconnect", on_gone, NULL) == CHATROOM_OK);
    REQUIRE(chatroom_route(c, "$default", on_message, NULL) == CHATROOM_OK);
    run(c, wire);
    chatroom_free(c);
    wire_free(wire);
    REQUIRE(heap.blocks == 0);
    return 0;
}
