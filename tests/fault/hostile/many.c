/* Peers who are many, or do much. */
#include "scene.h"

#include <stdlib.h>

#define SECOND 1000000000ull

/* ---- T09 --------------------------------------------------------------------------------------------------------- */

/* Each reads what it is answered, and never stops asking. */
static bool flood(const char *const *options, size_t flooders, const char *what)
{
    static const char question[] = "{\"action\":\"nothing of that name\"}";
    struct scene scene;
    struct crowd crowd;
    bool well;

    scene_begin(&scene, true, options, true);
    crowd_init(&crowd, scene.target.port, flooders);
    assert_int_equal(crowd_open_all(&crowd, 5000 * patience()), flooders);
    regulars_begin(scene.regulars);
    for (size_t i = 0; i < flooders; i++) {
        for (int k = 0; k < 99; k++)
            crowd_say(&crowd, &crowd.peers[i], question);
        crowd_put_frame(&crowd, &crowd.peers[i], FRAME_LAST | FRAME_TEXT, question, sizeof question - 1);
        crowd.peers[i].repeat = 1000000;
    }
    crowd_turn_for(&crowd, (unsigned)size_of(2000, 12000));
    well = regulars_are_well(scene.regulars, what, scene.before, FLOOR_MS);
    crowd_fini(&crowd);
    scene_end(&scene);
    return well;
}

static bool flood_without_limits(void)
{
    static const char *const options[] = {"--no-rate-limits", NULL};

    return flood(options, 1, "one who asks without end, without limits");
}

static bool flood_with_limits(void)
{
    return flood(NULL, 20, "twenty who ask without end");
}

static void T09_who_asks_without_end_has_no_more_than_a_turn(void **state)
{
    (void)state;
    try_thrice(flood_without_limits);
}

static void T12_who_asks_too_fast_costs_others_nothing(void **state)
{
    (void)state;
    try_thrice(flood_with_limits);
}

/* ---- F33 --------------------------------------------------------------------------------------------------------- */

#define ROOMS     10
#define PAGE_MOST 300
#define IN_MS     5000 /* all come back within that time */

enum step { AWAY, NAMED, ENTERING, PAGING, THERE };
enum { STEP, KNOWN, PAGED, LIVE }; /* of a peer's numbers; KNOWN: the newest that it has of what is paged */

struct homecoming {
    struct crowd crowd;
    size_t backlog, refused, there;
    uint64_t *came_ns;
    size_t newest[ROOMS];
    double *handshakes;
    size_t handshake_count;
};

static size_t place_of(const struct crowd *crowd, const struct peer *peer)
{
    return (size_t)(peer - crowd->peers) % ROOMS;
}

static size_t number_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    assert_non_null(at);
    return strtoul(at + strlen(name), NULL, 10);
}

static void ask_for_page(struct crowd *crowd, struct peer *peer)
{
    char text[96];

    snprintf(text, sizeof text, "{\"action\":\"history\",\"after\":%zu}", peer->number[KNOWN]);
    crowd_say(crowd, peer, text);
}

/* The page goes on where the one before it ended, and is no longer than it may be. */
static void read_page(struct peer *peer, char *text)
{
    const char *at = strstr(text, "\"messages\":");
    size_t count = 0;

    assert_non_null(at);
    while ((at = strstr(at, "\"seq\":"))) {
        at += 6;
        assert_int_equal(strtoul(at, NULL, 10), ++peer->number[KNOWN]);
        count++;
    }
    assert_in_range(count, 1, PAGE_MOST);
}

static void arrive(struct homecoming *h, struct peer *peer)
{
    peer->number[STEP] = THERE;
    h->there++;
}

static void on_page(struct homecoming *h, struct peer *peer, char *text)
{
    read_page(peer, text);
    if (peer->number[KNOWN] >= peer->number[PAGED])
        arrive(h, peer);
    else
        ask_for_page(&h->crowd, peer);
}

