#include "source.h"

#include <chatroom/base.h>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ws_poll_open(struct ws_source *wake, int *ret_epoll, int *ret_wake_fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wake};

    wake->kind = WS_SOURCE_WAKE;
    *ret_epoll = epoll_create1(EPOLL_CLOEXEC);
    *ret_wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (*ret_epoll < 0 || *ret_wake_fd < 0 || epoll_ctl(*ret_epoll, EPOLL_CTL_ADD, *ret_wake_fd, &event))
        return CHATROOM_ESYSTEM;
    return CHATROOM_OK;
}

void ws_poll_wake(int wake_fd)
{
    uint64_t one = 1;

    if (write(wake_fd, &one, sizeof one) < 0)
        return; /* the counter is full: it is readable */
}

void ws_poll_clear(int wake_fd)
{
    uint64_t count;

    if (read(wake_fd, &count, sizeof count) < 0)
        return; /* somebody woke us and another step has seen it */
}

int ws_poll_watch(int epoll, int fd)
{
    static const struct ws_source watched = {WS_SOURCE_WATCHED};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)(uintptr_t)&watched};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST)
        return CHATROOM_OK;
    return errno == ENOMEM || errno == ENOSPC ? CHATROOM_ENOMEM : CHATROOM_ESYSTEM;
}

void ws_poll_close(int epoll, int wake_fd)
{
    if (epoll >= 0)
        close(epoll);
    if (wake_fd >= 0)
        close(wake_fd);
}
