#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recent.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOMS = 64, LOG = 64 };

struct fixture {
    chatroom c;
    struct cr_room rooms[ROOMS];
};

/* Memory that is counted in bytes, and runs out when it is told to. */
static size_t bytes, peak;
static unsigned fails_at; /* the n-th time it is asked for more; 0: never */

static void *counting(void *arg, void *memory, size_t old_size, size_t size)
{
    (void)arg;
    if (size > 0 && fails_at > 0 && --fails_at == 0)
        return NULL;
    bytes += size - old_size;
    peak = bytes > peak ? bytes : peak;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

static void start(struct fixture *f, size_t recent_bytes, size_t history_entries)
{
    memset(f, 0, sizeof *f);
    bytes = peak = 0;
    fails_at = 0;
    f->c.alloc.resize = counting;
    f->c.config.limits.recent_bytes = recent_bytes;
    f->c.config.limits.history_entries = history_entries;
    for (size_t i = 0; i < ROOMS; i++)
        f->rooms[i].epoch = 1;
}

static void stop(struct fixture *f)
{
    fails_at = 0;
    for (size_t i = 0; i < ROOMS; i++)
        cr_recent_drop(&f->c, &f->rooms[i]);
    assert_null(f->c.first_recent);
    assert_null(f->c.last_recent);
    assert_int_equal(f->c.recent_bytes, 0);
    assert_int_equal(bytes, 0);
}

/* Every entry tells its seq, and is as long as that says. */
static chatroom_span value_of(uint64_t seq, char buffer[LOG])
{
    size_t size = (size_t)(seq * 7 % 23);

    memset(buffer, (int)('a' + seq % 26), LOG);
    return chatroom_bytes(buffer, size);
}

static void say(struct fixture *f, size_t room)
{
    char buffer[LOG];

    f->rooms[room].newest++;
    cr_recent_add(&f->c, &f->rooms[room], value_of(f->rooms[room].newest, buffer));
}

/* ---- questions ---- */

struct question {
    struct cr_ticket ticket;
    struct cr_page page;
};

static void ask(struct question *q, const struct fixture *f, enum chatroom_read_kind kind, uint64_t seq, size_t rows,
                size_t most_bytes)
{
    memset(q, 0, sizeof *q);
    cr_page_init(&q->page, &f->c.alloc, rows, most_bytes);
    q->ticket.page = &q->page;
    q->ticket.store.read = (struct chatroom_read){.kind = kind, .seq = seq, .limit = rows + 1};
}

/* What a store says whose log goes from first to newest. */
static void answer(struct question *q, uint64_t first, uint64_t newest)
{
    bool falls = q->ticket.store.read.kind == CHATROOM_READ_BEFORE;
    uint64_t seq = q->ticket.store.read.seq;
    char buffer[LOG];

    seq = falls ? (seq <= newest ? seq : newest + 1) - 1 : seq > first ? seq : first;
    for (size_t left = q->ticket.store.read.limit; left > 0 && seq >= first && seq <= newest; left--) {
        if (!chatroom_read_row(&q->ticket.store, seq, value_of(seq, buffer)))
            break;
        seq += falls ? UINT64_MAX : 1;
    }
}

static void assert_same(const struct cr_page *a, const struct cr_page *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->full, b->full);
    assert_false(a->out_of_memory);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->rows[i].seq, b->rows[i].seq);
        assert_true(chatroom_span_equal(cr_page_value(a, i), cr_page_value(b, i)));
    }
}

/* Whether there is an answer; it is then that of a store with all entries from first on. */
static bool answers(struct fixture *f, size_t n, enum chatroom_read_kind kind, uint64_t seq, size_t rows,
                    size_t most_bytes, uint64_t first)
{
    struct cr_room *room = &f->rooms[n];
    struct question mine, stores;
    bool can;

    ask(&mine, f, kind, seq, rows, most_bytes);
    can = cr_recent_read(&f->c, room, &mine.ticket);
    if (can) {
        ask(&stores, f, kind, seq, rows, most_bytes);
        answer(&stores, first, room->newest);
        assert_same(&mine.page, &stores.page);
        assert_int_equal(mine.ticket.status, CHATROOM_OK);
        assert_int_equal(mine.ticket.store.read.ret_epoch, room->epoch);
        cr_page_fini(&stores.page);
    } else {
        assert_null(mine.page.rows);
    }
    cr_page_fini(&mine.page);
    return can;
}

/* The newest rows of a log that began with seq 1. */
static bool newest(struct fixture *f, size_t room, size_t rows)
{
    return answers(f, room, CHATROOM_READ_BEFORE, f->rooms[room].newest + 1, rows, 4096, 1);
}