/* From its place on everything is heard as it is said: after the newest of the page, one after the other. */
static void on_live(struct peer *peer, const char *text)
{
    size_t seq = number_of(text, "\"seq\":");

    assert_int_equal(seq, ++peer->number[LIVE]);
}

static void on_entered(struct homecoming *h, struct peer *peer, const char *text)
{
    peer->number[LIVE] = peer->number[PAGED] = number_of(text, "\"newest\":");
    peer->number[STEP] = PAGING;
    assert_true(peer->number[PAGED] >= h->backlog);
    ask_for_page(&h->crowd, peer);
}

static void come_home(struct crowd *crowd, struct peer *peer, char *text, size_t size)
{
    struct homecoming *h = crowd->own;
    char join[96];

    (void)size;
    assert_null(strstr(text, "\"type\":\"error\""));
    if (peer->number[STEP] == NAMED && strstr(text, "\"signup\"")) {
        snprintf(join, sizeof join, "{\"action\":\"join-room\",\"value\":\"home %zu\"}", place_of(crowd, peer));
        peer->number[STEP] = ENTERING;
        crowd_say(crowd, peer, join);
    } else if (peer->number[STEP] == ENTERING && strstr(text, "\"transactWrite\"")) {
        on_entered(h, peer, text);
    } else if (peer->number[STEP] >= PAGING && strstr(text, "\"type\":\"client-message\"")) {
        on_live(peer, text);
    } else if (peer->number[STEP] == PAGING && strstr(text, "\"type\":\"history\"")) {
        on_page(h, peer, text);
    }
}

/* ---- what they come back to: rooms in which something was said while they were away ---- */

struct past {
    size_t said, heard;
};

static void hear_past(struct crowd *crowd, struct peer *peer, char *text, size_t size)
{
    (void)size, (void)peer;
    ((struct past *)crowd->own)->heard += strstr(text, "\"client-message\"") != NULL;
}

static void fill_rooms(uint16_t port, size_t backlog)
{
    struct past past = {0};
    struct crowd crowd;
    char text[128];

    crowd_init(&crowd, port, ROOMS);
    crowd.heard = hear_past;
    crowd.own = &past;
    assert_int_equal(crowd_open_all(&crowd, 5000 * patience()), ROOMS);
    for (size_t i = 0; i < ROOMS; i++) {
        snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"author %zu\"}", i);
        crowd_say(&crowd, &crowd.peers[i], text);
        snprintf(text, sizeof text, "{\"action\":\"join-room\",\"value\":\"home %zu\"}", i);
        crowd_say(&crowd, &crowd.peers[i], text);
    }
    for (size_t said = 0; said < backlog; said += 100) {
        for (size_t i = 0; i < ROOMS; i++)
            for (size_t k = said; k < said + 100; k++)
                crowd_say(&crowd, &crowd.peers[i], "{\"action\":\"dispatch\",\"value\":\"while you were away\"}");
        CROWD_UNTIL(&crowd, past.heard >= ROOMS * (said + 100), 30);
    }
    crowd_fini(&crowd);
}

/* ---- coming back ---- */

static void greet(struct homecoming *h, struct peer *peer)
{
    char text[96];

    h->handshakes[h->handshake_count++] = (double)(peer->answered_ns - peer->began_ns) / 1e6;
    snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"guest %zu\"}", (size_t)(peer - h->crowd.peers));
    peer->number[STEP] = NAMED;
    crowd_say(&h->crowd, peer, text);
}

/* Who is refused is told when to come again, does so, and not with all the others. */
static void come_again(struct homecoming *h, struct peer *peer, uint64_t now)
{
    size_t i = (size_t)(peer - h->crowd.peers);

    assert_true(peer->status == 429 || peer->status == 503);
    assert_in_range(peer->retry_after, 1, 5);
    h->refused++;
    h->came_ns[i] = now + peer->retry_after * SECOND + (uint64_t)(rand() % 1000) * 1000000;
    crowd_cut(&h->crowd, peer);
    peer->status = 0;
    peer->began_ns = 0;
}

