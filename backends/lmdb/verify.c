/*
 * verify.c: chatroom_lmdb_verify(): a child that walks the store, and what becomes of it.
 */
#include "check.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* In memory that both processes see: what there is of it stays when the child is gone. */
struct finding {
    struct chatroom_lmdb_report report;
    int result;
    bool ended; /* result is one */
};

static int say(struct chatroom_error *error, int code, const char *path, const char *what)
{
    char text[420];

    snprintf(text, sizeof text, "The store in %.120s: %s", path, what);
    return chatroom_error_set(error, code, text);
}

/* ---- the child ------------------------------------------------------------------------------------------------------
 */

/* Its end is what the time limit does, whatever the caller has done with the signal. Nobody wants its memory on a disk.
 */
static void limit_child(unsigned most_ms)
{
    const struct itimerval timer = {.it_value = {most_ms / 1000, most_ms % 1000 * 1000}};
    const struct rlimit none = {0, 0};
    sigset_t set;

    signal(SIGALRM, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    setrlimit(RLIMIT_CORE, &none);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Keeps others from opening the store meanwhile; a copy somewhere has no such file, and is nobody's. */
static int share_directory(const char *path)
{
    char lock[4096];
    int fd;

    snprintf(lock, sizeof lock, "%s/chatroom.lock", path);
    fd = open(lock, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? CHATROOM_OK : CHATROOM_EACCES;
    return flock(fd, LOCK_SH | LOCK_NB) == 0 ? CHATROOM_OK : CHATROOM_EBUSY;
}

static int look(const char *path, bool with_records, struct chatroom_lmdb_report *report)
{
    char data[4096];
    int fd, rc = share_directory(path);

    if (rc)
        return rc;
    snprintf(data, sizeof data, "%s/data.mdb", path);
    fd = open(data, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? CHATROOM_EIO : lmdb_walk(fd, with_records, report);
}

/* ---- the parent -----------------------------------------------------------------------------------------------------
 */

static int end_of(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0)
        if (errno !=
            EINTR) /* the host reaps children by itself: it is gone, and the finding tells all but by which signal */
            return SIGKILL;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* A child that did not end by itself: by which signal. */
static int judge_end(int signal, struct chatroom_lmdb_report *report)
{
    switch (signal) {
    case SIGALRM:
        return CHATROOM_ETIMEDOUT;
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGFPE:
    case SIGILL:
        snprintf(report->where, sizeof report->where, "signal %d, after %llu pages", signal,
                 (unsigned long long)report->pages);
        return CHATROOM_ECORRUPT;
    default: /* somebody killed it */
        return CHATROOM_ESYSTEM;
    }
}

static int look_in_child(const char *path, bool with_records, unsigned most_ms, struct chatroom_lmdb_report *ret)
{
    struct finding *found = mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int signal, rc = CHATROOM_ESYSTEM;

    if (found == MAP_FAILED)
        return CHATROOM_ENOMEM;
    child = fork();
    if (child == 0) {
        limit_child(most_ms);
        found->result = look(path, with_records, &found->report);
        found->ended = true;
        _exit(0);
    }
    if (child > 0) {
        signal = end_of(child);
        rc = found->ended ? found->result : judge_end(signal, &found->report);
        *ret = found->report;
    }
    munmap(found, sizeof *found);
    return rc;
}

/* As open() has it: a store that was made once is not begun anew. */
static bool was_made(const char *path)
{
    char lock[4096];
    struct stat status;

    snprintf(lock, sizeof lock, "%s/chatroom.lock", path);
    return stat(lock, &status) == 0 && status.st_size > 0;
}

static int look_at(const char *path, bool with_records, unsigned most_ms, struct chatroom_lmdb_report *ret)
{
    char data[4096];
    bool empty;
    int rc;

    snprintf(data, sizeof data, "%s/data.mdb", path);
    rc = lmdb_check_file(data, &empty);
    if (rc == CHATROOM_OK && empty)
        return was_made(path) ? CHATROOM_EFORMAT : CHATROOM_OK;
    if (rc)
        return rc;
    return look_in_child(path, with_records, most_ms, ret);
}

static int say_result(struct chatroom_error *error, int rc, const char *path, const struct chatroom_lmdb_report *report)
{
    char text[256];

    switch (rc) {
    case CHATROOM_ECORRUPT:
        snprintf(text, sizeof text, "it is damaged and was not opened (%s). Restore a copy of it.", report->where);
        return say(error, rc, path, text);
    case CHATROOM_EFORMAT:
        return say(error, rc, path, lmdb_format_text(was_made(path)));
    case CHATROOM_EBUSY:
        return say(error, rc, path, "another process or instance has it open.");
    case CHATROOM_EIO:
        return say(error, rc, path, "data.mdb cannot be read.");
    default:
        return rc == CHATROOM_OK ? rc : say(error, rc, path, chatroom_strerror(rc));
    }
}

int chatroom_lmdb_verify(const char *path, enum chatroom_lmdb_depth depth, unsigned most_ms,
                         struct chatroom_lmdb_report *ret_report, struct chatroom_error *error)
{
    struct chatroom_lmdb_report report = {0};
    size_t size = ret_report->size;
    int rc;

    if (size < sizeof size)
        return chatroom_error_set(error, CHATROOM_EINVAL, "The report is not one: begin with CHATROOM_LMDB_REPORT.");
    if (!path || !*path || strlen(path) > 4000 || depth > CHATROOM_LMDB_RECORDS)
        rc = chatroom_error_set(error, CHATROOM_EINVAL, "The path of the store or the depth is not valid.");
    else
        rc = say_result(error, look_at(path, depth == CHATROOM_LMDB_RECORDS, most_ms, &report), path, &report);
    report.size = size;
    memcpy(ret_report, &report, size < sizeof report ? size : sizeof report);
    return rc;
}
