/*
 * kills.c: F01. A process with a whole instance (chat, lmdb store, clients that talk) is killed at random moments,
 * again and again on the same data. What a client heard goes through a pipe before anything else happens: that was
 * told. Each process begins by showing the whole history, which must hold all that was ever told, once and in its
 * place.
 *
 *     kills [--kills N] [--seed S]
 */
#include "random.h"
#include "wire.h"
#include "store_folder.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/chatroom.h>

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS = 4,
    ROOMS = 2,
    IN_FLIGHT = 8, /* of one client */
    KILLS_A_STORE = 20,
    SERVING_MOST_MS = 10000, /* a machine that does much else; what it took is printed */
};

static char base[128], folder[140];

static void die(const char *why)
{
    fprintf(stderr, "kills: %s\n", why);
    exit(1);
}

static uint64_t now_ms(void)
{
    return chatroom_host_now().mono_ns / 1000000;
}

/* ---- the process that is killed
 * -------------------------------------------------------------------------------------- */

struct talker {
    chatroom *c;
    struct wire *wire;
    int pipe;
    unsigned life;
    size_t clients[CLIENTS];
    unsigned in_flight[CLIENTS], said[CLIENTS];
};

static void step(struct talker *t)
{
    if (chatroom_step(t->c, chatroom_host_now()) != CHATROOM_OK)
        _exit(3);
}

static void tell_all(int pipe, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(pipe, bytes, size);

        if (done <= 0)
            _exit(4);
        bytes += done;
        size -= (size_t)done;
    }
}

/* What the client has heard: told now. */
static bool tell(struct talker *t, unsigned client)
{
    const char *text = wire_take(t->wire, t->clients[client]);
    char head[8];

    if (!text)
        return false;
    snprintf(head, sizeof head, "%u ", client);
    tell_all(t->pipe, head, 2);
    tell_all(t->pipe, text, strlen(text));
    tell_all(t->pipe, "\n", 1);
    /* Its own, come back. */
    if (strstr(text, "\"client-message\"") && strstr(text, "\"user\":\"u")[9] == (char)('0' + client))
        t->in_flight[client]--;
    return true;
}

static void talk(struct talker *t, unsigned client)
{
    char text[600];
    unsigned number = t->said[client]++;
    int filling = (int)(number * 37 % 300);

    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"%u.%u.%u:%0*d\",\"id\":\"%u\"}", t->life, client,
             number, filling + 1, 0, number);
    wire_send(t->wire, t->clients[client], text);
    t->in_flight[client]++;
}

static void start_instance(struct talker *t)
{
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_chat_options chat = CHATROOM_CHAT_OPTIONS;
    struct chatroom_error error;

    t->wire = wire_new(true);
    config.transport = wire_transport(t->wire);
    config.stage = "dev";
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    config.limits.history_entries = 1000000;
    config.limits.history_bytes = (size_t)256 << 20;
    chat.rate_limits = false;
    chat.keep_empty_rooms = true;
    if (chatroom_lmdb_store(folder, NULL, &config.store, &error) || chatroom_new(&config, &t->c, &error) ||
        chatroom_chat(t->c, &chat) || chatroom_start(t->c, chatroom_host_now(), &error)) {
        fprintf(stderr, "kills: %s\n", error.text);
        _exit(2);
    }
}

static void enter(struct talker *t)
{
    char text[80];

    for (unsigned i = 0; i < CLIENTS; i++) {
        t->clients[i] = wire_connect(t->wire, "/dev");
        snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"u%u\"}", i);
        wire_send(t->wire, t->clients[i], text);
        snprintf(text, sizeof text, "{\"action\":\"join-room\",\"value\":\"room%u\"}", i % ROOMS);
        wire_send(t->wire, t->clients[i], text);
        if (i < ROOMS)
            wire_send(t->wire, t->clients[i], "{\"action\":\"history\",\"after\":0}");
    }
}

static void talk_until_killed(unsigned life, int pipe)
{
    struct talker t = {.life = life, .pipe = pipe};
    unsigned quiet = 0;

    start_instance(&t);
    enter(&t);
    for (;; quiet++) {
        step(&t);
        for (unsigned i = 0; i < CLIENTS; i++) {
            while (tell(&t, i))
                quiet = 0;
            /* It speaks when it is in its room: until then nobody hears it. */
            while (quiet > 200 + i && t.said[i] == 0 && t.in_flight[i] < IN_FLIGHT)
                talk(&t, i);
            while (t.said[i] > 0 && t.in_flight[i] < IN_FLIGHT)
                talk(&t, i);
        }
        if (quiet > 2)
            usleep(50);
    }
}