static void look_after(struct homecoming *h, size_t i, uint64_t now)
{
    struct peer *peer = &h->crowd.peers[i];

    if (peer->began_ns == 0 && now >= h->came_ns[i]) {
        crowd_open(&h->crowd, peer);
    } else if (peer->status == 101 && peer->number[STEP] == AWAY) {
        greet(h, peer);
    } else if (peer->status != 0 && peer->status != 101) {
        come_again(h, peer, now);
    } else if (peer->ended && peer->status == 0 && peer->began_ns != 0) { /* refused while refusals were too many */
        peer->retry_after = 1;
        peer->status = 503;
        come_again(h, peer, now);
    } else {
        assert_false(peer->ended && peer->status == 101);
    }
}

static void come_back(struct homecoming *h, unsigned seconds)
{
    uint64_t began = now_ns(), now = began, looked = 0;

    for (size_t i = 0; i < h->crowd.count; i++)
        h->came_ns[i] = began + i * IN_MS * 1000000ull / h->crowd.count;
    while (h->there < h->crowd.count && now < began + seconds * SECOND * patience()) {
        now = now_ns();
        if (now >= looked + 2000000) {
            looked = now;
            for (size_t i = 0; i < h->crowd.count; i++)
                look_after(h, i, now);
        }
        crowd_turn(&h->crowd, 1);
    }
    assert_int_equal(h->there, h->crowd.count);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool handshakes_were_quick(struct homecoming *h)
{
    double p99;

    qsort(h->handshakes, h->handshake_count, sizeof *h->handshakes, compare);
    p99 = h->handshakes[h->handshake_count * 99 / 100];
    print_message("%zu came back, %zu times told to come later: 99 of 100 handshakes took at most %.1f ms\n",
                  h->crowd.count, h->refused, p99);
    return p99 <= 2000 * patience();
}

static bool all_return(void)
{
    const size_t count = size_of(600, 10000);
    static const char *filling[] = {"--keep-empty-rooms", "--no-rate-limits", NULL};
    struct homecoming h = {.backlog = size_of(400, 400)};
    struct scene scene;
    bool well;

    scene_begin(&scene, false, filling, false);
    fill_rooms(scene.target.port, h.backlog);
    target_stop(&scene.target);
    scene.target.options[1] = NULL;
    scene.target.port = 0;
    target_start(&scene.target);
    scene.regulars = regulars_new(scene.target.port);
    crowd_init(&h.crowd, scene.target.port, count);
    h.crowd.heard = come_home;
    h.crowd.own = &h;
    h.came_ns = calloc(count, sizeof *h.came_ns);
    h.handshakes = calloc(count * 2, sizeof *h.handshakes);
    assert_true(h.came_ns && h.handshakes);
    scene.memory = target_memory(&scene.target);
    come_back(&h, 120);
    well = handshakes_were_quick(&h);
    assert_true(size_of(1, 0) || h.refused > 0); /* 10,000 in 5 s are more than may come */
    assert_in_range(scene_growth(&scene), 0, count * 8 * KIB + 320 * MIB);
    free(h.came_ns);
    free(h.handshakes);
    crowd_fini(&h.crowd);
    scene_end(&scene);
    return well;
}

static void F33_all_return_at_once_and_miss_nothing(void **state)
{
    (void)state;
    try_thrice(all_return);
}

/* ---- T45 --------------------------------------------------------------------------------------------------------- */

#define SHOUT   1000   /* octets of a message */
#define HALL_MS 1000.0 /* what 20 messages for 10,000 members may take, which are 200,000 writes at most */

struct shouting {
    size_t inside;
};

static void hear_shouting(struct crowd *crowd, struct peer *peer, char *text, size_t size)
{
    struct shouting *s = crowd->own;

    (void)size;
    if (strstr(text, "\"transactWrite\""))
        s->inside++;
    if (!strstr(text, "\"client-message\""))
        return;
    assert_int_equal(number_of(text, "\"seq\":"), peer->number[LIVE] + 1);
    peer->number[LIVE]++;
}

static void fill_hall(struct crowd *crowd, struct shouting *s)
{
    char text[96];

    for (size_t i = 0; i < crowd->count; i++) {
        CROWD_UNTIL(crowd, i < s->inside + 200, 20);
        crowd_open(crowd, &crowd->peers[i]);
        snprintf(text, sizeof text, "{\"action\":\"register\",\"value\":\"member %zu\"}", i);
        crowd_say(crowd, &crowd->peers[i], text);
        crowd_say(crowd, &crowd->peers[i], "{\"action\":\"join-room\",\"value\":\"hall\"}");
    }
    CROWD_UNTIL(crowd, s->inside == crowd->count, 60);
}

static bool all_have_heard_or_went(const struct crowd *crowd, size_t shouts)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->peers[i].number[LIVE] < shouts && !crowd->peers[i].ended)
            return false;
    return true;
}

