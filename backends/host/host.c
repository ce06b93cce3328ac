#include <chatroom/host.h>
#include <chatroom/instance.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

int chatroom_os_random(void *arg, void *ret_bytes, size_t size)
{
    char *at = ret_bytes;

    (void)arg;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return CHATROOM_ESYSTEM;
        at += got;
        size -= (size_t)got;
    }
    return CHATROOM_OK;
}

struct chatroom_now chatroom_host_now(void)
{
    struct timespec mono, wall;

    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct chatroom_now){
        .mono_ns = (uint64_t)mono.tv_sec * 1000000000 + (uint64_t)mono.tv_nsec,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

/* ---- signals ---- */

struct signals {
    int fd; /* -1: none wanted */
    sigset_t before;
};

static int signals_block(struct signals *s, const int *wanted)
{
    sigset_t set;

    s->fd = -1;
    if (!wanted)
        return CHATROOM_OK;
    sigemptyset(&set);
    for (; *wanted; wanted++)
        if (sigaddset(&set, *wanted) != 0)
            return CHATROOM_EINVAL;
    if (pthread_sigmask(SIG_BLOCK, &set, &s->before) != 0)
        return CHATROOM_EINVAL;
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd >= 0)
        return CHATROOM_OK;
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
    return CHATROOM_ESYSTEM;
}

static void signals_unblock(struct signals *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

static unsigned signals_take(const struct signals *s)
{
    struct signalfd_siginfo info;
    unsigned count = 0;

    while (s->fd >= 0 && read(s->fd, &info, sizeof info) == sizeof info)
        count++;
    return count;
}

/* ---- the loop ---- */

static struct timespec until(uint64_t deadline)
{
    uint64_t now = chatroom_host_now().mono_ns, left = deadline > now ? deadline - now : 0;

    return (struct timespec){.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
}

/* True: there may be a signal. */
static bool wait_for_work(const chatroom *c, const struct signals *s)
{
    struct pollfd fds[2] = {{chatroom_fd(c), POLLIN, 0}, {s->fd, POLLIN, 0}}; /* poll passes over negative ones */
    uint64_t deadline = chatroom_deadline(c);
    struct timespec left = until(deadline);

    ppoll(fds, 2, deadline == CHATROOM_NEVER ? NULL : &left, NULL); /* woken for nothing: a step does no harm */
    return fds[1].revents != 0;
}

/* Errors: EAGAIN a second signal; EINVAL it is called from inside a step. */
static int loop(chatroom *c, const struct signals *s, struct chatroom_error *error)
{
    unsigned signals = 0;
    int result;

    for (bool signalled = true;; signalled = wait_for_work(c, s)) {
        if (signalled)
            signals += signals_take(s);
        if (signals > 1)
            return CHATROOM_EAGAIN;
        if (signals == 1)
            chatroom_stop(c);
        result = chatroom_step(c, chatroom_host_now());
        if (result != CHATROOM_OK)
            return chatroom_error_set(error, result, "It is running already.");
        if (chatroom_stopped(c))
            return CHATROOM_OK;
    }
}

int chatroom_run(chatroom *c, const int *wanted, struct chatroom_error *error)
{
    struct signals s;
    int result = signals_block(&s, wanted);

    if (result != CHATROOM_OK)
        return chatroom_error_set(error, result, "The signals cannot be received.");
    if (!chatroom_is_started(c))
        result = chatroom_start(c, chatroom_host_now(), error);
    if (result == CHATROOM_OK)
        result = loop(c, &s, error);
    signals_unblock(&s);
    return result;
}
