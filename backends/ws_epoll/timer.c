#include "timer.h"

#include <stdlib.h>

static void put(struct ws_timers *timers, struct ws_timer *timer, size_t place)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct ws_timers *timers, struct ws_timer *timer, size_t place)
{
    while (place > 0 && timers->heap[(place - 1) / 2]->due > timer->due) {
        put(timers, timers->heap[(place - 1) / 2], place);
        place = (place - 1) / 2;
    }
    put(timers, timer, place);
}

static void sift_down(struct ws_timers *timers, struct ws_timer *timer, size_t place)
{
    for (;;) {
        size_t child = 2 * place + 1;

        if (child + 1 < timers->count && timers->heap[child + 1]->due < timers->heap[child]->due)
            child++;
        if (child >= timers->count || timers->heap[child]->due >= timer->due)
            break;
        put(timers, timers->heap[child], place);
        place = child;
    }
    put(timers, timer, place);
}

static void sift(struct ws_timers *timers, struct ws_timer *timer, size_t place)
{
    if (place > 0 && timers->heap[(place - 1) / 2]->due > timer->due)
        sift_up(timers, timer, place);
    else
        sift_down(timers, timer, place);
}

static int reserve(struct ws_timers *timers)
{
    size_t grown = timers->capacity ? timers->capacity * 2 : 16;
    struct ws_timer **bigger;

    if (timers->count < timers->capacity)
        return CHATROOM_OK;
    bigger = realloc(timers->heap, grown * sizeof(struct ws_timer *));
    if (!bigger)
        return CHATROOM_ENOMEM;
    timers->heap = bigger;
    timers->capacity = grown;
    return CHATROOM_OK;
}

int ws_timer_add(struct ws_timers *timers, struct ws_timer *timer, uint64_t due)
{
    int rc = reserve(timers);

    if (rc)
        return rc;
    timer->due = due;
    sift_up(timers, timer, timers->count++);
    return CHATROOM_OK;
}

void ws_timer_move(struct ws_timers *timers, struct ws_timer *timer, uint64_t due)
{
    timer->due = due;
    sift(timers, timer, timer->place);
}

void ws_timer_remove(struct ws_timers *timers, struct ws_timer *timer)
{
    struct ws_timer *last = timers->heap[--timers->count];

    if (last != timer)
        sift(timers, last, timer->place);
}

void ws_timers_fini(struct ws_timers *timers)
{
    free(timers->heap);
    *timers = (struct ws_timers){0};
}
