/*
 * What the whole server may allocate, sockets included: for a message to a room of any size, and for a connection that
 * has joined and is idle. Every malloc() of ours in a step is counted (count.h); the clients' are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include "count.h"
#include "ws_client.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CLIENTS_MOST = 420, /* two descriptors each, below the usual 1024 */
    ROOM = 10,          /* members of each, where there are many */
    TURNS_MOST = 5000,
    WARM_UP = 64,
    MEASURED = 32,
    EACH_MOST = 16,
};

/* Bytes of one connection, with what malloc() adds: measured, and rounded up to the next 64. */
enum { JOINED_MOST = 608, SPOKEN_MOST = 584 };

struct server {
    chatroom *c;
    struct chatroom_transport transport;
    struct chatroom_store store; /* the memory store, inside of ours, which counts */
    struct ws_client *clients[CLIENTS_MOST];
    size_t heard[CLIENTS_MOST]; /* messages of the room */
    size_t count;
    uint64_t calls; /* of malloc() and its like in steps */
    size_t bytes;   /* that steps left in use: */
    size_t core_bytes, store_bytes;
    size_t bytes_before, descriptors_before;
};

/* ---- whose memory it is ----------------------------------------------------------------------------------------- */

static void *core_resize(void *arg, void *memory, size_t old_size, size_t size)
{
    struct server *s = arg;
    size_t before = count_bytes();
    void *result = NULL;

    (void)old_size;
    if (size > 0)
        result = realloc(memory, size);
    else
        free(memory);
    s->core_bytes += count_bytes() - before;
    return result;
}

static int store_open(void *self, chatroom_store_port *port, struct chatroom_error *error)
{
    struct server *s = self;

    return s->store.ops->open(s->store.self, port, error);
}

static int store_submit(void *self, struct chatroom_ticket *ticket)
{
    struct server *s = self;
    size_t before = count_bytes();
    int result = s->store.ops->submit(s->store.self, ticket);

    s->store_bytes += count_bytes() - before;
    return result;
}

static int store_read(void *self, struct chatroom_ticket *ticket)
{
    struct server *s = self;

    return s->store.ops->read(s->store.self, ticket);
}

static void store_close(void *self)
{
    struct server *s = self;

    s->store.ops->close(s->store.self);
}

static const struct chatroom_store_ops store_ops = {
    CHATROOM_STORE_OPS,     .name = "counted",  .open = store_open,
    .submit = store_submit, .read = store_read, .close = store_close,
};

/* ---- a server and its clients ----------------------------------------------------------------------------------- */

static void take_all(struct server *s, size_t i)
{
    chatroom_span message;
    uint8_t first;

    while (ws_client_take(s->clients[i], &first, &message))
        s->heard[i] += memmem(message.bytes, message.size, "client-message", 14) != NULL;
    assert_false(s->clients[i]->ended);
}

static void turn(struct server *s)
{
    size_t before = count_bytes();
    uint64_t calls = count_calls();

    assert_int_equal(chatroom_step(s->c, chatroom_host_now()), CHATROOM_OK);
    s->bytes += count_bytes() - before;
    s->calls += count_calls() - calls;
    for (size_t i = 0; i < s->count; i++) {
        ws_client_work(s->clients[i]);
        take_all(s, i);
    }
}

static size_t descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void start(struct server *s, const struct chatroom_alloc *alloc)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_error error = {0, ""};

    memset(s, 0, sizeof *s);
    s->descriptors_before = descriptors();
    s->bytes_before = count_bytes();
    ws.listen = listen;
    ws.listen_count = 1;
    ws.connects_per_second = 0;
    chat.rate_limits = false;
    config.alloc = alloc;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.limits.recent_bytes = 0; /* the store keeps entries in memory already */
    assert_int_equal(chatroom_ws_epoll(&ws, &s->transport, &error), CHATROOM_OK);
    assert_int_equal(chatroom_memory_store(&s->store), CHATROOM_OK);
    config.transport = s->transport;
    config.store = (struct chatroom_store){&store_ops, s};
    assert_int_equal(chatroom_new(&config, &s->c, &error), CHATROOM_OK);
    assert_int_equal(chatroom_chat(s->c, &chat), CHATROOM_OK);
    assert_int_equal(chatroom_start(s->c, chatroom_host_now(), &error), CHATROOM_OK);
}

static void stop(struct server *s)
{
    chatroom_free(s->c);
    for (size_t i = 0; i < s->count; i++)
        ws_client_free(s->clients[i]);
    assert_int_equal(count_bytes(), s->bytes_before);
    assert_int_equal(descriptors(), s->descriptors_before);
}

static void say(struct server *s, size_t client, const char *text)
{
    ws_client_put_frame(s->clients[client], 0x80 | WS_TEXT, text, strlen(text));
}

