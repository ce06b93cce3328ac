#include "fake.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    struct fake *fake;
    int fd;
};

enum { REQUEST_MOST = 1 << 20 };

static void check(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    abort();
}

void fake_write(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

bool fake_reply(const struct fake_request *request, const char *status, const char *headers, const char *body)
{
    char head[1024];
    int size =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, strlen(body), headers);

    fake_write(request->fd, head, (size_t)size);
    fake_write(request->fd, body, strlen(body));
    return true;
}

bool fake_hang(const struct fake *fake, const struct fake_request *request, int ms)
{
    struct pollfd fds[] = {{fake->stop, POLLIN, 0}, {request->fd, POLLRDHUP, 0}};

    poll(fds, 2, ms);
    return false;
}

const char *fake_header(const char *head, const char *name, char value[1024])
{
    size_t size = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, size) != 0 || line[2 + size] != ':')
            continue;
        line += 2 + size + 1;
        line += strspn(line, " ");
        snprintf(value, 1024, "%.*s", (int)strcspn(line, "\r"), line);
        return value;
    }
    return "";
}

/* Waits for bytes or the end. */
static ssize_t more(const struct peer *peer, char *bytes, size_t size)
{
    struct pollfd fds[] = {{peer->fake->stop, POLLIN, 0}, {peer->fd, POLLIN, 0}};

    poll(fds, 2, -1);
    return fds[0].revents ? 0 : recv(peer->fd, bytes, size, 0);
}

/* Reads a request into text; *ret_head is the size of its head. False: the connection is over. */
static bool read_request(const struct peer *peer, char *text, size_t *ret_head, size_t *ret_size)
{
    size_t size = 0, head = 0, whole = 0;
    char value[1024];

    for (;;) {
        ssize_t got = more(peer, text + size, REQUEST_MOST - size);
        char *end;

        if (got <= 0)
            return false;
        size += (size_t)got;
        text[size] = '\0';
        end = head ? NULL : strstr(text, "\r\n\r\n");
        if (end) {
            head = (size_t)(end - text) + 4;
            whole = head + strtoul(fake_header(text, "Content-Length", value), NULL, 10);
        }
        if (head && size >= whole)
            break;
    }
    *ret_head = head;
    *ret_size = size;
    return true;
}

static bool answer(struct peer *peer, char *text, char *head, unsigned nth)
{
    struct fake *fake = peer->fake;
    struct fake_request request = {.fd = peer->fd, .nth = nth, .head = head};
    size_t head_size, size;
    unsigned busy, most;
    bool go_on;

    if (!read_request(peer, text, &head_size, &size))
        return false;
    memcpy(head, text, head_size);
    head[head_size] = '\0';
    request.body = text + head_size;
    request.body_size = size - head_size;
    atomic_fetch_add(&fake->requests, 1);
    busy = atomic_fetch_add(&fake->busy, 1) + 1;
    most = atomic_load(&fake->busiest);
    while (busy > most && !atomic_compare_exchange_weak(&fake->busiest, &most, busy))
        ;
    go_on = fake->answer(fake, &request, fake->arg);
    atomic_fetch_sub(&fake->busy, 1);
    return go_on;
}

static void *serve(void *arg)
{
    struct peer *peer = arg;
    struct fake *fake = peer->fake;
    char *text = malloc(REQUEST_MOST + 1), *head = malloc(REQUEST_MOST + 1);

    check(text && head, "malloc");
    for (unsigned nth = 1; answer(peer, text, head, nth);)
        nth++;
    free(text);
    free(head);
    close(peer->fd);
    free(peer);
    atomic_fetch_sub(&fake->threads, 1);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct fake *fake = arg;
    struct pollfd fds[] = {{fake->stop, POLLIN, 0}, {fake->listener, POLLIN, 0}};

    while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
        struct peer *peer = malloc(sizeof *peer);
        pthread_t thread;

        check(peer != NULL, "malloc");
        *peer = (struct peer){fake, accept(fake->listener, NULL, NULL)};
        check(peer->fd >= 0, "accept");
        atomic_fetch_add(&fake->connections, 1);
        atomic_fetch_add(&fake->threads, 1);
        check(pthread_create(&thread, NULL, serve, peer) == 0 && pthread_detach(thread) == 0, "pthread_create");
    }
    return NULL;
}

static int listen_somewhere(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0, "bind");
    check(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    snprintf(url, 64, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

struct fake *fake_new(fake_fn *function, void *arg)
{
    struct fake *fake = calloc(1, sizeof *fake);
    pthread_t thread;

    check(fake != NULL, "calloc");
    fake->answer = function;
    fake->arg = arg;
    fake->listener = listen_somewhere(fake->url);
    fake->stop = eventfd(0, EFD_CLOEXEC);
    check(listen(fake->listener, 128) == 0 && fake->stop >= 0, "listen");
    check(pthread_create(&thread, NULL, accept_all, fake) == 0, "pthread_create");
    fake->accepting = thread;
    return fake;
}

void fake_free(struct fake *fake)
{
    uint64_t one = 1;

    check(write(fake->stop, &one, sizeof one) == sizeof one, "write");
    pthread_join(fake->accepting, NULL);
    while (atomic_load(&fake->threads) > 0)
        usleep(1000);
    close(fake->listener);
    close(fake->stop);
    free(fake);
}

void fake_dead_url(char url[64])
{
    close(listen_somewhere(url)); /* nobody gets the port in the life of a test */
}
