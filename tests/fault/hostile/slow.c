/* Peers that take their time: who ask slowly, who do not read, who are silent. */
#include "scene.h"

#include <signal.h>
#include <stdlib.h>

#define SECOND 1000000000ull

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- T02 --------------------------------------------------------------------------------------------------------- */

static void trickle(struct crowd *crowd, struct scene *scene, size_t *ret_peak)
{
    uint64_t began = now_ns(), next = 0;
    size_t at = 0;

    *ret_peak = 0;
    while (crowd_count_ended(crowd) < crowd->count && now_ns() < began + 15 * SECOND * patience()) {
        if (now_ns() >= next) {
            for (size_t i = 0; i < crowd->count; i++)
                crowd_put(crowd, &crowd->peers[i], CROWD_REQUEST + at, 1);
            at++;
            next = now_ns() + SECOND;
            *ret_peak = most(*ret_peak, scene_growth(scene));
        }
        crowd_turn(crowd, 20);
    }
}

static bool trickled_handshakes(void)
{
    const size_t count = size_of(100, 1000);
    struct scene scene;
    struct crowd crowd;
    size_t peak;
    bool well;

    scene_begin(&scene, true, NULL, true);
    regulars_begin(scene.regulars);
    crowd_init(&crowd, scene.target.port, count);
    for (size_t i = 0; i < count; i++)
        crowd_connect(&crowd, &crowd.peers[i]);
    trickle(&crowd, &scene, &peak);
    assert_int_equal(crowd_count_ended(&crowd), count);
    for (size_t i = 0; i < count; i++) {
        uint64_t lived = crowd.peers[i].ended_ns - crowd.peers[i].began_ns;

        assert_int_not_equal(crowd.peers[i].status, 101);
        assert_in_range(lived, 9 * SECOND, 11 * SECOND * patience());
    }
    assert_in_range(peak, 0, 10 * MIB);
    well = regulars_are_well(scene.regulars, "trickled handshakes", scene.before, FLOOR_MS);
    crowd_fini(&crowd);
    scene_end(&scene);
    return well;
}

static void T02_trickled_handshakes_end_in_time_and_cost_little(void **state)
{
    (void)state;
    try_thrice(trickled_handshakes);
}

/* ---- T10: who is no WebSocket ------------------------------------------------------------------------------------ */

#define METRICS_REQUEST "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
#define PIPELINED       2000

static uint64_t sent_by_all(const struct crowd *crowd)
{
    uint64_t sent = 0;

    for (size_t i = 0; i < crowd->count; i++)
        sent += crowd->peers[i].sent;
    return sent;
}

/* Until all are gone. Returns for how long the last of them was there without that anything moved. */
static uint64_t watch_them_go(struct crowd *crowd, struct scene *scene, size_t *ret_peak)
{
    uint64_t began = now_ns(), moved = began, sent = 0;

    *ret_peak = 0;
    while (crowd_count_ended(crowd) < crowd->count && now_ns() < began + 30 * SECOND * patience()) {
        crowd_turn(crowd, 100);
        *ret_peak = most(*ret_peak, scene_growth(scene));
        if (sent_by_all(crowd) != sent)
            moved = now_ns();
        sent = sent_by_all(crowd);
    }
    print_message("%zu who read no answer: gone after %.1f s, the server grew by %.1f MiB\n", crowd->count,
                  (double)(now_ns() - began) / 1e9, (double)*ret_peak / MIB);
    return now_ns() - moved;
}

static bool unread_answers(void)
{
    static const char *const options[] = {"--metrics", "/metrics", NULL};
    const size_t count = size_of(100, 900); /* fewer than may be opening at a time, or the regulars had no place */
    struct scene scene;
    struct crowd crowd;
    uint64_t stuck;
    size_t peak;
    bool well;

    scene_begin(&scene, true, options, true);
    regulars_begin(scene.regulars);
    crowd_init(&crowd, scene.target.port, count);
    for (size_t i = 0; i < count; i++) {
        crowd.peers[i].small = crowd.peers[i].deaf = true;
        crowd_connect(&crowd, &crowd.peers[i]);
        crowd_flood(&crowd, &crowd.peers[i], METRICS_REQUEST, sizeof METRICS_REQUEST - 1, PIPELINED);
    }
    stuck = watch_them_go(&crowd, &scene, &peak);
    assert_int_equal(crowd_count_ended(&crowd), count);
    assert_in_range(stuck, 8 * SECOND, 12 * SECOND * patience()); /* write_ms, counted by each for itself */
    assert_in_range(peak, 0, count * 16 * KIB + 2 * MIB);
    well = regulars_are_well(scene.regulars, "unread answers", scene.before, FLOOR_MS);
    crowd_fini(&crowd);
    scene_end(&scene);
    return well;
}

static void T10_who_reads_no_answer_goes_like_any_slow_reader(void **state)
{
    (void)state;
    try_thrice(unread_answers);
}

