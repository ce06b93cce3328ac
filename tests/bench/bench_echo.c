/*
 * bench_echo.c: how many messages a second a route in C answers, beside the bare echo example, over sockets.
 *
 *     bench_echo ECHO     ECHO is the example's program
 *
 * The other server is this program: 20 routes, one of which gives the message back, with a throttle, a rate of each
 * connection and no more rights than it needs. Both answer the same 120 bytes, in rounds by turns; the ratio is the
 * median of the rounds'.
 */
#include <chatroom/backend/memory.h>
#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chatroom.h>

#include "ws_client.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 32, UNDER_WAY = 16, ROUNDS = 7, ROUND_MS = 700, ROUTES = 20 };

static const char message[] = "{\"action\":\"route7\",\"room\":\"a-room-of-some-name\",\"name\":\"somebody\","
                              "\"value\":\"hello, everybody in here, today....!\",\"n\":17}";

static void need(bool so, const char *what)
{
    if (so)
        return;
    fprintf(stderr, "bench_echo: %s\n", what);
    exit(1);
}

/* ---- the server with a route ------------------------------------------------------------------------------------ */

static int give_back(chatroom_request *request, void *arg)
{
    (void)arg;
    return chatroom_request_reply(request, chatroom_request_body(request));
}

static int bind_routes(chatroom *c)
{
    struct chatroom_route_options options = CHATROOM_ROUTE_OPTIONS;
    char key[32];
    int result = CHATROOM_OK;

    options.may = 0;
    options.per_second = options.burst = 10000000;
    options.connection_per_minute = options.connection_burst = 100000000;
    for (int i = 0; i < ROUTES && result == CHATROOM_OK; i++) {
        snprintf(key, sizeof key, "route%d", i);
        result = chatroom_route_with(c, key, give_back, NULL, &options);
    }
    return result;
}

static int serve(void)
{
    static const int signals[] = {SIGTERM, 0};
    static const char *const listen = "127.0.0.1:0";
    struct chatroom_ws_epoll_options ws = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_config config = CHATROOM_CONFIG;
    struct chatroom_transport transport;
    struct chatroom_error error = {0};
    char address[128];
    chatroom *c;

    ws.listen = &listen;
    ws.listen_count = 1;
    ws.connects_per_second = 0;
    config.limits.messages_per_second = 0;
    config.limits.bytes_per_second = 0;
    if (chatroom_ws_epoll(&ws, &transport, &error) || chatroom_memory_store(&config.store))
        return 1;
    config.transport = transport;
    if (chatroom_new(&config, &c, &error) || bind_routes(c) || chatroom_start(c, chatroom_host_now(), &error) ||
        chatroom_ws_epoll_address(&transport, 0, address, sizeof address))
        return 1;
    printf("listening on %s\n", address);
    fflush(stdout);
    (void)chatroom_run(c, signals, &error);
    chatroom_free(c);
    return 0;
}

/* ---- a server, and its clients ---------------------------------------------------------------------------------- */

struct server {
    pid_t pid;
    clockid_t clock;
    char address[64];
    struct ws_client *clients[CLIENTS];
    double rate[ROUNDS], cpu_ns[ROUNDS];
};

static void start(struct server *s, char *const arguments[])
{
    int out[2];
    FILE *lines;

    need(pipe(out) == 0, "no pipe");
    s->pid = fork();
    if (s->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execv(arguments[0], arguments);
        _exit(127);
    }
    close(out[1]);
    lines = fdopen(out[0], "r");
    need(s->pid > 0 && lines && fscanf(lines, "listening on %63s", s->address) == 1, "a server did not start");
    need(clock_getcpuclockid(s->pid, &s->clock) == 0, "a server has no clock");
    fclose(lines);
}