static size_t members(const struct server *s)
{
    char room[32];
    size_t sum = 0;

    for (size_t i = 0; i < CLIENTS_MOST; i++) {
        snprintf(room, sizeof room, "room-%zu", i);
        sum += chatroom_room_members(s->c, chatroom_str(room));
    }
    return sum;
}

static void connect_one(struct server *s)
{
    struct ws_client *client;
    char address[64];

    assert_true(s->count < CLIENTS_MOST);
    assert_int_equal(chatroom_ws_epoll_address(&s->transport, 0, address, sizeof address), CHATROOM_OK);
    client = ws_client_new(address);
    assert_non_null(client);
    s->clients[s->count++] = client;
    ws_client_put_request(client, "/", "");
}

/* Everything that was asked for has happened, and is on its way to the clients. */
static void settle(struct server *s)
{
    for (int quiet = 0, i = 0; quiet < 3 && i < TURNS_MOST; i++) {
        quiet = s->transport.ops->busy(s->transport.self) ? 0 : quiet + 1;
        turn(s);
    }
    assert_false(s->transport.ops->busy(s->transport.self));
}

/* More clients, each with a name, in rooms of so many. */
static void add(struct server *s, size_t more, size_t room_members)
{
    size_t first = s->count;
    char text[96];

    for (size_t i = 0; i < more; i++) {
        connect_one(s);
        for (int n = 0; n < TURNS_MOST && s->clients[first + i]->status == 0; n++)
            turn(s);
        assert_int_equal(s->clients[first + i]->status, 101);
        snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"u%zu\"}", first + i);
        say(s, first + i, text);
        snprintf(text, sizeof text, "{\"action\":\"join-room\",\"value\":\"room-%zu\"}", (first + i) / room_members);
        say(s, first + i, text);
    }
    for (int n = 0; n < TURNS_MOST && members(s) < s->count; n++)
        turn(s);
    assert_int_equal(members(s), s->count);
    settle(s);
}

/* A client speaks, and everybody in its room has heard it. */
static void publish(struct server *s, size_t client, size_t room_members)
{
    size_t first = client / room_members * room_members, wanted = s->heard[client] + 1;
    bool all = false;

    say(s, client, "{\"action\":\"dispatch\",\"value\":\"hello\"}");
    for (int n = 0; n < TURNS_MOST && !all; n++) {
        turn(s);
        all = true;
        for (size_t i = first; i < first + room_members; i++)
            all = all && s->heard[i] == wanted;
    }
    assert_true(all);
}

/* ---- a message -------------------------------------------------------------------------------------------------- */

static uint64_t allocations(size_t room_members)
{
    struct server s;
    uint64_t before;

    start(&s, NULL);
    add(&s, room_members, room_members);
    for (int i = 0; i < WARM_UP; i++)
        publish(&s, 0, room_members);
    before = s.calls;
    for (int i = 0; i < MEASURED; i++)
        publish(&s, 0, room_members);
    before = s.calls - before;
    stop(&s);
    return before;
}

static void publish__over_sockets_to_a_room_of_any_size_allocates_a_constant_number_of_times(void **state)
{
    uint64_t alone = allocations(1);

    (void)state;
    assert_in_range(alone, 1, MEASURED * EACH_MOST);
    assert_int_equal(allocations(200), alone);
}

/* ---- a connection ----------------------------------------------------------------------------------------------- */

static void print_bytes(const char *when, const struct server *s, size_t count)
{
    print_message("bytes of a connection, %s: core %zu, transport %zu, store %zu\n", when, s->core_bytes / count,
                  (s->bytes - s->core_bytes - s->store_bytes) / count, s->store_bytes / count);
}

static void connection__idle_bytes_stay_under_a_bound(void **state)
{
    const size_t count = CLIENTS_MOST - 2 * ROOM;
    struct server s;
    const struct chatroom_alloc alloc = {core_resize, &s};

    (void)state;
    start(&s, &alloc);
    add(&s, 2 * ROOM, ROOM); /* what comes with the first is not a connection's */
    for (size_t i = 0; i < 2 * ROOM; i++)
        publish(&s, i, ROOM);
    s.bytes = s.core_bytes = s.store_bytes = 0;
    add(&s, count, ROOM);
    print_bytes("joined", &s, count);
    assert_in_range(s.bytes / count, 1, JOINED_MOST);
    for (size_t i = 2 * ROOM; i < s.count; i++)
        publish(&s, i, ROOM);
    settle(&s);
    print_bytes("after traffic", &s, count); /* what the store has more of now is the log */
    assert_in_range((s.bytes - s.store_bytes) / count, 1, SPOKEN_MOST);
    stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish__over_sockets_to_a_room_of_any_size_allocates_a_constant_number_of_times),
        cmocka_unit_test(connection__idle_bytes_stay_under_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
