#include "regulars.h"

#include "crowd.h"
#include "target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define A_ROOM       10
#define EVERY_MS     500
#define SAMPLES_MOST 100000
#define COME_MS      20000

enum place { OUTSIDE, NAMED, INSIDE };
enum { PLACE, SAID }; /* of a peer's numbers */

struct regulars {
    struct crowd crowd;
    pthread_t thread;
    atomic_bool ending, silent;
    atomic_size_t inside, lost;
    uint64_t next_ns[REGULARS], said_ns[REGULARS]; /* said_ns 0: it has heard what it said */
    pthread_mutex_t lock;                          /* of the rest, and of said_ns */
    double samples[SAMPLES_MOST];
    size_t sample_count;
};

static size_t index_of(const struct crowd *crowd, const struct peer *peer)
{
    return (size_t)(peer - crowd->peers);
}

/* ---- what they say and hear -------------------------------------------------------------------------------------- */

static void enter(struct crowd *crowd, struct peer *peer)
{
    char text[128];

    snprintf(text, sizeof text, "{\"action\":\"join-room\",\"value\":\"regulars %zu\"}",
             index_of(crowd, peer) / A_ROOM);
    crowd_say(crowd, peer, text);
}

static void introduce(struct crowd *crowd, struct peer *peer)
{
    char text[128];

    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"regular %zu\"}", index_of(crowd, peer));
    crowd_say(crowd, peer, text);
}

static void talk(struct regulars *r, struct peer *peer)
{
    size_t i = index_of(&r->crowd, peer);
    char text[128];

    snprintf(text, sizeof text, "{\"action\":\"dispatch\",\"value\":\"<%zu/%zu>\"}", i, ++peer->number[SAID]);
    crowd_say(&r->crowd, peer, text);
    pthread_mutex_lock(&r->lock);
    r->said_ns[i] = now_ns();
    pthread_mutex_unlock(&r->lock);
}

static void note(struct regulars *r, size_t i)
{
    pthread_mutex_lock(&r->lock);
    if (r->said_ns[i] && r->sample_count < SAMPLES_MOST)
        r->samples[r->sample_count++] = (double)(now_ns() - r->said_ns[i]) / 1e6;
    r->said_ns[i] = 0;
    pthread_mutex_unlock(&r->lock);
}

static void heard(struct crowd *crowd, struct peer *peer, char *text, size_t size)
{
    struct regulars *r = crowd->own;
    char own[64];

    (void)size;
    snprintf(own, sizeof own, "<%zu/%zu>", index_of(crowd, peer), peer->number[SAID]);
    if (peer->number[PLACE] == OUTSIDE && strstr(text, "\"signup\"")) {
        peer->number[PLACE] = NAMED;
        enter(crowd, peer);
    } else if (peer->number[PLACE] == NAMED && strstr(text, "\"transactWrite\"")) {
        peer->number[PLACE] = INSIDE;
        atomic_fetch_add(&r->inside, 1);
    } else if (peer->number[PLACE] == INSIDE && strstr(text, own)) {
        note(r, index_of(crowd, peer));
    }
}

/* ---- their thread ------------------------------------------------------------------------------------------------ */

static void act(struct regulars *r, struct peer *peer)
{
    size_t i = index_of(&r->crowd, peer);
    uint64_t now = now_ns();

    if (peer->number[PLACE] != INSIDE || r->said_ns[i] || now < r->next_ns[i] || r->silent)
        return;
    r->next_ns[i] = now + EVERY_MS * 1000000ull;
    talk(r, peer);
}

static void *live(void *arg)
{
    struct regulars *r = arg;
    bool introduced[REGULARS] = {false};

    while (!r->ending) {
        size_t lost = 0;

        crowd_turn(&r->crowd, 1);
        for (size_t i = 0; i < REGULARS; i++) {
            struct peer *peer = &r->crowd.peers[i];

            if (peer->status == 101 && !introduced[i]) {
                introduced[i] = true;
                introduce(&r->crowd, peer);
            }
            lost += peer->ended;
            act(r, peer);
        }
        r->lost = lost;
    }
    return NULL;
}

/* ---- outside ----------------------------------------------------------------------------------------------------- */

static void wait_until_inside(struct regulars *r)
{
    uint64_t end = now_ns() + COME_MS * 1000000ull * patience();
    const struct timespec moment = {0, 5000000};

    while (r->inside < REGULARS && r->lost == 0 && now_ns() < end)
        nanosleep(&moment, NULL);
    assert_int_equal(r->inside, REGULARS);
}

struct regulars *regulars_new(uint16_t port)
{
    struct regulars *r = calloc(1, sizeof *r);

    assert_non_null(r);
    crowd_init(&r->crowd, port, REGULARS);
    r->crowd.heard = heard;
    r->crowd.own = r;
    pthread_mutex_init(&r->lock, NULL);
    for (size_t i = 0; i < REGULARS; i++) {
        crowd_open(&r->crowd, &r->crowd.peers[i]);
        r->next_ns[i] = now_ns() + i * EVERY_MS * 1000000ull / REGULARS;
    }
    assert_int_equal(pthread_create(&r->thread, NULL, live, r), 0);
    wait_until_inside(r);
    return r;
}

void regulars_free(struct regulars *r)
{
    size_t lost;

    r->ending = true;
    pthread_join(r->thread, NULL);
    lost = r->lost;
    crowd_fini(&r->crowd);
    pthread_mutex_destroy(&r->lock);
    free(r);
    assert_int_equal(lost, 0);
}

void regulars_begin(struct regulars *r)
{
    pthread_mutex_lock(&r->lock);
    r->sample_count = 0;
    pthread_mutex_unlock(&r->lock);
    r->silent = false;
}

void regulars_pause(struct regulars *r)
{
    r->silent = true;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void add_those_who_wait(struct regulars *r)
{
    uint64_t now = now_ns();

    for (size_t i = 0; i < REGULARS; i++)
        if (r->said_ns[i] && r->sample_count < SAMPLES_MOST)
            r->samples[r->sample_count++] = (double)(now - r->said_ns[i]) / 1e6;
}

double regulars_p99(struct regulars *r)
{
    double p99;

    pthread_mutex_lock(&r->lock);
    add_those_who_wait(r);
    assert_true(r->sample_count >= REGULARS);
    qsort(r->samples, r->sample_count, sizeof *r->samples, compare);
    p99 = r->samples[r->sample_count * 99 / 100];
    r->sample_count = 0;
    pthread_mutex_unlock(&r->lock);
    return p99;
}

bool regulars_are_well(struct regulars *r, const char *what, double before, double floor_ms)
{
    double p99 = regulars_p99(r), least = floor_ms * patience(), most = before * 2 > least ? before * 2 : least;

    print_message("%s: 99 of 100 ordinary messages waited at most %.1f ms, %.1f ms without\n", what, p99, before);
    return p99 <= most;
}
