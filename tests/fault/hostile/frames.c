/* Frames that cost whoever takes them more than whoever sends them. */
#include "scene.h"
#include "ws_frames.h"

#include <stdlib.h>

#define CAP         131072      /* a message of the default profile */
#define FRAMES_MOST 2112        /* 64 + CAP / 64: the one behind them ends it */
#define SLACK       (128 * KIB) /* buffers of the loop, rounded up to what the allocator takes at once */

static size_t put_fragment(uint8_t *to, uint8_t opcode, size_t size)
{
    return wire_frame(to, opcode, "x", size);
}

/* One of them, open. */
static void begin(struct scene *scene, struct crowd *crowd, size_t count)
{
    scene_begin(scene, true, NULL, false);
    crowd_init(crowd, scene->target.port, count);
    assert_int_equal(crowd_open_all(crowd, 10000 * patience()), count);
    scene->memory = target_memory(&scene->target);
}

static void end(struct scene *scene, struct crowd *crowd)
{
    crowd_fini(crowd);
    scene_end(scene);
}

/* So many fragments are taken, and one more is not. */
static void check_where_it_ends(struct crowd *crowd, size_t payload)
{
    struct peer *peer = &crowd->peers[0];
    uint8_t fragment[16];
    size_t size = put_fragment(fragment, FRAME_TEXT, payload);

    crowd_put(crowd, peer, fragment, size);
    size = put_fragment(fragment, FRAME_CONTINUATION, payload);
    for (size_t i = 1; i < FRAMES_MOST; i++)
        crowd_put(crowd, peer, fragment, size);
    crowd_put_frame(crowd, peer, FRAME_LAST | FRAME_PING, "", 0);
    CROWD_UNTIL(crowd, peer->pongs == 1, 5);
    assert_int_equal(peer->close_code, 0);
    crowd_put(crowd, peer, fragment, size);
    CROWD_UNTIL(crowd, peer->close_code != 0, 5);
    assert_int_equal(peer->close_code, 1009);
    CROWD_UNTIL(crowd, peer->ended, 5);
}

/* Again and again until so many were sent; the server is not to keep anything of them. */
static void flood(struct crowd *crowd, uint8_t opcode, size_t payload, uint64_t fragments)
{
    struct peer *peer = &crowd->peers[0];
    uint8_t fragment[16], *many = malloc(1000 * sizeof fragment);
    size_t one = put_fragment(fragment, opcode, payload), size = 0;
    uint64_t sent = 0;

    assert_non_null(many);
    for (int i = 0; i < 1000; i++) {
        memcpy(many + size, fragment, one);
        size += one;
    }
    while (sent < fragments) {
        crowd_open(crowd, peer);
        CROWD_UNTIL(crowd, peer->status != 0, 5);
        assert_int_equal(peer->status, 101);
        if (opcode == FRAME_CONTINUATION)
            crowd_put_frame(crowd, peer, FRAME_TEXT, "x", 1);
        CROWD_UNTIL(crowd, peer->out_size == 0, 5);
        crowd_flood(crowd, peer, many, size, (fragments - sent) / 1000 + 4); /* it ends within the first three */
        peer->sent = 0;
        CROWD_UNTIL(crowd, peer->ended, 20);
        assert_true(peer->reset || peer->close_code == (opcode == FRAME_CONTINUATION ? 1009 : 1008));
        sent += peer->sent / one;
    }
    free(many);
}

static void T04_tiny_fragments_end_at_frame_2113_and_cost_no_more_than_the_message(void **state)
{
    struct scene scene;
    struct crowd crowd;

    (void)state;
    begin(&scene, &crowd, 1);
    check_where_it_ends(&crowd, 1);
    flood(&crowd, FRAME_CONTINUATION, 1, 131072);
    assert_in_range(scene_growth(&scene), 0, CAP + 4 * KIB + SLACK);
    end(&scene, &crowd);
}

static void T05_empty_fragments_end_at_frame_2113_however_many_follow(void **state)
{
    struct scene scene;
    struct crowd crowd;

    (void)state;
    begin(&scene, &crowd, 1);
    check_where_it_ends(&crowd, 0);
    flood(&crowd, FRAME_CONTINUATION, 0, 10000);
    scene.memory = target_memory(&scene.target);
    flood(&crowd, FRAME_CONTINUATION, 0, size_of(1000000, 10000000));
    assert_in_range(scene_growth(&scene), 0, SLACK);
    end(&scene, &crowd);
}

