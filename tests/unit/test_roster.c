#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory.h"
#include "roster.h"

#include <stdlib.h>

enum { PEERS = 6, HEARD = 64 };

/* A transport that remembers who heard what; with or without groups. */
struct peer {
    char heard[HEARD]; /* first letters of the messages */
    size_t count;
};

static struct peer peers[PEERS];
static struct peer *seats[PEERS];
static size_t seat_count, groups;
static int send_result;

static int fake_send(void *self, void *peer, chatroom_frame *frame)
{
    struct peer *to = peer;

    (void)self;
    if (send_result)
        return send_result;
    chatroom_frame_payload(frame, &to->heard[to->count++]);
    return CHATROOM_OK;
}

static int fake_group_new(void *self, void **ret_group)
{
    (void)self;
    groups++;
    *ret_group = seats;
    return CHATROOM_OK;
}

static int fake_group_add(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self, (void)group;
    seat->place = seat_count;
    seats[seat_count++] = peer;
    return CHATROOM_OK;
}

static void fake_group_remove(void *self, void *group, void *peer, struct chatroom_seat *seat)
{
    (void)self, (void)group;
    assert_ptr_equal(seats[seat->place], peer);
    seats[seat->place] = NULL;
}

static void fake_group_send(void *self, void *group, chatroom_frame *frame)
{
    (void)group;
    for (size_t i = 0; i < seat_count; i++)
        if (seats[i])
            (void)fake_send(self, seats[i], frame);
}

static void fake_group_free(void *self, void *group)
{
    (void)self, (void)group;
    groups--;
}

static const struct chatroom_transport_ops plain = {CHATROOM_TRANSPORT_OPS, .send = fake_send};
static const struct chatroom_transport_ops grouped = {
    CHATROOM_TRANSPORT_OPS,
    .send = fake_send,
    .group_new = fake_group_new,
    .group_add = fake_group_add,
    .group_remove = fake_group_remove,
    .group_send = fake_group_send,
    .group_free = fake_group_free,
};

static int blocks;

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    blocks += (memory == NULL && size > 0) - (memory != NULL && size == 0);
    return cr_default_alloc.resize(NULL, memory, old_size, size);
}

static const struct chatroom_alloc alloc = {counting, NULL};

struct room {
    struct chatroom_transport transport;
    struct cr_roster roster;
    struct cr_member members[PEERS];
    int overflows;
};

static void start(struct room *room, const struct chatroom_transport_ops *ops)
{
    memset(room, 0, sizeof *room);
    memset(peers, 0, sizeof peers);
    seat_count = groups = 0;
    send_result = blocks = 0;
    room->transport = (struct chatroom_transport){ops, NULL};
    cr_roster_init(&room->roster, &alloc, &room->transport);
}

static void end(struct room *room)
{
    while (room->roster.count > 0)
        cr_roster_remove(&room->roster, room->roster.members[0]);
    cr_roster_fini(&room->roster);
    assert_int_equal(blocks, 0);
    assert_int_equal(groups, 0);
}

static void join(struct room *room, int n)
{
    room->members[n] = (struct cr_member){.peer = &peers[n]};
    assert_int_equal(cr_roster_reserve(&room->roster), CHATROOM_OK);
    cr_roster_add(&room->roster, &room->members[n]);
}

static void seat(struct room *room, int n)
{
    assert_int_equal(cr_roster_seat(&room->roster, &room->members[n], 0), CHATROOM_OK);
}

static void on_overflow(void *arg, struct cr_member *member)
{
    assert_non_null(member->peer);
    ((struct room *)arg)->overflows++;
}

static void say(struct room *room, char letter, uint64_t seq)
{
    chatroom_frame *frame = chatroom_frame_new(&alloc, CHATROOM_TEXT_MESSAGE, chatroom_bytes(&letter, 1), 0);

    assert_non_null(frame);
    for (size_t i = 0; i < room->roster.count; i++)
        assert_int_equal(room->roster.members[i]->place, i);
    cr_roster_send(&room->roster, frame, seq, on_overflow, room);
    chatroom_frame_unref(frame);
}

static void everyone_hears_everything(const struct chatroom_transport_ops *ops)
{
    struct room room;

    start(&room, ops);
    for (int n = 0; n < 3; n++) {
        join(&room, n);
        seat(&room, n);
    }
    say(&room, 'a', 1);
    say(&room, 'b', 2);
    for (int n = 0; n < 3; n++)
        assert_string_equal(peers[n].heard, "ab");
    end(&room);
}

static void roster__everyone_hears_everything(void **state)
{
    (void)state;
    everyone_hears_everything(&plain);
    everyone_hears_everything(&grouped);
}

