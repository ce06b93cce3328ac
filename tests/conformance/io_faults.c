#include "io_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct io_fault io_fault = {.syncs_to_go = -1};
static const char *watched = "";

void io_faults_init(const char *folder)
{
    watched = folder;
    sem_init(&io_fault.stalled, 0, 0);
    sem_init(&io_fault.gate, 0, 0);
}

void io_faults_arm(int at, bool sticky, enum io_failure kind)
{
    io_fault.kind = kind;
    io_fault.sticky = sticky;
    io_fault.hit = false;
    io_fault.calls = 0;
    io_fault.at = at;
}

void io_faults_disarm(void)
{
    io_fault.at = 0;
    io_fault.syncs_to_go = -1;
}

static bool is_watched(const char *path)
{
    size_t size = strlen(watched);

    return size > 0 && strncmp(path, watched, size) == 0;
}

static bool is_of_watched(int fd)
{
    char link[64], path[256];
    ssize_t size;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return is_watched(path);
}

/* One more call. */
static bool fails(void)
{
    static const int codes[FAIL_KINDS] = {EIO, ENOSPC, EIO, EINTR};
    int at = io_fault.at, call = ++io_fault.calls;

    if (at == 0 || call < at || (call > at && !io_fault.sticky))
        return false;
    io_fault.hit = true;
    errno = codes[io_fault.kind];
    return true;
}

/* False: it fails as a whole. Else how much of it is done. */
static bool allow(int fd, size_t *size)
{
    if (!is_of_watched(fd) || !fails())
        return true;
    if (io_fault.kind != FAIL_SHORT || *size < 2)
        return false;
    *size /= 2;
    return true;
}

/* ---- instead of the system's ------------------------------------------------------------------------------------- */

/* By their symbols: with 64 bit offsets the headers make others of the names. */
ssize_t failing_pwrite(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t failing_pwrite64(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite64");
ssize_t failing_pread(int fd, void *bytes, size_t size, off_t offset) __asm__("pread");
ssize_t failing_pread64(int fd, void *bytes, size_t size, off_t offset) __asm__("pread64");
int failing_ftruncate(int fd, off_t size) __asm__("ftruncate");
int failing_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int failing_open(const char *path, int flags, ...) __asm__("open");
int failing_open64(const char *path, int flags, ...) __asm__("open64");

ssize_t failing_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return allow(fd, &size) ? syscall(SYS_pwrite64, fd, bytes, size, offset) : -1;
}

ssize_t failing_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return failing_pwrite(fd, bytes, size, offset);
}

ssize_t failing_pread(int fd, void *bytes, size_t size, off_t offset)
{
    return allow(fd, &size) ? syscall(SYS_pread64, fd, bytes, size, offset) : -1;
}

ssize_t failing_pread64(int fd, void *bytes, size_t size, off_t offset)
{
    return failing_pread(fd, bytes, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    size_t whole = (size_t)count;

    return allow(fd, &whole) ? syscall(SYS_writev, fd, parts, whole) : -1;
}

int failing_ftruncate(int fd, off_t size)
{
    return is_of_watched(fd) && fails() ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int failing_ftruncate64(int fd, off_t size)
{
    return failing_ftruncate(fd, size);
}

static int open_or_fail(const char *path, int flags, mode_t mode)
{
    return is_watched(path) && fails() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int failing_open(const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_or_fail(path, flags, mode);
}

int failing_open64(const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_or_fail(path, flags, mode);
}

int fsync(int fd)
{
    return is_of_watched(fd) && fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    bool ours = is_of_watched(fd);

    if (io_fault.stalls && ours) {
        sem_post(&io_fault.stalled);
        sem_wait(&io_fault.gate);
    }
    if (ours && fails())
        return -1;
    if (ours && io_fault.syncs_to_go >= 0 && io_fault.syncs_to_go-- == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}