struct hall {
    struct scene scene;
    struct crowd crowd;
    struct shouting shouting;
    char text[SHOUT + 64];
};

/* All are in it. The kernel holds little for those who do not read. */
static void open_hall(struct hall *hall, size_t count, bool small)
{
    static const char *const options[] = {"--no-rate-limits", NULL};

    hall->shouting = (struct shouting){0};
    scene_begin(&hall->scene, true, options, true);
    crowd_init(&hall->crowd, hall->scene.target.port, count);
    for (size_t i = 1; i < count; i++)
        hall->crowd.peers[i].small = small;
    hall->crowd.heard = hear_shouting;
    hall->crowd.own = &hall->shouting;
    fill_hall(&hall->crowd, &hall->shouting);
    crowd_turn_for(&hall->crowd, 500);
    hall->scene.memory = target_memory(&hall->scene.target);
    regulars_begin(hall->scene.regulars);
    snprintf(hall->text, sizeof hall->text, "{\"action\":\"dispatch\",\"value\":\"%0*d\"}", SHOUT, 0);
}

static void close_hall(struct hall *hall)
{
    crowd_fini(&hall->crowd);
    scene_end(&hall->scene);
}

/*
 * Every member but the one who shouts has everything queued at the same time: stored once, or it would be count times
 * as much. When all together are charged more than the budget, those with the most go, and are counted. The others read
 * then, and miss nothing.
 */
static void T45_flood_of_a_hall_is_stored_once(void **state)
{
    const size_t count = size_of(500, 10000), shouts = 300;
    struct hall hall;
    struct crowd *crowd = &hall.crowd;
    size_t went;

    (void)state;
    open_hall(&hall, count, true);
    for (size_t i = 1; i < count; i++)
        crowd_shut_ears(crowd, &crowd->peers[i]);
    for (size_t i = 0; i < shouts; i++)
        crowd_say(crowd, &crowd->peers[0], hall.text);
    CROWD_UNTIL(crowd, crowd->peers[0].number[LIVE] == shouts, 30);
    print_message("%zu messages of %d octets for %zu members: the server grew by %.1f MiB\n", shouts, SHOUT, count,
                  (double)scene_growth(&hall.scene) / MIB);
    assert_in_range(scene_growth(&hall.scene), 0, count * 4 * KIB + 4 * MIB);
    for (size_t i = 1; i < count; i++)
        crowd_listen(crowd, &crowd->peers[i]);
    CROWD_UNTIL(crowd, all_have_heard_or_went(crowd, shouts), 60);
    went = crowd_count_ended(crowd);
    print_message("%zu of them went; 99 of 100 ordinary messages waited at most %.1f ms\n", went,
                  regulars_p99(hall.scene.regulars));
    assert_in_range(went, 0, size_of(0, count - 700)); /* so many at least are within the budget */
    assert_int_equal(target_logged(&hall.scene.target, "slow_consumer"), went);
    close_hall(&hall);
}