/* ---- F30 --------------------------------------------------------------------------------------------------------- */

#define TALKERS 4

static void enter_room(struct crowd *crowd, const char *who, size_t until)
{
    char text[128];

    for (size_t i = 0; i < until; i++) {
        snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"%s %zu\"}", who, i);
        crowd_say(crowd, &crowd->peers[i], text);
        crowd_say(crowd, &crowd->peers[i], "{\"action\":\"join-room\",\"value\":\"the crowd\"}");
    }
    crowd_turn(crowd, 0);
}

static bool all_heard(const struct crowd *crowd, uint64_t messages)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->peers[i].messages < messages)
            return false;
    return true;
}

/* What somebody heard of a room: the messages' numbers, which have no gap. */
struct listener {
    uint64_t first, last;
};

static void follow(struct crowd *crowd, struct peer *peer, char *text, size_t size)
{
    struct listener *listener = peer->own;
    const char *at = text, *type = strstr(text, "\"type\":\"history\"");

    (void)crowd, (void)size;
    if (!listener || (!type && !strstr(text, "\"client-message\"")))
        return;
    while ((at = strstr(at, "\"seq\":"))) {
        uint64_t seq = strtoull(at + 6, NULL, 10);

        assert_true(listener->last == 0 || seq == listener->last + 1);
        listener->first = listener->first ? listener->first : seq;
        listener->last = seq;
        at += 6;
    }
}

static void say_all(struct crowd *crowd, const char *message)
{
    for (size_t i = 0; i < crowd->count; i++)
        crowd_say(crowd, &crowd->peers[i], message);
}

static char *long_message(size_t size)
{
    static const char head[] = "{\"action\":\"dispatch\",\"value\":\"", tail[] = "\"}";
    char *text = malloc(sizeof head + size + sizeof tail);

    assert_non_null(text);
    memcpy(text, head, sizeof head - 1);
    memset(text + sizeof head - 1, 'x', size);
    memcpy(text + sizeof head - 1 + size, tail, sizeof tail);
    return text;
}

/* Who was cut comes back and reads on where it was, page by page. */
static void recover(struct scene *scene, uint64_t newest)
{
    struct listener listener = {0};
    struct crowd crowd;
    char text[128];

    crowd_init(&crowd, scene->target.port, 1);
    crowd.heard = follow;
    crowd.peers[0].own = NULL;
    assert_int_equal(crowd_open_all(&crowd, 5000 * patience()), 1);
    enter_room(&crowd, "come back", 1);
    CROWD_UNTIL(&crowd, crowd.peers[0].messages >= 2, 10);
    crowd.peers[0].own = &listener;
    while (listener.last < newest) {
        uint64_t before = listener.last;

        snprintf(text, sizeof text, "{\"action\":\"history\",\"after\":%llu}", (unsigned long long)listener.last);
        crowd_say(&crowd, &crowd.peers[0], text);
        CROWD_UNTIL(&crowd, listener.last > before, 10);
    }
    assert_int_equal(listener.first, 1);
    crowd_fini(&crowd);
}

struct talk {
    size_t size;      /* of a message */
    unsigned every;   /* ms */
    unsigned seconds; /* then all who do not read are gone */
};

struct hall {
    struct scene scene;
    struct crowd deaf, talkers;
    struct listener heard[TALKERS];
};

static void open_hall(struct hall *hall, size_t count)
{
    static const char *const options[] = {"--no-rate-limits", "--keep-empty-rooms", NULL};

    memset(hall, 0, sizeof *hall);
    scene_begin(&hall->scene, false, options, true);
    crowd_init(&hall->talkers, hall->scene.target.port, TALKERS);
    crowd_init(&hall->deaf, hall->scene.target.port, count);
    hall->talkers.heard = follow;
    for (size_t i = 0; i < TALKERS; i++)
        hall->talkers.peers[i].own = &hall->heard[i];
    for (size_t i = 0; i < count; i++)
        hall->deaf.peers[i].small = true;
    assert_int_equal(crowd_open_all(&hall->talkers, 5000 * patience()), TALKERS);
    assert_int_equal(crowd_open_all(&hall->deaf, 10000 * patience()), count);
    enter_room(&hall->talkers, "talker", TALKERS);
    enter_room(&hall->deaf, "deaf", count);
    CROWD_UNTIL(&hall->talkers, all_heard(&hall->talkers, 2), 10);
    CROWD_UNTIL(&hall->deaf, all_heard(&hall->deaf, 2), 20);
    for (size_t i = 0; i < count; i++)
        crowd_shut_ears(&hall->deaf, &hall->deaf.peers[i]);
    hall->scene.memory = target_memory(&hall->scene.target);
}

static void close_hall(struct hall *hall)
{
    crowd_fini(&hall->deaf);
    crowd_fini(&hall->talkers);
    scene_end(&hall->scene);
}

