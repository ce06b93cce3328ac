/*
 * stall.c: F09. The disk takes no sync for some seconds, under a server that has clients. Their pings are answered as
 * ever; nothing that is not safe is told; when its queue is full the server says so; and soon after the disk comes back
 * all is through.
 *
 *     stall [--seconds N] [--threads N]
 */
#include "ws_client.h"
#include "store_folder.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Everything takes longer under a sanitizer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 5
#else
#define SLOWER 1
#endif

enum {
    QUEUE = 64,           /* tickets that the store takes */
    MESSAGES = 2000,      /* that want to be stored meanwhile */
    PINGERS = 4,          /* connections */
    PING_EACH_MS = 150,   /* of one: the server takes ten a second */
    PING_P99_MS = 250,    /* the promise */
    DRAIN_MOST_MS = 1000, /* the promise */
    PATIENCE_MS = 20000,
};

static void die(const char *why)
{
    fprintf(stderr, "stall: %s\n", why);
    exit(1);
}

static uint64_t now_us(void)
{
    return chatroom_host_now().mono_ns / 1000;
}

/* ---- the disk
 * -------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t works = PTHREAD_COND_INITIALIZER;
static bool stalled;
static atomic_uint waiting; /* syncs */

int fdatasync(int fd)
{
    pthread_mutex_lock(&mutex);
    waiting++;
    while (stalled)
        pthread_cond_wait(&works, &mutex);
    waiting--;
    pthread_mutex_unlock(&mutex);
    return (int)syscall(SYS_fdatasync, fd);
}

static void set_stalled(bool whether)
{
    pthread_mutex_lock(&mutex);
    stalled = whether;
    pthread_cond_broadcast(&works);
    pthread_mutex_unlock(&mutex);
}

/* ---- the server
 * ------------------------------------------------------------------------------------------------------ */

static char base[64] = "/tmp/chatroom-stall-XXXXXX", folder[80], address[64];
static chatroom *c;

static void *serve(void *arg)
{
    (void)arg;
    if (chatroom_run(c, NULL, NULL) != CHATROOM_OK)
        die("the server failed");
    return NULL;
}

static void start_server(unsigned threads)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_lmdb_options lmdb = CHATROOM_LMDB_OPTIONS;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_error error = {0};

    ws.listen = listen;
    ws.listen_count = 1;
    ws.threads = threads;
    lmdb.queue_tickets = QUEUE;
    chat.rate_limits = false;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.limits.held_messages = 2 * MESSAGES; /* the store's queue is what fills */
    if (chatroom_lmdb_store(folder, &lmdb, &config.store, &error) ||
        chatroom_ws_epoll(&ws, &config.transport, &error) || chatroom_new(&config, &c, &error) ||
        chatroom_chat(c, &chat) || chatroom_start(c, chatroom_host_now(), &error) ||
        chatroom_ws_epoll_address(&config.transport, 0, address, sizeof address))
        die(error.text);
}

/* ---- clients
 * --------------------------------------------------------------------------------------------------------- */

struct guest {
    struct ws_client *ws;
    uint64_t pinged_us; /* 0: no answer is missing */
    uint64_t last_ping_us;
    uint64_t last_seq, heard;
    unsigned busy;
    bool last_came; /* the message that says that all is through */
};

static uint64_t latencies[100000];
static size_t latency_count;

static void hear(struct guest *g, chatroom_span text)
{
    const char *seq;
    char copy[1024] = "";

    memcpy(copy, text.bytes, text.size < sizeof copy - 1 ? text.size : sizeof copy - 1);
    if (strstr(copy, "\"type\":\"error\"")) {
        if (!strstr(copy, "\"code\":\"busy\""))
            die(copy);
        g->busy++;
    }
    if (!strstr(copy, "\"type\":\"client-message\"") || !(seq = strstr(copy, "\"seq\":")))
        return;
    if (strtoull(seq + 6, NULL, 10) != g->last_seq + 1)
        die("P2: a gap, or a message twice");
    g->last_seq++;
    g->heard++;
    g->last_came |= strstr(copy, "\"message\":\"last\"") != NULL;
}

static void work(struct guest *g)
{
    uint8_t first;
    chatroom_span payload;

    ws_client_work(g->ws);
    if (g->ws->ended || g->ws->fd < 0)
        die("a client was sent away");
    while (g->ws->status == 101 && ws_client_take(g->ws, &first, &payload)) {
        if ((first & 15) == WS_PONG_FRAME && g->pinged_us) {
            latencies[latency_count++ % (sizeof latencies / sizeof *latencies)] = now_us() - g->pinged_us;
            g->pinged_us = 0;
        } else if ((first & 15) == WS_PING_FRAME) {
            ws_client_put_frame(g->ws, 0x80 | WS_PONG_FRAME, payload.bytes, payload.size);
        } else if ((first & 15) == WS_TEXT) {
            hear(g, payload);
        }
    }
}

static void say(struct guest *g, const char *text)
{
    ws_client_put_frame(g->ws, 0x80 | WS_TEXT, text, strlen(text));
}

static void dispatch(struct guest *g, const char *value)
{
    char text[128];

    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"%s\"}", value);
    say(g, text);
}

