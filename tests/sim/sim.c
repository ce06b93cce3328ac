/*
 * sim.c: runs seeds, each in a process of its own, so that a crash is a seed's failure too.
 *
 *     sim [--seeds N] [--from N] [--seconds N] [--jobs N] [--all] [--no-shrink] [--hashes] [--OPTION N]...
 *     sim --seed N [--trace] [--OPTION N]...
 *     sim --soak HOURS
 *
 * It ends with the first seed that fails, which it makes smaller; --all goes on and counts them. An option of options.h
 * that is set is so in every seed.
 */
#include "shrink.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MOST = 120, TRY_SECONDS_MOST = 30, JOBS_MOST = 64 };

struct plan {
    uint64_t from, seeds, seconds, jobs, soak_hours;
    bool one, trace, all, no_shrink, hashes;
    struct overrides overrides;
};

struct job {
    pid_t child;
    uint64_t seed;
};

/* ---- arguments ---- */

static bool number(const char *text, uint64_t *ret_number)
{
    char *end;

    errno = 0;
    *ret_number = text ? strtoull(text, &end, 10) : 0;
    return text && *text && !*end && errno == 0;
}

static bool take_flag(const char *argument, struct plan *plan)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--trace", &plan->trace},
                 {"--all", &plan->all},
                 {"--no-shrink", &plan->no_shrink},
                 {"--hashes", &plan->hashes}};

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(argument, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    return false;
}

static bool take_number(const char *argument, uint64_t value, struct plan *plan)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"--seed", &plan->from},       {"--seeds", &plan->seeds}, {"--from", &plan->from},
                   {"--seconds", &plan->seconds}, {"--jobs", &plan->jobs},   {"--soak", &plan->soak_hours}};
    size_t which = strncmp(argument, "--", 2) == 0 ? option_named(argument + 2) : OPTION_COUNT;

    plan->one |= strcmp(argument, "--seed") == 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(argument, numbers[i].name) == 0) {
            *numbers[i].number = value;
            return true;
        }
    if (which == OPTION_COUNT)
        return false;
    plan->overrides.given[which] = true;
    plan->overrides.values[which] = (unsigned)value;
    return true;
}

static bool read_arguments(int count, char **arguments, struct plan *plan)
{
    uint64_t value;

    for (int i = 1; i < count; i++) {
        if (take_flag(arguments[i], plan))
            continue;
        if (!number(i + 1 < count ? arguments[i + 1] : NULL, &value) || !take_number(arguments[i], value, plan))
            return false;
        i++;
    }
    if (plan->seconds > 0)
        plan->seeds = UINT64_MAX;
    return plan->jobs > 0 && plan->jobs <= JOBS_MOST;
}

/* ---- one seed ---- */

static void run(const struct plan *plan, uint64_t seed, bool with_hash)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.trace = plan->trace;
    w.overrides = plan->overrides;
    world_run(&w);
    if (with_hash)
        printf("seed %llu: hash %016llx, %u ticks, %llu s, %u lives, %zu sessions, %u messages handled, %u entries "
               "heard\n",
               (unsigned long long)seed, (unsigned long long)w.hash, w.tick, (unsigned long long)world_ms(&w) / 1000,
               w.life, w.session_count, w.calls, w.heard);
}

static pid_t begin(const struct plan *plan, uint64_t seed)
{
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child != 0)
        return child;
    alarm(SECONDS_MOST);
    run(plan, seed, plan->hashes);
    fflush(stdout);
    _exit(0);
}

/* How it fails with these: shrink.h. */
static int try(void *arg, uint64_t seed, const struct overrides *overrides)
{
    struct plan plan = *(const struct plan *)arg;
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        alarm(TRY_SECONDS_MOST);
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(0);
        plan.overrides = *overrides;
        plan.trace = false;
        run(&plan, seed, false);
        _exit(0);
    }
    return child < 0 || waitpid(child, &status, 0) != child ? 0 : status;
}

/* ---- many ---- */

static void explain(const struct plan *plan, const char *program, uint64_t seed, int status)
{
    struct overrides smallest = plan->overrides;

    if (WIFSIGNALED(status))
        fprintf(stderr, "seed %llu breaks the program: signal %d\n", (unsigned long long)seed, WTERMSIG(status));
    fprintf(stderr, "commit: %s\nreplay: ", world_commit());
    shrink_print(stderr, program, seed, &plan->overrides);
    if (plan->no_shrink)
        return;
    shrink(seed, status, &smallest, try, (void *)plan);
    fprintf(stderr, "shrunk: ");
    shrink_print(stderr, program, seed, &smallest);
}

static struct job *job_of(struct job *jobs, uint64_t count, pid_t child)
{
    for (uint64_t i = 0; i < count; i++)
        if (jobs[i].child == child)
            return &jobs[i];
    return NULL;
}

/* Whether more seeds are to be begun. */
static bool goes_on(const struct plan *plan, uint64_t begun, uint64_t failed, time_t end)
{
    return begun < plan->seeds && (plan->seconds == 0 || time(NULL) < end) && (failed == 0 || plan->all);
}

static int run_all(const struct plan *plan, const char *program)
{
    time_t end = time(NULL) + (time_t)plan->seconds;
    uint64_t begun = 0, ended = 0, failed = 0;
    struct job jobs[JOBS_MOST] = {0}, *job;
    int status;

    while (goes_on(plan, begun, failed, end) || ended < begun) {
        if (goes_on(plan, begun, failed, end) && begun - ended < plan->jobs) {
            job = job_of(jobs, plan->jobs, 0);
            *job = (struct job){begin(plan, plan->from + begun), plan->from + begun};
            if (job->child < 0)
                return 2;
            begun++;
            continue;
        }
        job = job_of(jobs, plan->jobs, wait(&status));
        if (!job)
            return 2;
        ended++;
        job->child = 0;
        if (status == 0)
            continue;
        if (failed++ == 0 || plan->all)
            explain(plan, program, job->seed, status);
    }
    printf("%llu seeds from %llu, %llu failed\n", (unsigned long long)ended, (unsigned long long)plan->from,
           (unsigned long long)failed);
    return failed > 0;
}

int main(int count, char **arguments)
{
    struct plan plan = {.from = 1, .seeds = 200, .jobs = 1};

    if (!read_arguments(count, arguments, &plan)) {
        fprintf(stderr,
                "usage: sim [--seeds N] [--from N] [--seconds N] [--jobs N] [--all] [--no-shrink] [--hashes] "
                "[--OPTION N]...\n       sim --seed N [--trace] [--OPTION N]...\n       sim --soak HOURS\noptions:");
        for (size_t i = 0; i < OPTION_COUNT; i++)
            fprintf(stderr, " %s", option_names[i]);
        fprintf(stderr, "\n");
        return 2;
    }
    if (plan.soak_hours > 0)
        return soak((unsigned)plan.soak_hours);
    if (!plan.one)
        return run_all(&plan, arguments[0]);
    run(&plan, plan.from, true);
    return 0;
}
