/*
 * A whole instance on ws_epoll with threads: clients come, join, say things, leave and vanish, by a dice with a fixed
 * seed. What each hears of a room while it is in it is the room's log without a gap, and in the end nothing is left.
 *
 *     test_ws_epoll_stress THREADS
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ws_client.h"

#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>

#define CLIENTS    40
#define ROOMS      4
#define ACTIONS    12000
#define TURNS_MOST 30000 /* until something is said not to happen any more */

struct guest {
    struct ws_client *ws; /* NULL: nobody */
    bool in[ROOMS];
    uint64_t last[ROOMS]; /* what it heard last there; 0: nothing yet */
    bool done;
};

static unsigned threads;
static chatroom *c;
static char address[64];
static struct guest guests[CLIENTS];
static uint64_t published[ROOMS]; /* entries of each log */
static uint64_t heard;
static uint32_t dice = 1;

static unsigned throw(unsigned sides)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 16) % sides;
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static chatroom_span room_of(chatroom_request *request)
{
    chatroom_span room;

    assert_int_equal(chatroom_request_text(request, "room", &room), CHATROOM_OK);
    return room;
}

static int reply(chatroom_request *request, const char *what)
{
    chatroom_span room = room_of(request);
    char text[64];

    return chatroom_request_reply(request, chatroom_bytes(text, (size_t)snprintf(text, sizeof text, "{\"%s\":%.*s}",
                                                                                 what, (int)room.size, room.bytes)));
}

static int join(chatroom_request *request, void *arg)
{
    int rc = chatroom_request_join(request, room_of(request));

    (void)arg;
    return rc ? rc : reply(request, "joined");
}

static int leave(chatroom_request *request, void *arg)
{
    int rc = chatroom_request_leave(request, room_of(request));

    (void)arg;
    return rc ? rc : reply(request, "left");
}

static int say(chatroom_request *request, void *arg)
{
    chatroom_span room = room_of(request);
    int rc = chatroom_request_publish(request, room, chatroom_str("\"x\""), chatroom_str(NULL));

    (void)arg;
    published[room.bytes[0] - '0'] += rc == CHATROOM_OK;
    return rc;
}

static int done(chatroom_request *request, void *arg)
{
    (void)arg;
    return reply(request, "done");
}

static void write_entry(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    char text[64];

    (void)arg;
    chatroom_json_raw(json, chatroom_bytes(text, (size_t)snprintf(text, sizeof text, "[%c,%llu]", entry->room.bytes[0],
                                                                  (unsigned long long)entry->seq)));
}

