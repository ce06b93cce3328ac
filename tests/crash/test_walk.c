/*
 * test_walk.c: F07: the walk that chatroom_lmdb_verify() does in a child, in this process, so that a sanitizer
 * sees what it reads, and coverage what it took. Stores with long values, free pages and more than one level.
 */
#include "lmdb/walk.h"
#include "lmdb_kit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROOMS = 6, EACH = 150, PAGE = 4096 };

/* An open file, and what a sound walk says of it. */
struct image {
    int fd;
    struct chatroom_lmdb_report sound;
};

static int walk(const struct image *image, bool with_records, struct chatroom_lmdb_report *report)
{
    *report = (struct chatroom_lmdb_report)CHATROOM_LMDB_REPORT;
    return lmdb_walk(image->fd, with_records, report);
}

static void append_long(struct store_bench *b, const char *room, size_t size)
{
    char *text = malloc(size + 1);

    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    assert_true(bench_append(b, room, text, "long") > 0);
    free(text);
}

static void make(struct image *image)
{
    struct store_bench b;

    bench_open(&b, &lmdb_kit);
    lmdb_fill_rooms(&b, ROOMS, EACH * ROOMS, 150);
    append_long(&b, "r0", 3 * PAGE);
    append_long(&b, "r1", PAGE);
    assert_int_equal(bench_write(&b, CHATROOM_WRITE_SESSION, "a session", "of somebody"), CHATROOM_OK);
    assert_int_equal(bench_write(&b, CHATROOM_ERASE_ROOM, "r5", ""), CHATROOM_OK);
    bench_close(&b);
    image->fd = open(lmdb_place.data, O_RDWR | O_CLOEXEC);
    assert_true(image->fd >= 0);
    assert_int_equal(walk(image, true, &image->sound), CHATROOM_OK);
}

static uint8_t octet_at(const struct image *image, uint64_t at)
{
    uint8_t octet;

    assert_int_equal(pread(image->fd, &octet, 1, (off_t)at), 1);
    return octet;
}

static void put_octet(const struct image *image, uint64_t at, uint8_t octet)
{
    assert_int_equal(pwrite(image->fd, &octet, 1, (off_t)at), 1);
}

/* With one octet changed; what the walk says then. */
static int walk_with(const struct image *image, uint64_t at, uint8_t change, bool with_records,
                     struct chatroom_lmdb_report *report)
{
    uint8_t before = octet_at(image, at);
    int rc;

    put_octet(image, at, before ^ change);
    rc = walk(image, with_records, report);
    put_octet(image, at, before);
    return rc;
}

/* A page that nothing names may hold anything: its number is not looked at. */
static bool is_in_use(const struct image *image, uint64_t page)
{
    struct chatroom_lmdb_report report;

    return walk_with(image, page * PAGE, 1, false, &report) == CHATROOM_ECORRUPT;
}

static void F07_walk_finds_a_sound_store_sound(void **state)
{
    struct chatroom_lmdb_report report;
    struct image image;

    (void)state;
    make(&image);
    assert_in_range(image.sound.records, (ROOMS - 1) * EACH + 2, ROOMS * EACH + 200);
    assert_in_range(image.sound.pages, 30, 1000);
    assert_int_equal(image.sound.damaged, 0);
    assert_string_equal(image.sound.where, "");
    assert_int_equal(walk(&image, false, &report), CHATROOM_OK);
    assert_int_equal(report.pages, image.sound.pages);
    assert_int_equal(report.records, 0);
    close(image.fd);
}

/* Behind its number: two octets for other uses, then what it is, and where its nodes are. */
static void F07_walk_finds_each_octet_of_a_page_that_says_what_it_is(void **state)
{
    static const uint64_t octets[] = {0, 3, 7, 10, 11, 12, 13, 14, 15};
    struct chatroom_lmdb_report report;
    struct image image;
    uint64_t used = 0, last;

    (void)state;
    make(&image);
    last = image.sound.pages * 3;
    for (uint64_t page = 2; page < last; page++) {
        if (!is_in_use(&image, page))
            continue;
        used++;
        for (size_t i = 0; i < sizeof octets / sizeof *octets; i++)
            if (walk_with(&image, page * PAGE + octets[i], 0x10, false, &report) != CHATROOM_ECORRUPT)
                fail_msg("page %llu, octet %llu", (unsigned long long)page, (unsigned long long)octets[i]);
    }
    assert_true(used > 30);
    close(image.fd);
}

/* Whatever is changed, the walk ends, and knows no other answers. Some of it is within records alone. */
static void F07_walk_ends_whatever_octet_is_another(void **state)
{
    struct chatroom_lmdb_report report;
    struct image image;
    unsigned sound = 0, damaged = 0, broken = 0;

    (void)state;
    make(&image);
    for (uint64_t at = 0; at < image.sound.pages * PAGE; at += at < 2 * PAGE ? 5 : 61) {
        int rc = walk_with(&image, at, (uint8_t)(1u << at % 8), true, &report);

        assert_true(rc == CHATROOM_OK || rc == CHATROOM_ECORRUPT || rc == CHATROOM_EFORMAT);
        sound += rc == CHATROOM_OK && report.damaged == 0;
        damaged += rc == CHATROOM_OK && report.damaged > 0;
        broken += rc != CHATROOM_OK;
        assert_int_equal(report.where[0] != '\0', rc == CHATROOM_ECORRUPT || (rc == CHATROOM_OK && report.damaged > 0));
    }
    assert_true(sound > 0 && damaged > 50 && broken > 10);
    assert_int_equal(walk(&image, true, &report), CHATROOM_OK);
    assert_memory_equal(&report, &image.sound, sizeof report);
    close(image.fd);
}

static void F08_walk_of_a_file_that_is_cut_ends(void **state)
{
    struct chatroom_lmdb_report report;
    struct image image;

    (void)state;
    make(&image);
    for (off_t size = 40 * PAGE; size >= 0; size -= PAGE / 2) {
        assert_int_equal(ftruncate(image.fd, size), 0);
        assert_int_equal(walk(&image, true, &report), CHATROOM_EFORMAT);
    }
    close(image.fd);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        LMDB_CASE(F07_walk_finds_a_sound_store_sound),
        LMDB_CASE(F07_walk_finds_each_octet_of_a_page_that_says_what_it_is),
        LMDB_CASE(F07_walk_ends_whatever_octet_is_another),
        LMDB_CASE(F08_walk_of_a_file_that_is_cut_ends),
    };
    int failed;

    lmdb_kit_init();
    failed = cmocka_run_group_tests_name("lmdb walk", cases, NULL, NULL);
    lmdb_kit_fini();
    return failed;
}
