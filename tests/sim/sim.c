/*
 * sim.c: runs seeds, each in a process of its own, so that a crash is a seed's failure too.
 *
 *     sim [--seeds N] [--from N] [--seconds N] [--all] [--seed N [--trace]]
 *
 * It ends with the first seed that fails; --all goes on and counts them.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct plan {
    uint64_t from, seeds;
    unsigned seconds;
    bool one, trace, all;
};

static bool number(const char *text, uint64_t *ret_number)
{
    char *end;

    errno = 0;
    *ret_number = text ? strtoull(text, &end, 10) : 0;
    return text && *text && !*end && errno == 0;
}

static bool read_arguments(int count, char **arguments, struct plan *plan)
{
    for (int i = 1; i < count; i++) {
        uint64_t value = 0;

        if (strcmp(arguments[i], "--trace") == 0) {
            plan->trace = true;
            continue;
        }
        if (strcmp(arguments[i], "--no-shrink") == 0)
            continue;
        if (strcmp(arguments[i], "--all") == 0) {
            plan->all = true;
            continue;
        }
        if (!number(i + 1 < count ? arguments[i + 1] : NULL, &value))
            return false;
        if (strcmp(arguments[i], "--seed") == 0) {
            plan->from = value;
            plan->seeds = 1;
            plan->one = true;
        } else if (strcmp(arguments[i], "--seeds") == 0) {
            plan->seeds = value;
        } else if (strcmp(arguments[i], "--from") == 0) {
            plan->from = value;
        } else if (strcmp(arguments[i], "--seconds") == 0) {
            plan->seconds = (unsigned)value;
            plan->seeds = UINT64_MAX;
        } else {
            return false;
        }
        i++;
    }
    return true;
}

static void run(uint64_t seed, bool with_trace, bool with_hash)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.trace = with_trace;
    world_run(&w);
    if (with_hash)
        printf("seed %llu: hash %016llx, %u ticks, %u lives, %zu sessions, %u messages handled, %u entries heard\n",
               (unsigned long long)seed, (unsigned long long)w.hash, w.tick, w.life, w.session_count, w.calls, w.heard);
}

static bool run_in_child(const struct plan *plan, uint64_t seed)
{
    pid_t child = fork();
    int status = 1;

    if (child == 0) {
        run(seed, plan->trace, false);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int run_all(const struct plan *plan, const char *program)
{
    time_t end = time(NULL) + plan->seconds;
    uint64_t done = 0, failed = 0;

    while (done < plan->seeds && (plan->seconds == 0 || time(NULL) < end)) {
        uint64_t seed = plan->from + done++;

        if (run_in_child(plan, seed))
            continue;
        failed++;
        fprintf(stderr, "replay: %s --seed %llu --trace\n", program, (unsigned long long)seed);
        if (!plan->all)
            break;
    }
    printf("%llu seeds from %llu, %llu failed\n", (unsigned long long)done, (unsigned long long)plan->from,
           (unsigned long long)failed);
    return failed > 0;
}

int main(int count, char **arguments)
{
    struct plan plan = {.from = 1, .seeds = 200};

    if (!read_arguments(count, arguments, &plan)) {
        fprintf(stderr, "usage: sim [--seeds N] [--from N] [--seconds N] [--all] [--seed N [--trace]]\n");
        return 2;
    }
    if (plan.one) {
        run(plan.from, plan.trace, true);
        return 0;
    }
    return run_all(&plan, arguments[0]);
}