/* ---- who listens
 * ------------------------------------------------------------------------------------------------------ */

/* What was told of one room; the entry of seq is texts[seq - 1], NULL where nobody was told. */
struct room {
    char **texts;
    size_t count, capacity;
    uint64_t epoch; /* 0: not known */
};

struct listener {
    struct room rooms[ROOMS];
    uint64_t last[CLIENTS];   /* seq that each client heard last in this life */
    size_t told, told_before; /* before this life */
    size_t histories;         /* in this life */
    uint64_t began_ms, slowest_ms;
};

/* The text behind a key, up to its quote. */
static bool text_after(const char *from, const char *key, char *ret, size_t room)
{
    const char *at = strstr(from, key), *end;

    if (!at || !(end = strchr(at += strlen(key), '"')) || (size_t)(end - at) >= room)
        return false;
    memcpy(ret, at, (size_t)(end - at));
    ret[end - at] = '\0';
    return true;
}

static uint64_t number_after(const char *from, const char *key)
{
    const char *at = strstr(from, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void note(struct room *room, uint64_t seq, const char *text)
{
    if (seq == 0)
        die("an entry without seq");
    while (room->capacity < seq) {
        size_t capacity = room->capacity ? room->capacity * 2 : 1024;

        room->texts = realloc(room->texts, capacity * sizeof *room->texts);
        if (!room->texts)
            abort();
        memset(room->texts + room->capacity, 0, (capacity - room->capacity) * sizeof *room->texts);
        room->capacity = capacity;
    }
    if (room->texts[seq - 1] && strcmp(room->texts[seq - 1], text) != 0)
        die("P2: two entries were told with one seq, or one was changed");
    if (!room->texts[seq - 1])
        room->texts[seq - 1] = strdup(text);
    if (room->count < seq)
        room->count = seq;
}

static struct room *room_of(struct listener *l, const char *text)
{
    char name[16], epoch[32];
    struct room *room;

    if (!text_after(text, "\"room\":\"room", name, sizeof name) || (unsigned)(name[0] - '0') >= ROOMS)
        die("a message of no room");
    room = &l->rooms[name[0] - '0'];
    if (text_after(text, "\"epoch\":\"", epoch, sizeof epoch)) {
        if (room->epoch && room->epoch != strtoull(epoch, NULL, 10))
            die("P3: the epoch of a room changed though nothing was lost");
        room->epoch = strtoull(epoch, NULL, 10);
    }
    return room;
}

static void hear_message(struct listener *l, unsigned client, const char *text)
{
    char said[400];
    uint64_t seq = number_after(text, "\"seq\":");

    if (!text_after(text, "\"message\":\"", said, sizeof said))
        die("a message without text");
    note(room_of(l, text), seq, said);
    if (l->last[client] && seq != l->last[client] + 1)
        die("P2: a connection heard a gap, or a message twice");
    l->last[client] = seq;
    l->told++;
}

/* Each author's messages rise, life after life: so none is there twice or out of order. */
static void check_author(uint64_t (*newest)[CLIENTS], const char *said)
{
    unsigned life, client, number;

    if (sscanf(said, "%u.%u.%u:", &life, &client, &number) != 3 || client >= CLIENTS)
        die("P7: what nobody said is in the history");
    if ((*newest)[client] >= ((uint64_t)life << 32 | number) + 1)
        die("P2: a message stands twice in the history, or behind a later one");
    (*newest)[client] = ((uint64_t)life << 32 | number) + 1;
}

/* The whole log of a room: everything that was told is in it. */
static void hear_history(struct listener *l, const char *text)
{
    struct room *room = room_of(l, text);
    uint64_t newest[CLIENTS] = {0}, seq = 0;
    size_t told = room->count;
    char said[400];

    if (strstr(text, "\"more\":true"))
        die("the history was cut");
    for (const char *at = text; (at = strstr(at, "\"content\":\"")) != NULL; at++) {
        if (!text_after(at, "\"content\":\"", said, sizeof said) || number_after(at, "\"seq\":") != ++seq)
            die("P2: a gap in the history");
        check_author(&newest, said);
        note(room, seq, said);
    }
    if (seq < told)
        die("P1: what was told is not in the history");
    if (++l->histories == ROOMS && now_ms() - l->began_ms > l->slowest_ms)
        l->slowest_ms = now_ms() - l->began_ms;
}

static void hear(struct listener *l, const char *line)
{
    unsigned client = (unsigned)(line[0] - '0');

    if (strstr(line, "\"type\":\"client-message\""))
        hear_message(l, client, line);
    else if (strstr(line, "\"type\":\"history\""))
        hear_history(l, line);
    else if (strstr(line, "\"type\":\"error\""))
        die(line);
}

/* ---- lives
 * ------------------------------------------------------------------------------------------------------------ */

struct text {
    char *bytes;
    size_t size, capacity, heard;
};

/* False: the end. */
static bool take_some(struct text *t, int pipe, struct listener *l)
{
    ssize_t got;
    char *end;

    if (t->capacity - t->size < 1 << 16)
        t->bytes = realloc(t->bytes, t->capacity += 1 << 20);
    if (!t->bytes)
        abort();
    got = read(pipe, t->bytes + t->size, t->capacity - t->size - 1);
    if (got <= 0)
        return false;
    t->size += (size_t)got;
    while ((end = memchr(t->bytes + t->heard, '\n', t->size - t->heard)) != NULL) {
        *end = '\0';
        hear(l, t->bytes + t->heard);
        t->heard = (size_t)(end - t->bytes) + 1;
    }
    return true;
}

static bool is_serving(const struct listener *l)
{
    return l->histories == ROOMS && l->told > l->told_before;
}

/* Until us microseconds have passed; with until_serving: since both histories and a new message were heard. */
static void listen_for(struct text *t, int pipe, struct listener *l, unsigned us, bool until_serving)
{
    struct pollfd poller = {.fd = pipe, .events = POLLIN};
    uint64_t end = chatroom_host_now().mono_ns + (uint64_t)us * 1000;

    for (;;) {
        uint64_t now = chatroom_host_now().mono_ns;
        struct timespec left = {0, 1000000};

        if (until_serving && !is_serving(l)) {
            end = now + (uint64_t)us * 1000;
            if (now_ms() - l->began_ms > SERVING_MOST_MS)
                die("it does not serve again");
        } else if (now >= end) {
            return;
        } else if (end - now < 1000000) {
            left.tv_nsec = (long)(end - now);
        }
        if (ppoll(&poller, 1, &left, NULL) > 0 && !take_some(t, pipe, l))
            die("the process ended by itself");
    }
}

static void one_life(struct listener *l, unsigned life, unsigned us, bool until_serving)
{
    struct text text = {0};
    int fds[2], status;
    pid_t child;

    if (pipe2(fds, O_CLOEXEC))
        die("no pipe");
    l->histories = 0;
    l->told_before = l->told;
    memset(l->last, 0, sizeof l->last);
    l->began_ms = now_ms();
    fflush(NULL);
    child = fork();
    if (child == 0) {
        close(fds[0]);
        talk_until_killed(life, fds[1]);
    }
    close(fds[1]);
    listen_for(&text, fds[0], l, us, until_serving);
    kill(child, SIGKILL);
    while (take_some(&text, fds[0], l)) /* told before the end */
        ;
    close(fds[0]);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        die("it did not end by the kill");
    free(text.bytes);
}

static void forget(struct listener *l)
{
    for (unsigned room = 0; room < ROOMS; room++) {
        for (size_t i = 0; i < l->rooms[room].count; i++)
            free(l->rooms[room].texts[i]);
        free(l->rooms[room].texts);
        l->rooms[room] = (struct room){0};
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"kills", required_argument, NULL, 'k'}, {"seed", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    unsigned kills = 40;
    struct rnd random = rnd_new((uint64_t)time(NULL), 0);
    struct listener l = {0};
    const char *place = getenv("TMPDIR");
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'k')
            kills = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            random = rnd_new(strtoull(optarg, NULL, 10), 0);
        else
            return 2;
    }
    snprintf(base, sizeof base, "%.60s/chatroom-kills-XXXXXX", place ? place : "/tmp");
    if (!mkdtemp(base))
        die("there is no place for a folder");
    snprintf(folder, sizeof folder, "%s/store", base);
    for (unsigned i = 0; i < kills; i++) {
        bool last = i % KILLS_A_STORE == KILLS_A_STORE - 1 || i + 1 == kills; /* ... looks at all the others left */

        one_life(&l, i + 1, rnd_below(&random, 100000), last || rnd_below(&random, 4) == 0);
        if (last) {
            forget(&l);
            store_folder_remove(folder);
        }
    }
    rmdir(base);
    printf("F01: %u kills, %zu messages told: none lost, doubled or reordered; slowest start to all of the history "
           "%llu ms\n",
           kills, l.told, (unsigned long long)l.slowest_ms);
    if (l.told == 0)
        die("nothing was told");
    return 0;
}
