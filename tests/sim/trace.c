#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void add(struct world *w, const char *text)
{
    for (; *text; text++)
        w->hash = (w->hash ^ (unsigned char)*text) * 0x100000001b3u;
}

void trace(struct world *w, const char *format, ...)
{
    char line[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    add(w, line);
    if (w->trace)
        printf("%6u %s\n", w->tick, line);
}

void broken(struct world *w, enum promise promise, const char *format, ...)
{
    static const char *const names[] = {"the contract", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"};
    va_list arguments;

    fflush(stdout);
    fprintf(stderr, "seed %llu breaks %s: tick %u, life %u: ", (unsigned long long)w->seed, names[promise], w->tick,
            w->life);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    _Exit(10 + (int)promise);
}