/* As much as one who shouts may, by the limits that are not lifted in earnest: 20 at once, then 10 a second. */
static bool shout_within_limits(void)
{
    const size_t count = size_of(500, 10000), at_once = 20, later = size_of(10, 30);
    struct hall hall;
    bool well;

    open_hall(&hall, count, false);
    for (size_t i = 0; i < at_once; i++)
        crowd_say(&hall.crowd, &hall.crowd.peers[0], hall.text);
    for (size_t i = 0; i < later; i++) {
        crowd_turn_for(&hall.crowd, 100);
        crowd_say(&hall.crowd, &hall.crowd.peers[0], hall.text);
    }
    CROWD_UNTIL(&hall.crowd, all_have_heard_or_went(&hall.crowd, at_once + later), 30);
    assert_int_equal(crowd_count_ended(&hall.crowd), 0);
    well = regulars_are_well(hall.scene.regulars, "one who shouts in a full hall", hall.scene.before, HALL_MS);
    close_hall(&hall);
    return well;
}

static void T45_shouting_in_a_full_hall_keeps_nobody_waiting(void **state)
{
    (void)state;
    try_thrice(shout_within_limits);
}

/* ---- F21 --------------------------------------------------------------------------------------------------------- */

/* Who is sent away is back at once. */
static void come_again_and_again(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->peers[i].ended)
            crowd_open(crowd, &crowd->peers[i]);
}

/* It comes again when it was sent away. */
static bool comes_in(struct crowd *crowd, struct peer *peer)
{
    if (peer->ended)
        crowd_open(crowd, peer);
    return peer->status == 101;
}

static void F21_without_descriptors_it_waits_and_goes_on(void **state)
{
    const unsigned files = 64;
    const size_t count = 200, leave = 20;
    struct scene scene = {.target = {0}};
    struct crowd crowd;
    uint64_t cpu, at;
    size_t before, left = 0;

    (void)state;
    target_init(&scene.target, true, NULL);
    scene.target.descriptors = files;
    target_start(&scene.target);
    crowd_init(&crowd, scene.target.port, count);
    for (size_t i = 0; i < count; i++)
        crowd_open(&crowd, &crowd.peers[i]);
    crowd_turn_for(&crowd, 500);
    before = crowd_count_open(&crowd);
    assert_in_range(before, files / 2, files);
    cpu = target_cpu_ms(&scene.target);
    at = now_ns();
    while (now_ns() < at + size_of(2, 10) * SECOND) {
        come_again_and_again(&crowd);
        crowd_turn(&crowd, 1);
    }
    cpu = target_cpu_ms(&scene.target) - cpu;
    print_message("without descriptors: %.1f %% of a CPU\n", (double)cpu * 1e8 / (double)(now_ns() - at));
    assert_true((double)cpu * 1e6 <= 0.05 * (double)(now_ns() - at) * patience());
    assert_int_equal(target_logged(&scene.target, "accept_paused"), 1);
    for (size_t i = 0; i < count; i++)
        if (crowd.peers[i].status != 101)
            crowd_cut(&crowd, &crowd.peers[i]);
    for (size_t i = 0; i < count && left < leave; i++) {
        left += crowd.peers[i].status == 101 && !crowd.peers[i].ended;
        crowd_cut(&crowd, &crowd.peers[i]);
    }
    CROWD_UNTIL(&crowd, comes_in(&crowd, &crowd.peers[0]), 1);
    CROWD_UNTIL(&crowd, target_logged(&scene.target, "accept_resumed") == 1, 5);
    crowd_fini(&crowd);
    scene_end(&scene);
}

const struct CMUnitTest many_tests[] = {
    cmocka_unit_test(T09_who_asks_without_end_has_no_more_than_a_turn),
    cmocka_unit_test(T12_who_asks_too_fast_costs_others_nothing),
    cmocka_unit_test(F33_all_return_at_once_and_miss_nothing),
    cmocka_unit_test(T45_flood_of_a_hall_is_stored_once),
    cmocka_unit_test(T45_shouting_in_a_full_hall_keeps_nobody_waiting),
    cmocka_unit_test(F21_without_descriptors_it_waits_and_goes_on),
};
const size_t many_count = sizeof many_tests / sizeof *many_tests;