static void start(void)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_config config = CHATROOM_CONFIG;

    ws.listen = listen;
    ws.listen_count = 1;
    ws.threads = threads;
    ws.connects_per_second = 0;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    assert_int_equal(chatroom_memory_store(&config.store), CHATROOM_OK);
    assert_int_equal(chatroom_ws_epoll(&ws, &config.transport, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_new(&config, &c, NULL), CHATROOM_OK);
    chatroom_set_entry(c, write_entry, NULL);
    assert_int_equal(chatroom_route(c, "join", join, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(c, "leave", leave, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(c, "say", say, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_route(c, "done", done, NULL), CHATROOM_OK);
    assert_int_equal(chatroom_start(c, chatroom_host_now(), NULL), CHATROOM_OK);
    assert_int_equal(chatroom_ws_epoll_address(&config.transport, 0, address, sizeof address), CHATROOM_OK);
}

/* ---- the clients ------------------------------------------------------------------------------------------------- */

/* An entry of a room that it is in, the next one; or what it asked for has happened. */
static void hear(struct guest *guest, const char *text)
{
    unsigned long long seq;
    unsigned room;

    if (sscanf(text, "[%u,%llu]", &room, &seq) == 2) {
        assert_in_range(room, 0, ROOMS - 1);
        assert_true(guest->in[room]);
        assert_true(guest->last[room] == 0 || seq == guest->last[room] + 1);
        guest->last[room] = seq;
        heard++;
    } else if (sscanf(text, "{\"joined\":%u}", &room) == 1) {
        guest->in[room] = true;
    } else if (sscanf(text, "{\"left\":%u}", &room) == 1) {
        guest->in[room] = false;
        guest->last[room] = 0;
    } else {
        guest->done |= strncmp(text, "{\"done\"", 7) == 0; /* the rest: it was in no such room */
    }
}

static void listen_to(struct guest *guest)
{
    chatroom_span payload;
    char text[256];
    uint8_t first;

    ws_client_work(guest->ws);
    while (ws_client_take(guest->ws, &first, &payload)) {
        if ((first & 0x0F) != WS_TEXT)
            continue;
        snprintf(text, sizeof text, "%.*s", (int)payload.size, payload.bytes);
        hear(guest, text);
    }
}

static void turn(void)
{
    struct pollfd ready = {.fd = chatroom_fd(c), .events = POLLIN};

    poll(&ready, 1, 1);
    assert_int_equal(chatroom_step(c, chatroom_host_now()), CHATROOM_OK);
    for (size_t i = 0; i < CLIENTS; i++)
        if (guests[i].ws)
            listen_to(&guests[i]);
}

#define UNTIL(condition)                                    \
    do {                                                    \
        int turns = 0;                                      \
        for (; !(condition) && turns < TURNS_MOST; turns++) \
            turn();                                         \
        if (turns == TURNS_MOST)                            \
            fail_msg("in vain: %s", #condition);            \
    } while (0)

static void ask(struct guest *guest, const char *action, unsigned room)
{
    char text[64];
    int size = snprintf(text, sizeof text, "{\"action\":\"%s\",\"room\":\"%u\"}", action, room);

    ws_client_put_frame(guest->ws, 0x80 | WS_TEXT, text, (size_t)size);
}

static void come(struct guest *guest)
{
    *guest = (struct guest){.ws = ws_client_new(address)};
    assert_non_null(guest->ws);
    ws_client_put_request(guest->ws, "/", "");
}

static void vanish(struct guest *guest)
{
    if (throw(2))
        ws_client_cut(guest->ws);
    ws_client_free(guest->ws);
    guest->ws = NULL;
}

static void act(struct guest *guest)
{
    unsigned what = throw(64), room = throw(ROOMS);

    if (!guest->ws)
        come(guest);
    else if (what == 0)
        vanish(guest);
    else if (guest->ws->status != 101)
        return;
    else if (what == 1)
        ws_client_put_frame(guest->ws, 0x80 | WS_CLOSE_FRAME, "\x03\xe8", 2);
    else if (what < 10)
        ask(guest, "join", room);
    else if (what < 14)
        ask(guest, "leave", room);
    else if (what < 16)
        ws_client_put_frame(guest->ws, 0x80 | WS_PING_FRAME, "", 0);
    else
        ask(guest, "say", room);
    if (guest->ws && guest->ws->ended)
        vanish(guest);
}

static bool all_done(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (guests[i].ws && !guests[i].ws->ended && !guests[i].done)
            return false;
    return true;
}

static size_t count_open(void)
{
    size_t count = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        count += guests[i].ws && guests[i].ws->status == 101 && !guests[i].ws->ended;
    return count;
}

/* The end of every log, unless nothing was said since it joined. */
static bool all_heard_everything(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        for (size_t room = 0; room < ROOMS; room++)
            if (guests[i].ws && !guests[i].ws->ended && guests[i].last[room] != 0 &&
                guests[i].last[room] != published[room])
                return false;
    return true;
}

static size_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* "ws-0": a sanitizer may have a thread of its own. */
static bool is_worker(const char *task)
{
    char path[300], name[16] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (!fgets(name, sizeof name, file))
        name[0] = '\0';
    fclose(file);
    return strncmp(name, "ws-", 3) == 0;
}

static size_t count_workers(void)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)))
        count += is_worker(entry->d_name);
    closedir(folder);
    return count;
}

static void stress__nothing_is_lost_doubled_or_out_of_order_and_nothing_left(void **state)
{
    size_t descriptors = count_descriptors();

    (void)state;
    start();
    assert_int_equal(count_workers(), threads);
    for (int i = 0; i < ACTIONS; i++) {
        act(&guests[throw(CLIENTS)]);
        if (throw(8) == 0)
            turn();
    }
    for (size_t i = 0; i < CLIENTS; i++)
        if (guests[i].ws)
            ask(&guests[i], "done", 0);
    UNTIL(all_done());
    UNTIL(chatroom_connection_count(c) == count_open());
    UNTIL(all_heard_everything());
    assert_true(count_open() > CLIENTS / 2 && heard > ACTIONS);
    chatroom_stop(c);
    UNTIL(chatroom_stopped(c));
    chatroom_free(c);
    for (size_t i = 0; i < CLIENTS; i++)
        ws_client_free(guests[i].ws);
    assert_int_equal(count_descriptors(), descriptors);
    for (int i = 0; i < TURNS_MOST && count_workers() > 0; i++)
        poll(NULL, 0, 1); /* one that was joined is there a moment longer */
    assert_int_equal(count_workers(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stress__nothing_is_lost_doubled_or_out_of_order_and_nothing_left),
    };

    threads = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