static void T05_dribbled_message_ends_in_time(void **state)
{
    struct scene scene;
    struct crowd crowd;
    struct peer *peer;
    uint64_t began, next = 0;

    (void)state;
    begin(&scene, &crowd, 1);
    peer = &crowd.peers[0];
    began = now_ns();
    crowd_put_frame(&crowd, peer, FRAME_TEXT, "x", 1);
    while (!peer->ended && now_ns() < began + 20000000000 * patience()) {
        if (now_ns() > next && peer->close_code == 0) {
            crowd_put_frame(&crowd, peer, FRAME_CONTINUATION, "x", 1);
            next = now_ns() + 500000000;
        }
        crowd_turn(&crowd, 20);
    }
    assert_int_equal(peer->close_code, 1008);
    assert_in_range(peer->ended_ns - began, 9000000000, 11000000000 * patience());
    end(&scene, &crowd);
}

/* So many send that header and one octet; how the server grows meanwhile is at most what a connection may cost. */
static void announce(uint32_t length, bool taken)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    const size_t count = size_of(100, 1000);
    uint8_t header[16];
    struct scene scene;
    struct crowd crowd;
    size_t size = wire_header(header, FRAME_LAST | FRAME_TEXT, length, 0, key);

    header[size++] = 'x';
    begin(&scene, &crowd, count);
    for (size_t i = 0; i < count; i++)
        crowd_put(&crowd, &crowd.peers[i], header, size);
    if (taken)
        crowd_turn_for(&crowd, 300);
    else
        CROWD_UNTIL(&crowd, crowd_count_ended(&crowd) == count, 10);
    assert_int_equal(crowd_count_closed(&crowd, 1009), taken ? 0 : count);
    assert_int_equal(crowd_count_open(&crowd), taken ? count : 0);
    /* A first buffer of 4 KiB and what parses; a thousand $disconnects at once, whose memory is free but not given
     * back. */
    assert_in_range(scene_growth(&scene), 0, count * (taken ? 5 : 8) * KIB + SLACK);
    end(&scene, &crowd);
}

/* What is announced is not believed: not what is beyond the limit, nor what is within it. */
static void T06_announced_length_takes_no_memory(void **state)
{
    (void)state;
    announce(0x7fffffff, false);
    announce(CAP, true);
}

/* Within the limit of each, and together more than the server has for it: those with the most are sent away. */
static void P4_unfinished_messages_of_all_together_are_bounded(void **state)
{
    static uint8_t part[CAP];
    const size_t count = size_of(700, 950), most = 64 * MIB;
    struct scene scene;
    struct crowd crowd;
    size_t closed, peak = 0;

    (void)state;
    begin(&scene, &crowd, count);
    for (size_t i = 0; i < count; i++) {
        crowd_put_frame(&crowd, &crowd.peers[i], 2, part, CAP - 1024);
        crowd_turn(&crowd, 0);
        if (i % 100 == 99)
            peak = scene_growth(&scene) > peak ? scene_growth(&scene) : peak;
    }
    CROWD_UNTIL(&crowd, crowd_count_closed(&crowd, 1013) >= count - most / (CAP - 1024), 8); /* in 10 s all would go */
    peak = scene_growth(&scene) > peak ? scene_growth(&scene) : peak;
    closed = crowd_count_closed(&crowd, 1013);
    print_message("%zu unfinished messages: the server grew by %.1f MiB, %zu were sent away\n", count,
                  (double)peak / MIB, closed);
    assert_in_range(peak, 0, most + most / 8 + count * 8 * KIB + MIB); /* buffers that grew leave holes */
    assert_in_range(closed, count - most / (CAP - 1024), count - most / CAP + 1);
    end(&scene, &crowd);
}

static void T08_pings_whose_pongs_nobody_reads_are_forgotten(void **state)
{
    struct scene scene;
    struct crowd crowd;

    (void)state;
    begin(&scene, &crowd, 1);
    crowd.peers[0].small = true;
    flood(&crowd, FRAME_LAST | FRAME_PING, 1, 10000);
    scene.memory = target_memory(&scene.target);
    flood(&crowd, FRAME_LAST | FRAME_PING, 1, size_of(1000000, 10000000));
    assert_in_range(scene_growth(&scene), 0, 64 * KIB);
    end(&scene, &crowd);
}

const struct CMUnitTest frames_tests[] = {
    cmocka_unit_test(T04_tiny_fragments_end_at_frame_2113_and_cost_no_more_than_the_message),
    cmocka_unit_test(T05_empty_fragments_end_at_frame_2113_however_many_follow),
    cmocka_unit_test(T05_dribbled_message_ends_in_time),
    cmocka_unit_test(T06_announced_length_takes_no_memory),
    cmocka_unit_test(P4_unfinished_messages_of_all_together_are_bounded),
    cmocka_unit_test(T08_pings_whose_pongs_nobody_reads_are_forgotten),
};
const size_t frames_count = sizeof frames_tests / sizeof *frames_tests;
