#include "measure.h"

#include "count.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 7, ROUND_NS = 50 * 1000 * 1000 };

uint64_t measure_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct measured once(measure_fn *operation, void *arg, unsigned times)
{
    uint64_t allocations = count_calls(), start = measure_cpu_ns();

    operation(arg, times);
    return (struct measured){(double)(measure_cpu_ns() - start) / times, (double)(count_calls() - allocations) / times};
}

/* So many that the clock is not what is measured. */
static unsigned times_for_a_round(measure_fn *operation, void *arg)
{
    unsigned times = 1;

    while (times < 1u << 30 && once(operation, arg, times).ns * times < ROUND_NS)
        times *= 2;
    return times;
}

void measure_print(const char *name, struct measured each, unsigned parts)
{
    printf("%-46s %12.1f ns %8.2f allocations", name, each.ns, each.allocations);
    if (parts > 1)
        printf("   %.2f ns each of %u", each.ns / parts, parts);
    printf("\n");
}

void measure(const char *name, measure_fn *operation, void *arg, unsigned parts)
{
    unsigned times = times_for_a_round(operation, arg);
    struct measured best = once(operation, arg, times);

    for (int i = 1; i < ROUNDS; i++) {
        struct measured again = once(operation, arg, times);

        best = again.ns < best.ns ? again : best;
    }
    measure_print(name, best, parts);
}