static void who_left_hears_no_more(const struct chatroom_transport_ops *ops)
{
    struct room room;

    start(&room, ops);
    for (int n = 0; n < 4; n++) {
        join(&room, n);
        seat(&room, n);
    }
    cr_roster_remove(&room.roster, &room.members[0]);
    cr_roster_lose_peer(&room.roster, &room.members[2]);
    say(&room, 'x', 1);
    assert_int_equal(room.roster.count, 3);
    assert_string_equal(peers[0].heard, "");
    assert_string_equal(peers[1].heard, "x");
    assert_string_equal(peers[2].heard, "");
    assert_string_equal(peers[3].heard, "x");
    end(&room);
}

static void roster__who_left_hears_no_more(void **state)
{
    (void)state;
    who_left_hears_no_more(&plain);
    who_left_hears_no_more(&grouped);
}

static void who_waits_gets_what_its_page_did_not_hold(const struct chatroom_transport_ops *ops)
{
    struct room room;

    start(&room, ops);
    join(&room, 0);
    seat(&room, 0);
    join(&room, 1);
    say(&room, 'a', 1);
    say(&room, 'b', 2);
    say(&room, 't', 0); /* not of the log */
    say(&room, 'c', 3);
    assert_string_equal(peers[0].heard, "abtc");
    assert_string_equal(peers[1].heard, "");
    assert_int_equal(cr_roster_seat(&room.roster, &room.members[1], 2), CHATROOM_OK); /* its page held 1 and 2 */
    say(&room, 'd', 4);
    assert_string_equal(peers[1].heard, "tcd");
    assert_int_equal(room.roster.seated, 2);
    end(&room);
}

static void roster__who_waits_gets_what_its_page_did_not_hold(void **state)
{
    (void)state;
    who_waits_gets_what_its_page_did_not_hold(&plain);
    who_waits_gets_what_its_page_did_not_hold(&grouped);
}

/* Who waits and who is seated come and go in any order; each hears all that was said while it was in, once. */
static void roster__places_are_kept_apart(void **state)
{
    struct room room;

    (void)state;
    start(&room, &grouped);
    for (int n = 0; n < PEERS; n++)
        join(&room, n);
    say(&room, 'a', 1);
    seat(&room, 4);
    seat(&room, 1);
    say(&room, 'b', 2);
    cr_roster_remove(&room.roster, &room.members[4]); /* the first who is seated */
    cr_roster_remove(&room.roster, &room.members[0]); /* one who waits */
    say(&room, 'c', 3);
    seat(&room, 5);
    cr_roster_remove(&room.roster, &room.members[1]);
    seat(&room, 2);
    seat(&room, 3);
    say(&room, 'd', 4);
    assert_int_equal(room.roster.seated, 3);
    assert_string_equal(peers[0].heard, "");
    assert_string_equal(peers[1].heard, "abc");
    assert_string_equal(peers[2].heard, "abcd");
    assert_string_equal(peers[3].heard, "abcd");
    assert_string_equal(peers[4].heard, "ab");
    assert_string_equal(peers[5].heard, "abcd");
    end(&room);
}

static void roster__waiting_is_bounded_and_said(void **state)
{
    struct room room;

    (void)state;
    start(&room, &grouped);
    join(&room, 0);
    for (uint64_t seq = 1; seq <= CR_MISSED_MOST + 2; seq++)
        say(&room, 'x', seq);
    assert_int_equal(room.overflows, 2);
    end(&room);
}

static void roster__leaving_while_waiting_frees_what_was_kept(void **state)
{
    struct room room;

    (void)state;
    start(&room, &plain);
    join(&room, 0);
    say(&room, 'x', 1);
    cr_roster_remove(&room.roster, &room.members[0]);
    assert_int_equal(room.roster.count, 0);
    end(&room);
}

static void roster__failed_seat_is_told_and_leaks_nothing(void **state)
{
    struct room room;

    (void)state;
    start(&room, &grouped);
    join(&room, 0);
    say(&room, 'x', 1);
    send_result = CHATROOM_EAGAIN;
    assert_int_equal(cr_roster_seat(&room.roster, &room.members[0], 0), CHATROOM_EAGAIN);
    assert_int_equal(room.roster.seated, 0);
    assert_null(room.members[0].missed);
    end(&room);
}

static void roster__unused_promise_is_given_back(void **state)
{
    struct room room;

    (void)state;
    start(&room, &plain);
    assert_int_equal(cr_roster_reserve(&room.roster), CHATROOM_OK);
    cr_roster_release(&room.roster);
    assert_int_equal(room.roster.reserved, 0);
    end(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roster__everyone_hears_everything),
        cmocka_unit_test(roster__who_left_hears_no_more),
        cmocka_unit_test(roster__who_waits_gets_what_its_page_did_not_hold),
        cmocka_unit_test(roster__places_are_kept_apart),
        cmocka_unit_test(roster__waiting_is_bounded_and_said),
        cmocka_unit_test(roster__leaving_while_waiting_frees_what_was_kept),
        cmocka_unit_test(roster__failed_seat_is_told_and_leaks_nothing),
        cmocka_unit_test(roster__unused_promise_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
