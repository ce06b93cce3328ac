/*
 * F23: linked into a program, it sends the program a signal every millisecond, for which no call is begun again: what
 * waits in the kernel comes back with EINTR, in whatever thread. Says how often at the end, if SIGNAL_STORM_SAYS is
 * set.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define EVERY_US 1000

static atomic_ulong count;

static void take(int signal)
{
    (void)signal;
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void begin(void)
{
    const struct itimerval often = {{0, EVERY_US}, {0, EVERY_US}};
    struct sigaction action = {.sa_handler = take};

    if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &often, NULL))
        abort();
}

__attribute__((destructor)) static void end(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};

    setitimer(ITIMER_REAL, &never, NULL);
    if (getenv("SIGNAL_STORM_SAYS"))
        fprintf(stderr, "%lu signals\n", atomic_load(&count));
}