/* They talk until all who do not read are gone, and a little longer, so that the regulars have something to measure. */
static size_t talk_to_the_deaf(struct hall *hall, const struct talk *talk)
{
    uint64_t began = now_ns(), gone = 0, next = 0;
    char *message = long_message(talk->size);
    size_t peak = 0;

    while (now_ns() < began + talk->seconds * SECOND * patience() && (!gone || now_ns() < began + 2 * SECOND)) {
        if (now_ns() >= next && !gone) {
            say_all(&hall->talkers, message);
            next = now_ns() + talk->every * 1000000ull;
            peak = most(peak, scene_growth(&hall->scene));
        }
        crowd_turn(&hall->talkers, 1);
        crowd_turn(&hall->deaf, 1);
        if (!gone && crowd_count_ended(&hall->deaf) == hall->deaf.count)
            gone = now_ns();
    }
    free(message);
    print_message("%zu who do not read, %zu octets every %u ms: gone after %.1f s, the server grew by %.1f MiB\n",
                  hall->deaf.count, talk->size * TALKERS, talk->every, (double)(gone - began) / 1e9,
                  (double)peak / MIB);
    assert_true(gone > 0);
    return peak;
}

static bool non_readers(const struct talk *talk)
{
    const size_t count = size_of(100, 1000);
    struct hall hall;
    size_t peak;
    bool well;

    open_hall(&hall, count);
    regulars_begin(hall.scene.regulars);
    peak = talk_to_the_deaf(&hall, talk);
    assert_in_range(peak, 0, count * 4 * KIB + 256 * MIB);
    well = regulars_are_well(hall.scene.regulars, "who do not read", hall.scene.before, FLOOR_MS);
    CROWD_UNTIL(&hall.talkers, hall.heard[0].last > 0 && hall.heard[0].last == hall.heard[TALKERS - 1].last, 20);
    crowd_turn_for(&hall.talkers, 500);
    assert_int_equal(crowd_count_open(&hall.talkers), TALKERS);
    assert_int_equal(target_logged(&hall.scene.target, "slow_consumer"), count);
    recover(&hall.scene, hall.heard[0].last);
    close_hall(&hall);
    return well;
}

/* The hard limit ends them. */
static bool non_readers_of_much(void)
{
    return non_readers(&(struct talk){8192, 20, 6});
}

/* The soft one does, or that they take nothing for so long. */
static bool non_readers_of_little(void)
{
    return non_readers(&(struct talk){1024, 100, 15});
}

static void F30_who_does_not_read_is_cut_and_counted_and_costs_others_nothing(void **state)
{
    (void)state;
    try_thrice(non_readers_of_much);
}

static void F30_who_does_not_read_what_is_little_is_cut_as_well(void **state)
{
    (void)state;
    try_thrice(non_readers_of_little);
}

/* ---- F31, F41 ---------------------------------------------------------------------------------------------------- */

static void F31_dead_peers_are_found(void **state)
{
    const size_t count = size_of(20, 1000);
    struct scene scene;
    struct crowd crowd;

    (void)state;
    scene_begin(&scene, true, NULL, true);
    crowd_init(&crowd, scene.target.port, count);
    assert_int_equal(crowd_open_all(&crowd, 10000 * patience()), count);
    for (size_t i = 0; i < count; i++)
        crowd.peers[i].mute = true;
    CROWD_UNTIL(&crowd, crowd_count_ended(&crowd) == count, 40);
    for (size_t i = 0; i < count; i++)
        assert_in_range(crowd.peers[i].ended_ns - crowd.peers[i].answered_ns, 25 * SECOND, 37 * SECOND * patience());
    crowd_fini(&crowd);
    scene_end(&scene);
}

/* Afterwards everybody is a minute late, for nobody's fault. */
static void F41_after_a_pause_nobody_is_taken_for_dead(void **state)
{
    const struct timespec pause = {(time_t)size_of(3, 60), 0};
    struct scene scene;

    (void)state;
    scene_begin(&scene, true, NULL, true);
    assert_int_equal(kill(scene.target.pid, SIGSTOP), 0);
    nanosleep(&pause, NULL);
    assert_int_equal(kill(scene.target.pid, SIGCONT), 0);
    regulars_begin(scene.regulars);
    nanosleep(&(struct timespec){2, 0}, NULL);
    regulars_p99(scene.regulars);
    scene_end(&scene); /* all of them are there */
}

const struct CMUnitTest slow_tests[] = {
    cmocka_unit_test(T02_trickled_handshakes_end_in_time_and_cost_little),
    cmocka_unit_test(T10_who_reads_no_answer_goes_like_any_slow_reader),
    cmocka_unit_test(F30_who_does_not_read_is_cut_and_counted_and_costs_others_nothing),
    cmocka_unit_test(F30_who_does_not_read_what_is_little_is_cut_as_well),
    cmocka_unit_test(F31_dead_peers_are_found),
    cmocka_unit_test(F41_after_a_pause_nobody_is_taken_for_dead),
};
const size_t slow_count = sizeof slow_tests / sizeof *slow_tests;