static void ping(struct guest *g)
{
    if (g->pinged_us || now_us() - g->last_ping_us < PING_EACH_MS * 1000)
        return;
    g->pinged_us = g->last_ping_us = now_us();
    ws_client_put_frame(g->ws, 0x80 | WS_PING_FRAME, "p", 1);
}

static void open_guest(struct guest *g, const char *name)
{
    uint64_t end = now_us() + PATIENCE_MS * 1000;
    char text[80];

    *g = (struct guest){.ws = ws_client_new(address)};
    if (!g->ws)
        die("the server takes no connection");
    ws_client_put_request(g->ws, "/", "");
    while (g->ws->status == 0 && now_us() < end) {
        work(g);
        usleep(1000);
    }
    if (g->ws->status != 101)
        die("the server lets nobody in");
    if (!name)
        return;
    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"%s\"}", name);
    say(g, text);
    say(g, "{\"action\":\"join-room\",\"value\":\"den\"}");
}

/* A talker's answers keep their order, so what it was refused stands behind what waits; late has nothing that waits. */
static struct guest talker, late, pingers[PINGERS];

static void turn(bool with_pings)
{
    struct pollfd fds[2 + PINGERS] = {{.fd = talker.ws->fd, .events = POLLIN}, {.fd = late.ws->fd, .events = POLLIN}};

    work(&talker);
    work(&late);
    for (int i = 0; i < PINGERS; i++) {
        if (with_pings)
            ping(&pingers[i]);
        work(&pingers[i]);
        fds[2 + i] = (struct pollfd){.fd = pingers[i].ws->fd, .events = POLLIN};
    }
    poll(fds, 2 + PINGERS, 2);
}

/* ---- the test
 * -------------------------------------------------------------------------------------------------------- */

static void say_last_until_heard(void)
{
    uint64_t end = now_us() + PATIENCE_MS * 1000, said = 0;

    talker.last_came = false;
    while (!talker.last_came && now_us() < end) {
        if (now_us() - said > 20000) {
            dispatch(&talker, "last");
            said = now_us();
        }
        turn(false);
    }
    if (!talker.last_came)
        die("the store does not come back");
}

/* What was said before is through. */
static void settle(void)
{
    uint64_t heard = talker.heard, end = now_us() + 300000;

    for (; now_us() < end; turn(false))
        if (talker.heard != heard) {
            heard = talker.heard;
            end = now_us() + 300000;
        }
}

static void stall_for(unsigned seconds)
{
    uint64_t heard = talker.heard, began = now_us(), end = began + seconds * 1000000ull;
    uint64_t asked = began;
    char value[16];

    set_stalled(true);
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(value, sizeof value, "%d", i);
        dispatch(&talker, value);
    }
    while (now_us() < end) {
        turn(true);
        if (late.busy == 0 && now_us() > asked + 200000) {
            dispatch(&late, "late");
            asked = now_us();
        }
    }
    if (waiting == 0)
        die("the disk was not asked");
    if (talker.heard != heard)
        die("P1: what is not safe was told");
    if (late.busy == 0)
        die("a full queue was not told");
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static void report(unsigned seconds, uint64_t taken, uint64_t drained_us)
{
    uint64_t p99;

    qsort(latencies, latency_count, sizeof *latencies, by_size);
    p99 = latency_count ? latencies[latency_count * 99 / 100] : UINT64_MAX;
    printf(
        "F09: %u s without a sync: %zu pings, p99 %.1f ms, slowest %.1f ms; %llu messages taken, told busy %u times; "
        "through after %.0f ms\n",
        seconds, latency_count, (double)p99 / 1000, (double)latencies[latency_count ? latency_count - 1 : 0] / 1000,
        (unsigned long long)taken, talker.busy, (double)drained_us / 1000);
    if (latency_count < seconds * PINGERS * 2 || p99 > SLOWER * PING_P99_MS * 1000)
        die("pings were not answered in time");
    if (talker.busy == 0)
        die("those who were refused were not told");
    if (taken < QUEUE || taken > 3 * QUEUE)
        die("the queue has another bound than it should have");
    if (drained_us > SLOWER * DRAIN_MOST_MS * 1000)
        die("it was not through in time");
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"seconds", required_argument, NULL, 's'}, {"threads", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
    unsigned seconds = 2, threads = 0;
    pthread_t server;
    uint64_t before, began;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 's')
            seconds = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 't')
            threads = (unsigned)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (!mkdtemp(base))
        die("there is no place for a folder");
    snprintf(folder, sizeof folder, "%s/store", base);
    start_server(threads);
    if (pthread_create(&server, NULL, serve, NULL))
        die("no thread");
    open_guest(&talker, "ann");
    open_guest(&late, "bob");
    for (int i = 0; i < PINGERS; i++)
        open_guest(&pingers[i], NULL);
    say_last_until_heard();
    settle();
    before = talker.heard;
    stall_for(seconds);
    began = now_us();
    set_stalled(false);
    say_last_until_heard();
    report(seconds, talker.heard - before, now_us() - began);
    ws_client_free(talker.ws);
    ws_client_free(late.ws);
    for (int i = 0; i < PINGERS; i++)
        ws_client_free(pingers[i].ws);
    chatroom_ask_stop(c);
    pthread_join(server, NULL);
    chatroom_free(c);
    store_folder_remove(folder);
    rmdir(base);
    return 0;
}