/* A page of what a store has from first on, learnt. */
static void learn(struct fixture *f, size_t room, enum chatroom_read_kind kind, uint64_t seq, size_t rows,
                  uint64_t first)
{
    struct question q;

    ask(&q, f, kind, seq, rows, 4096);
    answer(&q, first, f->rooms[room].newest);
    cr_recent_learn(&f->c, &f->rooms[room], &q.page, q.page.count, kind == CHATROOM_READ_BEFORE);
    cr_page_fini(&q.page);
}

/* ---- tests ---- */

static const enum chatroom_read_kind kinds[] = {CHATROOM_READ_BEFORE, CHATROOM_READ_FROM};

/* Every question of a small log. A rising one never asks beyond the newest. */
static unsigned ask_all(struct fixture *f, size_t room, uint64_t first)
{
    unsigned count = 0;

    for (size_t kind = 0; kind < 2; kind++)
        for (uint64_t seq = 1; seq <= f->rooms[room].newest + (kind == 0); seq++)
            for (size_t rows = 1; rows < 8; rows++)
                for (size_t most = 32; most < 256; most += 32)
                    count += answers(f, room, kinds[kind], seq, rows, most, first);
    return count;
}

static void recent__answers_as_the_store_or_not_at_all(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t most = 1; most < 8; most++) {
        start(&f, 65536, most);
        for (size_t n = 1; n < 24; n++) {
            say(&f, 0);
            assert_true(ask_all(&f, 0, 1) > 0);
            assert_true(newest(&f, 0, most)); /* as many as a page holds are always there */
            assert_int_equal(answers(&f, 0, CHATROOM_READ_FROM, 1, 4, 4096, 1), n <= most);
        }
        assert_false(newest(&f, 0, most + 1));
        assert_false(answers(&f, 0, CHATROOM_READ_BEFORE, 5, 2, 4096, 1)); /* long ago */
        stop(&f);
    }
}

static void recent__a_page_that_is_full_of_bytes_is_covered(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 65536, 12);
    for (size_t n = 0; n < 24; n++)
        say(&f, 0);
    assert_true(answers(&f, 0, CHATROOM_READ_BEFORE, 25, 300, 40, 1));
    assert_false(answers(&f, 0, CHATROOM_READ_BEFORE, 25, 300, 4096, 1));
    assert_false(answers(&f, 0, CHATROOM_READ_BEFORE, 14, 300, 40, 1)); /* one below it is left */
    stop(&f);
}

static void recent__nothing_is_kept_beyond_a_gap(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    for (size_t n = 0; n < 4; n++)
        say(&f, 0);
    assert_true(newest(&f, 0, 4));
    f.rooms[0].newest++; /* nobody said so */
    assert_false(newest(&f, 0, 1));
    say(&f, 0);
    assert_true(answers(&f, 0, CHATROOM_READ_FROM, 6, 4, 4096, 1));
    assert_false(answers(&f, 0, CHATROOM_READ_FROM, 5, 4, 4096, 1));
    assert_false(newest(&f, 0, 1)); /* who knows whether there was one before */
    say(&f, 0);
    assert_true(newest(&f, 0, 1));
    stop(&f);
}

static void recent__nothing_outlives_its_epoch(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    for (size_t n = 0; n < 4; n++)
        say(&f, 0);
    f.rooms[0].epoch = 2;
    assert_false(newest(&f, 0, 4)); /* the same seqs, and not the same entries */
    assert_false(newest(&f, 0, 1));
    say(&f, 0); /* 5: follows the 4 of the other life */
    assert_false(newest(&f, 0, 1));
    assert_true(answers(&f, 0, CHATROOM_READ_FROM, 5, 4, 4096, 1));
    f.rooms[0].epoch = 3;
    f.rooms[0].newest = 0;
    say(&f, 0);
    assert_true(newest(&f, 0, 4));
    stop(&f);
}

static void recent__learns_a_page_of_the_newest(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    f.rooms[0].newest = 20;
    learn(&f, 0, CHATROOM_READ_BEFORE, 20, 5, 1); /* does not reach the newest */
    assert_null(f.rooms[0].recent);
    learn(&f, 0, CHATROOM_READ_BEFORE, 21, 5, 1);
    assert_true(newest(&f, 0, 5)); /* it said that there is more */
    assert_false(newest(&f, 0, 6));
    learn(&f, 0, CHATROOM_READ_FROM, 12, 20, 1);
    assert_true(newest(&f, 0, 8));
    assert_false(newest(&f, 0, 9)); /* it did not say what was before */
    learn(&f, 0, CHATROOM_READ_BEFORE, 21, 3, 1);
    assert_true(newest(&f, 0, 8)); /* more was known */
    say(&f, 0);
    assert_true(newest(&f, 0, 9));
    learn(&f, 0, CHATROOM_READ_BEFORE, 22, 30, 1); /* more than a page holds */
    assert_true(newest(&f, 0, 16));
    assert_false(newest(&f, 0, 17));
    assert_true(ask_all(&f, 0, 1) > 0);
    stop(&f);
}