static void open_clients(struct server *s)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        s->clients[i] = ws_client_new(s->address);
        need(s->clients[i], "no connection");
        ws_client_put_request(s->clients[i], "/", "");
        while (s->clients[i]->status == 0)
            ws_client_work(s->clients[i]);
        need(s->clients[i]->status == 101, "a connection was refused");
    }
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void ask(struct ws_client *client)
{
    ws_client_put_frame(client, 0x80 | WS_TEXT, message, sizeof message - 1);
}

/* How many answers came, each followed by another message while more is set; all of those are on their way then. */
static uint64_t take(struct ws_client *client, bool more)
{
    chatroom_span payload;
    uint64_t count = 0, before;
    uint8_t first;

    do {
        ws_client_work(client);
        before = count;
        for (; ws_client_take(client, &first, &payload); count++) {
            need(chatroom_span_equal(payload, chatroom_bytes(message, sizeof message - 1)), "another answer");
            if (more)
                ask(client);
        }
    } while (count > before);
    return count;
}

static void wait_for_answers(struct server *s)
{
    struct pollfd fds[CLIENTS];

    for (size_t i = 0; i < CLIENTS; i++)
        fds[i] = (struct pollfd){.fd = s->clients[i]->fd,
                                 .events = (short)(POLLIN | (s->clients[i]->out_size > 0 ? POLLOUT : 0))};
    need(poll(fds, CLIENTS, 10000) > 0, "no answer");
}

static void play(struct server *s, int round)
{
    uint64_t begin = now_ns(CLOCK_MONOTONIC), cpu = now_ns(s->clock), count = 0, end;
    uint64_t expected = CLIENTS * UNDER_WAY;
    bool more = true;

    for (size_t i = 0; i < CLIENTS * UNDER_WAY; i++)
        ask(s->clients[i % CLIENTS]);
    while (count < expected) {
        for (size_t i = 0; i < CLIENTS; i++) {
            uint64_t came = take(s->clients[i], more);

            count += came;
            expected += more ? came : 0;
        }
        more = now_ns(CLOCK_MONOTONIC) - begin < (uint64_t)ROUND_MS * 1000000;
        if (count < expected)
            wait_for_answers(s);
    }
    end = now_ns(CLOCK_MONOTONIC);
    s->rate[round] = (double)count * 1e9 / (double)(end - begin);
    s->cpu_ns[round] = (double)(now_ns(s->clock) - cpu) / (double)count;
}

static void stop(struct server *s)
{
    for (size_t i = 0; i < CLIENTS; i++)
        ws_client_free(s->clients[i]);
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

static double median(double figures[ROUNDS])
{
    qsort(figures, ROUNDS, sizeof *figures, by_size);
    return figures[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    char *echo[] = {argc > 1 ? argv[1] : NULL, "--listen", "127.0.0.1:0", NULL};
    char *route[] = {argv[0], "--serve", NULL};
    static struct server bare, routed;
    double ratio[ROUNDS], cpu[ROUNDS];

    if (argc != 2) {
        fprintf(stderr, "usage: bench_echo ECHO\n");
        return 2;
    }
    if (strcmp(argv[1], "--serve") == 0)
        return serve();
    start(&bare, echo);
    start(&routed, route);
    open_clients(&bare);
    open_clients(&routed);
    for (int i = 0; i < ROUNDS; i++) {
        play(i % 2 ? &bare : &routed, i);
        play(i % 2 ? &routed : &bare, i);
        ratio[i] = routed.rate[i] / bare.rate[i];
        cpu[i] = routed.cpu_ns[i] / bare.cpu_ns[i];
    }
    stop(&bare);
    stop(&routed);
    printf("echo example: %.0f messages/s, %.0f ns of the server each\n", median(bare.rate), median(bare.cpu_ns));
    printf("a C route:    %.0f messages/s, %.0f ns of the server each\n", median(routed.rate), median(routed.cpu_ns));
    printf("a C route answers %.2f x the messages a second of the echo example, at %.2f x its processor time\n",
           median(ratio), median(cpu));
    return 0;
}
