#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

int access_log_init(struct access_log *access, struct log *log, const char *file, struct chatroom_error *error)
{
    char text[256];

    access->log = log;
    access->fd = -1;
    access->lost = 0;
    if (!file)
        return CHATROOM_OK;
    /* Without waiting: a pipe whose reader is slow must not stop the loop. */
    access->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    if (access->fd >= 0)
        return CHATROOM_OK;
    snprintf(text, sizeof text, "access-log-file: cannot write %.120s: %.80s", file, strerror(errno));
    return chatroom_error_set(error, CHATROOM_EACCES, text);
}

void access_log_fini(struct access_log *access)
{
    if (access->fd >= 0)
        close(access->fd);
    access->fd = -1;
}

static void say_lost(struct access_log *access, uint64_t lines)
{
    const struct chatroom_log_field field = CHATROOM_NUMBER("lines", lines);

    log_event(access->log, CHATROOM_LOG_WARN, "access_log_lost", &field, 1);
}

void access_log_write(void *arg, chatroom_span line)
{
    struct access_log *access = arg;
    const struct iovec pieces[] = {{(void *)line.bytes, line.size}, {(void *)"\n", 1}};

    if (access->fd < 0) {
        log_long(access->log, CHATROOM_LOG_INFO, "access", "line", line);
        return;
    }
    if (writev(access->fd, pieces, 2) != (ssize_t)line.size + 1) {
        if (access->lost++ == 0)
            say_lost(access, 1);
    } else if (access->lost > 0) {
        say_lost(access, access->lost);
        access->lost = 0;
    }
}