/* One that the log answers for is as good as any, whatever it began with. */
static void recent__a_trimmed_log_has_nothing_below(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    f.rooms[0].newest = 9;
    learn(&f, 0, CHATROOM_READ_BEFORE, 10, 4, 6); /* full, and not more than that: 6 is the first */
    assert_false(answers(&f, 0, CHATROOM_READ_BEFORE, 10, 4, 4096, 6));
    assert_false(answers(&f, 0, CHATROOM_READ_BEFORE, 10, 5, 4096, 6));
    assert_true(answers(&f, 0, CHATROOM_READ_BEFORE, 10, 3, 4096, 6));
    assert_false(answers(&f, 0, CHATROOM_READ_FROM, 1, 4, 4096, 6));
    assert_true(answers(&f, 0, CHATROOM_READ_FROM, 6, 4, 4096, 6));
    for (size_t n = 0; n < 40; n++) {
        say(&f, 0);
        assert_true(ask_all(&f, 0, 6) > 0);
    }
    stop(&f);
}

/* A store may have read what is not announced yet: that the page is full says nothing about what is below. */
static void recent__a_rising_page_does_not_tell_what_is_below(void **state)
{
    struct question q;
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    f.rooms[0].newest = 1;
    ask(&q, &f, CHATROOM_READ_FROM, 1, 1, 4096);
    answer(&q, 1, 2);
    assert_true(q.page.full);
    cr_recent_learn(&f.c, &f.rooms[0], &q.page, 1, false);
    cr_page_fini(&q.page);
    assert_true(newest(&f, 0, 1));
    stop(&f);
}

static void recent__a_page_with_a_gap_is_not_learnt(void **state)
{
    struct question q;
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    f.rooms[0].newest = 9;
    for (size_t kind = 0; kind < 2; kind++) {
        ask(&q, &f, kinds[kind], 1, 16, 4096);
        for (uint64_t i = 0; i < 9; i++)
            if (i != 4)
                assert_true(chatroom_read_row(&q.ticket.store, kind == 0 ? 9 - i : i + 1, chatroom_str("x")));
        cr_recent_learn(&f.c, &f.rooms[0], &q.page, q.page.count, kind == 0);
        assert_null(f.rooms[0].recent);
        cr_recent_learn(&f.c, &f.rooms[0], &q.page, 0, kind == 0);
        assert_null(f.rooms[0].recent);
        cr_page_fini(&q.page);
    }
    stop(&f);
}

static void recent__the_room_untouched_longest_goes_first(void **state)
{
    struct fixture f;
    size_t n = 0;

    (void)state;
    start(&f, 4096, 16);
    say(&f, 0);
    say(&f, 1);
    say(&f, 2);
    assert_true(newest(&f, 0, 1));
    for (n = 3; f.rooms[1].recent; n++)
        say(&f, n);
    assert_non_null(f.rooms[0].recent); /* was read */
    assert_non_null(f.rooms[2].recent);
    say(&f, 2);
    for (; f.rooms[0].recent; n++)
        say(&f, n);
    assert_non_null(f.rooms[2].recent); /* was added to */
    assert_true(newest(&f, 2, 2));
    stop(&f);
}

static void recent__a_room_has_its_share_and_not_more(void **state)
{
    char *big = calloc(1, 65536);
    struct fixture f;

    (void)state;
    assert_non_null(big);
    start(&f, 8192, 300);
    say(&f, 0);
    for (size_t n = 0; n < 1000; n++)
        say(&f, 1);
    assert_true(peak <= 8192 / 8 + 8192 / 8 + 512); /* the old block, the new one, the other room */
    assert_non_null(f.rooms[0].recent);
    assert_true(newest(&f, 1, 8));
    assert_false(newest(&f, 1, 200));
    f.rooms[1].newest++;
    cr_recent_add(&f.c, &f.rooms[1], chatroom_bytes(big, 65536)); /* more than there is for all */
    assert_null(f.rooms[1].recent);
    assert_non_null(f.rooms[0].recent);
    f.rooms[1].newest++;
    cr_recent_add(&f.c, &f.rooms[1], chatroom_bytes(big, 900)); /* nearly all it may have */
    assert_non_null(f.rooms[1].recent);
    f.rooms[1].newest++;
    cr_recent_add(&f.c, &f.rooms[1], chatroom_bytes(big, 900));
    assert_non_null(f.rooms[1].recent);
    assert_true(bytes <= 8192);
    free(big);
    stop(&f);
}

