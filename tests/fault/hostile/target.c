#include "target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 20000
#define STOP_MS  30000

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool measures_memory(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return false;
#else
    return true;
#endif
}

unsigned patience(void)
{
    const char *text = getenv("E2E_PATIENCE");
    int value = text ? atoi(text) : measures_memory() ? 1 : 5;

    return value > 1 ? (unsigned)value : 1;
}

static const char *path(const struct target *target, const char *name, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s/%s", target->folder, name);
    return buffer;
}

void target_init(struct target *target, bool memory, const char *const *options)
{
    *target = (struct target){.memory = memory, .folder = "/tmp/chatroom-hostile-XXXXXX"};
    assert_non_null(mkdtemp(target->folder));
    for (size_t i = 0; options && options[i]; i++)
        target->options[i] = options[i];
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static void run(const struct target *target, int output)
{
    const char *program = getenv("CHATROOMD");
    const char *argv[32] = {program, "--listen", NULL};
    char listen[32], data[128], log[128];
    struct rlimit files = {target->descriptors, target->descriptors};
    size_t count = 2;
    int errors = open(path(target, "log", log, sizeof log), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

    snprintf(listen, sizeof listen, "127.0.0.1:%u", target->port);
    argv[count++] = listen;
    argv[count++] = target->memory ? "--memory" : "--data";
    if (!target->memory)
        argv[count++] = path(target, "data", data, sizeof data);
    for (size_t i = 0; target->options[i]; i++)
        argv[count++] = target->options[i];
    /* A test that failed leaves no server behind. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || !program || errors < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(errors, STDERR_FILENO) < 0)
        _exit(126);
    if (target->descriptors > 0 && setrlimit(RLIMIT_NOFILE, &files))
        _exit(126);
    execv(program, (char *const *)argv);
    _exit(127);
}

/* Reads what it says until it says where it listens. 0: it never does. */
static uint16_t read_port(int output)
{
    static const char where[] = "WebSocket at ws://127.0.0.1:";
    uint64_t end = now_ns() + START_MS * 1000000ull * patience();
    char text[4096], *found;
    size_t size = 0;

    while (now_ns() < end && size < sizeof text - 1) {
        struct pollfd ready = {.fd = output, .events = POLLIN};
        ssize_t got = poll(&ready, 1, 100) > 0 ? read(output, text + size, sizeof text - 1 - size) : -1;

        if (got == 0)
            return 0;
        size += got > 0 ? (size_t)got : 0;
        text[size] = '\0';
        found = strstr(text, where);
        if (found && strchr(found, '\n'))
            return (uint16_t)atoi(found + sizeof where - 1);
    }
    return 0;
}

void target_start(struct target *target)
{
    int output[2];

    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    target->pid = fork();
    assert_true(target->pid >= 0);
    if (target->pid == 0)
        run(target, output[1]);
    close(output[1]);
    target->port = read_port(output[0]);
    close(output[0]); /* it says nothing more */
    assert_int_not_equal(target->port, 0);
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

bool target_alive(const struct target *target)
{
    return target->pid > 0 && waitpid(target->pid, NULL, WNOHANG) == 0;
}

void target_stop(struct target *target)
{
    uint64_t end = now_ns() + STOP_MS * 1000000ull * patience();
    int status = -1;
    pid_t pid = 0;

    kill(target->pid, SIGTERM);
    while (pid == 0 && now_ns() < end) {
        pid = waitpid(target->pid, &status, WNOHANG);
        if (pid == 0)
            poll(NULL, 0, 5);
    }
    if (pid == 0)
        kill(target->pid, SIGKILL);
    if (pid == 0)
        waitpid(target->pid, NULL, 0);
    target->pid = 0;
    assert_true(pid > 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void target_fini(struct target *target)
{
    char command[128];

    if (target->pid > 0)
        target_stop(target);
    snprintf(command, sizeof command, "rm -rf %s", target->folder);
    assert_int_equal(system(command), 0);
}

/* ---- looking at it ----------------------------------------------------------------------------------------------- */

/* The number behind a name in a file of /proc; a test without /proc fails. */
static size_t number_in(const struct target *target, const char *file, const char *name)
{
    char text[64], line[256];
    size_t number = SIZE_MAX;
    FILE *stream;

    snprintf(text, sizeof text, "/proc/%d/%s", (int)target->pid, file);
    stream = fopen(text, "r");
    assert_non_null(stream);
    while (number == SIZE_MAX && fgets(line, sizeof line, stream))
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoul(line + strlen(name), NULL, 10);
    fclose(stream);
    assert_true(number != SIZE_MAX);
    return number;
}

size_t target_memory(const struct target *target)
{
    return (number_in(target, "smaps_rollup", "Private_Dirty:") + number_in(target, "smaps_rollup", "Private_Clean:")) *
           1024;
}

uint64_t target_cpu_ms(const struct target *target)
{
    unsigned long user = 0, kernel = 0;
    char text[64], line[1024];
    const char *rest;
    FILE *stream;

    snprintf(text, sizeof text, "/proc/%d/stat", (int)target->pid);
    stream = fopen(text, "r");
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof line, stream));
    fclose(stream);
    rest = strrchr(line, ')'); /* behind the name there are numbers alone: the 12th and 13th are these */
    assert_non_null(rest);
    assert_int_equal(sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel), 2);
    return (uint64_t)(user + kernel) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

size_t target_logged(const struct target *target, const char *event)
{
    char name[128], wanted[64], line[8192];
    size_t count = 0;
    FILE *stream = fopen(path(target, "log", name, sizeof name), "r");

    assert_non_null(stream);
    snprintf(wanted, sizeof wanted, "\"event\":\"%s\"", event);
    while (fgets(line, sizeof line, stream))
        count += strstr(line, wanted) != NULL;
    fclose(stream);
    return count;
}
