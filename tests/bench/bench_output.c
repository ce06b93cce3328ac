/*
 * bench_output.c: what one message to a group of 1,000 costs in ws_epoll, on real sockets: putting it into the queues,
 * and writing the queues to the kernel, with one message in them and with sixteen.
 */
#include "count.h"
#include "measure.h"
#include "transport_port.h"
#include "ws_client.h"

#include <chatroom/backend/ws_epoll.h>

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { MEMBERS = 1000, ROUNDS = 50, TURNS_MOST = 10000 };

struct crowd {
    struct chatroom_transport_port port;
    struct ws_client *clients[MEMBERS];
    struct chatroom_seat seats[MEMBERS];
    void *group;
};

/* Two descriptors a connection. Where that is refused, connecting says so. */
static void allow_descriptors(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void open_transport(struct crowd *crowd)
{
    static const char *const listen[] = {"127.0.0.1:0"};
    struct chatroom_ws_epoll_options options = CHATROOM_WS_EPOLL_OPTIONS;
    struct chatroom_error error = {0};

    options.listen = listen;
    options.listen_count = 1;
    options.connects_per_second = 0;
    if (chatroom_ws_epoll(&options, &crowd->port.transport, &error) ||
        crowd->port.transport.ops->open(crowd->port.transport.self, &crowd->port, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
}

static void connect_member(struct crowd *crowd, size_t i, const char *address)
{
    struct ws_client *client = ws_client_new(address);

    if (!client) {
        fputs("1,000 connections take 2,000 descriptors: see ulimit -n\n", stderr);
        exit(1);
    }
    ws_client_put_request(client, "/", "");
    for (int turn = 0; turn < TURNS_MOST && client->status == 0 && !client->ended; turn++) {
        ws_client_work(client);
        port_turn(&crowd->port, 0);
    }
    if (client->status != 101 || crowd->port.transport.ops->group_add(crowd->port.transport.self, crowd->group,
                                                                      crowd->port.connections->peer, &crowd->seats[i]))
        abort();
    crowd->clients[i] = client;
}

static void gather(struct crowd *crowd)
{
    char address[64];

    open_transport(crowd);
    if (crowd->port.transport.ops->group_new(crowd->port.transport.self, &crowd->group) ||
        chatroom_ws_epoll_address(&crowd->port.transport, 0, address, sizeof address))
        abort();
    for (size_t i = 0; i < MEMBERS; i++)
        connect_member(crowd, i, address);
}

static void scatter(struct crowd *crowd)
{
    size_t i = MEMBERS;

    for (struct chatroom_connection *c = crowd->port.connections; c; c = c->next)
        crowd->port.transport.ops->group_remove(crowd->port.transport.self, crowd->group, c->peer, &crowd->seats[--i]);
    crowd->port.transport.ops->group_free(crowd->port.transport.self, crowd->group);
    crowd->port.transport.ops->close_all(crowd->port.transport.self);
    for (i = 0; i < MEMBERS; i++)
        ws_client_free(crowd->clients[i]);
}

static void read_everything(struct crowd *crowd)
{
    char buffer[65536];

    for (size_t i = 0; i < MEMBERS; i++)
        while (recv(crowd->clients[i]->fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
            continue;
}

static void keep_best(struct measured *best, uint64_t ns, uint64_t allocations, unsigned messages)
{
    if (best->ns == 0 || (double)ns / messages < best->ns)
        *best = (struct measured){(double)ns / messages, (double)allocations / messages};
}

static void measure_messages(struct crowd *crowd, const char *queued, const char *written, unsigned messages)
{
    const struct chatroom_transport *t = &crowd->port.transport;
    struct measured queueing = {0}, writing = {0};

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = measure_cpu_ns(), allocations = count_calls(), middle;

        for (unsigned i = 0; i < messages; i++) {
            chatroom_frame *frame =
                chatroom_frame_new(NULL, CHATROOM_TEXT_MESSAGE, chatroom_str("{\"message\":\"hello\"}"), 0);

            if (!frame)
                abort();
            t->ops->group_send(t->self, crowd->group, frame);
            chatroom_frame_unref(frame);
        }
        middle = measure_cpu_ns();
        keep_best(&queueing, middle - start, count_calls() - allocations, messages);
        allocations = count_calls();
        t->ops->flush(t->self);
        keep_best(&writing, measure_cpu_ns() - middle, count_calls() - allocations, messages);
        read_everything(crowd);
    }
    measure_print(queued, queueing, MEMBERS);
    measure_print(written, writing, MEMBERS);
}

int main(void)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);

    if (!crowd)
        abort();
    allow_descriptors();
    gather(crowd);
    measure_messages(crowd, "message to 1,000 queues", "... written, one at a time", 1);
    measure_messages(crowd, "message to 1,000 queues, one of 16", "... written, sixteen at a time", 16);
    scatter(crowd);
    free(crowd);
    return 0;
}
