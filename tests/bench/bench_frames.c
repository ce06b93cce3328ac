/*
 * bench_frames.c: what octets of one connection cost until they are whole messages (ws_epoll, assembler.h).
 *
 * One frame in one piece takes the fast way; the same in two pieces, or two fragments, goes through a reader. Masked
 * with zeros, which is as much work as any key and leaves the octets as they are for the next time.
 */
#include "assembler.h"
#include "measure.h"
#include "ws_frames.h"

#include <stdlib.h>

static const struct ws_limits limits = {131072, 131072, 4096};
static const uint8_t key[4] = {0, 0, 0, 0};

struct stream {
    struct ws_readers readers;
    struct ws_assembler assembler;
    uint8_t *octets;
    size_t size, cut; /* fed up to cut, then from there */
};

/* Messages in so many octets. */
static unsigned feed(struct stream *s, uint8_t *octets, size_t size)
{
    struct ws_input input = {octets, octets + size};
    struct ws_event event;
    unsigned messages = 0;

    do {
        ws_assembler_next(&s->assembler, &s->readers, &limits, &input, &event);
        messages += event.kind == WS_MESSAGE;
        if (event.kind == WS_FAIL || event.kind == WS_NO_MEMORY)
            abort();
    } while (event.kind != WS_MORE);
    return messages;
}

static void take(void *arg, unsigned times)
{
    struct stream *s = arg;

    for (unsigned i = 0; i < times; i++)
        if (feed(s, s->octets, s->cut) + feed(s, s->octets + s->cut, s->size - s->cut) != 1)
            abort();
}

static void put(struct stream *s, uint8_t first, size_t size)
{
    s->size += wire_header(s->octets + s->size, first, size, 0, key);
    memset(s->octets + s->size, 'x', size);
    s->size += size;
}

/* A message of that size in so many fragments; the second half of its octets comes later if cut says so. */
static void measure_message(const char *name, size_t size, unsigned fragments, bool cut)
{
    struct stream s = {.octets = malloc(size + fragments * 14)};

    if (!s.octets)
        abort();
    for (unsigned i = 0; i < fragments; i++)
        put(&s, (i + 1 == fragments ? WIRE_FIN : 0) | (i == 0 ? 1 : 0), size / fragments);
    s.cut = cut ? s.size / 2 : 0;
    measure(name, take, &s, 1);
    ws_assembler_fini(&s.assembler, &s.readers);
    ws_readers_fini(&s.readers);
    free(s.octets);
}

int main(void)
{
    measure_message("frame of 128 B", 128, 1, false);
    measure_message("frame of 1 KiB", 1024, 1, false);
    measure_message("frame of 16 KiB", 16384, 1, false);
    measure_message("frame of 1 KiB in two pieces", 1024, 1, true);
    measure_message("frame of 16 KiB in two pieces", 16384, 1, true);
    measure_message("message of 1 KiB in four fragments", 1024, 4, false);
    return 0;
}
