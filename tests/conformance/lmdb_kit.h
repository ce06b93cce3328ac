/*
 * lmdb_kit.h: an lmdb store in a folder of its own, for its tests.
 */
#ifndef LMDB_KIT_H
#define LMDB_KIT_H

#include "store_bench.h"

#include <chatroom/backend/lmdb.h>

struct lmdb_place {
    char base[64]; /* removed by lmdb_kit_fini() */
    char path[80];
    char data[96]; /* the file */
    struct chatroom_lmdb_options options;
};

extern struct lmdb_place lmdb_place;
extern const struct store_kit lmdb_kit;

/* Round a whole program. */
void lmdb_kit_init(void);
void lmdb_kit_fini(void);

/* Round each case: default options, no data; in the end no descriptor is left open. */
int lmdb_set_up(void **state);
int lmdb_tear_down(void **state);

#define LMDB_CASE(name) cmocka_unit_test_setup_teardown(name, lmdb_set_up, lmdb_tear_down)

/* Opens and closes; what open() said. */
int lmdb_try_open(void);

/* Entries "room:seq:" and filling of size bytes, to rooms r0..r<rooms-1> in turn, in groups. */
void lmdb_fill_rooms(struct store_bench *b, unsigned rooms, unsigned count, size_t size);

/* How many rows are served; SIZE_MAX if one is not what lmdb_fill_rooms() wrote. */
size_t lmdb_check_room(struct store_bench *b, unsigned room, size_t size, int *ret_status);
void lmdb_expect_rooms(struct store_bench *b, unsigned rooms, size_t each, size_t size);

#endif
