#include "shrink.h"

#include <time.h>

enum { SECONDS_MOST = 60 };

struct search {
    uint64_t seed;
    int status;
    struct overrides *best;
    shrink_try_fn *try;
    void *arg;
    time_t end;
};

static unsigned value_of(const struct search *search, size_t which)
{
    struct options options;

    options_choose(&options, search->seed, search->best);
    return *option_at(&options, which);
}

/* Whether it fails the same way with that; then it stays so. */
static bool set(struct search *search, size_t which, unsigned value)
{
    struct overrides next = *search->best;

    if (time(NULL) >= search->end)
        return false;
    next.given[which] = true;
    next.values[which] = value;
    if (search->try(search->arg, search->seed, &next) != search->status)
        return false;
    *search->best = next;
    return true;
}

/* In steps that become shorter. */
static void lower(struct search *search, size_t which)
{
    unsigned value = value_of(search, which), step = value / 2;

    while (step > 0) {
        if (value > step && set(search, which, value - step))
            value -= step;
        else
            step /= 2;
        if (step >= value)
            step = value / 2;
    }
}

void shrink(uint64_t seed, int status, struct overrides *overrides, shrink_try_fn *try, void *arg)
{
    struct search search = {seed, status, overrides, try, arg, time(NULL) + SECONDS_MOST};

    lower(&search, OPTION_ticks);
    for (size_t which = 0; which < OPTION_COUNT; which++)
        if (option_is_spice(which) && value_of(&search, which) > 0)
            (void)set(&search, which, 0); /* it is needed, or not */
    lower(&search, OPTION_slots);
    lower(&search, OPTION_busy);
    lower(&search, OPTION_operations);
    lower(&search, OPTION_ticks);
}

void shrink_print(FILE *to, const char *program, uint64_t seed, const struct overrides *overrides)
{
    fprintf(to, "%s --seed %llu", program, (unsigned long long)seed);
    for (size_t which = 0; which < OPTION_COUNT; which++)
        if (overrides->given[which])
            fprintf(to, " --%s %u", option_names[which], overrides->values[which]);
    fprintf(to, " --trace\n");
}
