/*
 * F32: linked into a program, it makes recv(), send() and sendmsg() of the program and its libraries move one octet,
 * and now and then none: EAGAIN as if the kernel had nothing, EINTR as if a signal had come. What the program does must
 * look the same from outside. recvmsg() is not here since nobody calls it.
 *
 * One call in so many as SMALL_STEPS says (16; 0: none) moves what it likes, so that a megabyte takes no minute.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef ssize_t recv_fn(int fd, void *buffer, size_t size, int flags);
typedef ssize_t send_fn(int fd, const void *buffer, size_t size, int flags);

static _Thread_local uint32_t dice = 1;

/* What the C library, or a sanitizer, has under that name. */
static void *next(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);

    if (!symbol)
        abort();
    return symbol;
}

/* Not in a cycle: a server and a client in one thread would take the same turns again and again. */
static unsigned throw(unsigned sides)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 16) % sides;
}

static size_t step(size_t size)
{
    const char *text = getenv("SMALL_STEPS");
    unsigned every = text ? (unsigned)atoi(text) : 16;

    return size <= 1 || (every > 0 && throw(every) == 0) ? size : 1;
}

static bool hinders(void)
{
    unsigned side = throw(6);

    errno = side == 0 ? EAGAIN : EINTR;
    return side < 2;
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    recv_fn *real;
    void *symbol = next("recv");

    memcpy(&real, &symbol, sizeof real);
    return hinders() ? -1 : real(fd, buffer, step(size), flags);
}

static ssize_t send_one(int fd, const void *buffer, size_t size, int flags)
{
    send_fn *real;
    void *symbol = next("send");

    memcpy(&real, &symbol, sizeof real);
    return real(fd, buffer, step(size), flags);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
    return hinders() ? -1 : send_one(fd, buffer, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (hinders())
        return -1;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        if (message->msg_iov[i].iov_len > 0)
            return send_one(fd, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len, flags);
    return 0;
}
