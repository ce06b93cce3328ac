#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MOST 4096

char *file_beside(struct pool *pool, const char *beside, const char *name)
{
    const char *slash = *name == '/' ? NULL : strrchr(beside, '/');
    size_t folder = slash ? (size_t)(slash - beside) + 1 : 0;
    char *path = pool_take(pool, folder + strlen(name) + 1);

    if (path) {
        memcpy(path, beside, folder);
        memcpy(path + folder, name, strlen(name));
    }
    return path;
}

static char *complain(char *ret_complaint, const char *path, const char *why)
{
    snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "%.110s %s", path, why);
    return NULL;
}

static char *complain_system(char *ret_complaint, const char *path)
{
    snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "cannot read %.110s: %.60s", path, strerror(errno));
    return NULL;
}

/* One byte more than it said shows whether it grew meanwhile. */
static char *read_all(struct pool *pool, int fd, size_t size, const char *path, char *ret_complaint)
{
    char *text = pool_take(pool, size + 1);
    size_t used = 0;
    ssize_t got = 1;

    if (!text)
        return complain(ret_complaint, path, "does not fit into memory");
    while (got > 0 && used <= size) {
        got = read(fd, text + used, size + 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return complain_system(ret_complaint, path);
    if (used != size)
        return complain(ret_complaint, path, "changed while it was read");
    return strlen(text) == size ? text : complain(ret_complaint, path, "holds a NUL");
}

static char *read_opened(struct pool *pool, int fd, const char *path, size_t most, bool secret, char *ret_complaint)
{
    struct stat st;

    if (fstat(fd, &st))
        return complain_system(ret_complaint, path);
    if (!S_ISREG(st.st_mode))
        return complain(ret_complaint, path, "is no regular file");
    if (secret && (st.st_mode & S_IRWXO))
        return complain(ret_complaint, path, "is open to every user of this machine: chmod o= it");
    if (st.st_size > (off_t)most)
        return complain(ret_complaint, path, "is too big");
    return read_all(pool, fd, (size_t)st.st_size, path, ret_complaint);
}

static char *read_path(struct pool *pool, const char *path, size_t most, bool secret, char *ret_complaint)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO would wait for its writer */
    char *text;

    if (fd < 0)
        return complain_system(ret_complaint, path);
    text = read_opened(pool, fd, path, most, secret, ret_complaint);
    close(fd);
    return text;
}

char *file_read(struct pool *pool, const char *path, size_t most, char *ret_complaint)
{
    return read_path(pool, path, most, false, ret_complaint);
}

char *file_read_secret(struct pool *pool, const char *path, char *ret_complaint)
{
    char *text = read_path(pool, path, SECRET_MOST, true, ret_complaint);

    if (!text)
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    return *text ? text : complain(ret_complaint, path, "begins with an empty line");
}