static void recent__all_rooms_stay_within_the_limit(void **state)
{
    static const size_t limits[] = {800, 1000, 3000, 20000};
    uint64_t random = 1;
    char text[2000] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct fixture f;

        start(&f, limits[i], 20);
        for (unsigned n = 0; n < 5000; n++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            struct cr_room *room = &f.rooms[(random >> 33) % ROOMS];
            size_t size = (size_t)((random >> 40) % 16 ? (random >> 45) % 60 : (random >> 45) % sizeof text);
            room->newest++;
            cr_recent_add(&f.c, room, chatroom_bytes(text, size));
            assert_int_equal(f.c.recent_bytes, bytes);
            assert_true(peak <= limits[i]);
        }
        assert_true(limits[i] < 3000 || bytes > limits[i] / 2); /* and make use of it */
        stop(&f);
    }
}

static void recent__nothing_is_kept_where_there_is_no_place(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t limit = 0; limit < 900; limit++) {
        start(&f, limit, 16);
        f.rooms[0].newest = 3;
        learn(&f, 0, CHATROOM_READ_BEFORE, 4, 8, 1);
        say(&f, 0);
        say(&f, 1);
        assert_true(bytes <= limit);
        assert_true(bytes == 0 || limit > 700);
        stop(&f);
    }
}

/* A script in which each allocation fails once: what is kept is right, or not kept. */
static void recent__without_memory_nothing_is_kept(void **state)
{
    unsigned without = 0, place = 1;
    bool failed = true;
    struct fixture f;

    (void)state;
    for (; failed; place++) {
        start(&f, 4096, 16);
        f.rooms[0].newest = 12;
        fails_at = place;
        learn(&f, 0, CHATROOM_READ_BEFORE, 13, 6, 1);
        for (size_t n = 0; n < 30; n++) {
            say(&f, n % 3);
            without += !f.rooms[n % 3].recent;
            assert_int_equal(f.c.recent_bytes, bytes);
        }
        failed = fails_at == 0;
        fails_at = 0;
        for (size_t n = 0; n < 3; n++)
            ask_all(&f, n, 1);
        for (size_t n = 0; n < 16; n++)
            say(&f, 0);
        assert_true(newest(&f, 0, 8)); /* it recovers */
        stop(&f);
    }
    assert_true(without > 0);
    assert_true(place > 8);
}

/* As for the store: none without its first row, shorter without a later one. */
static void recent__a_page_without_memory_is_none_or_shorter(void **state)
{
    struct question q;
    struct fixture f;

    (void)state;
    start(&f, 65536, 16);
    for (size_t n = 0; n < 12; n++)
        say(&f, 0);
    for (unsigned place = 1; place < 6; place++) {
        ask(&q, &f, CHATROOM_READ_BEFORE, 13, 12, 4096);
        fails_at = place;
        assert_true(cr_recent_read(&f.c, &f.rooms[0], &q.ticket));
        fails_at = 0;
        assert_true(q.page.full);
        assert_true(q.page.count < 12);
        assert_int_equal(q.ticket.status, q.page.count == 0 ? CHATROOM_ENOMEM : CHATROOM_OK);
        cr_page_fini(&q.page);
    }
    assert_true(newest(&f, 0, 12));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recent__answers_as_the_store_or_not_at_all),
        cmocka_unit_test(recent__a_page_that_is_full_of_bytes_is_covered),
        cmocka_unit_test(recent__nothing_is_kept_beyond_a_gap),
        cmocka_unit_test(recent__nothing_outlives_its_epoch),
        cmocka_unit_test(recent__learns_a_page_of_the_newest),
        cmocka_unit_test(recent__a_trimmed_log_has_nothing_below),
        cmocka_unit_test(recent__a_rising_page_does_not_tell_what_is_below),
        cmocka_unit_test(recent__a_page_with_a_gap_is_not_learnt),
        cmocka_unit_test(recent__the_room_untouched_longest_goes_first),
        cmocka_unit_test(recent__a_room_has_its_share_and_not_more),
        cmocka_unit_test(recent__all_rooms_stay_within_the_limit),
        cmocka_unit_test(recent__nothing_is_kept_where_there_is_no_place),
        cmocka_unit_test(recent__without_memory_nothing_is_kept),
        cmocka_unit_test(recent__a_page_without_memory_is_none_or_shorter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
