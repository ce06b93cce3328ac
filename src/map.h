/*
 * map.h: find things by name. The only place that sees uthash, which by default exits when memory runs out and hashes
 * without a key, while our names come from strangers.
 *
 * Nodes sit inside what they find and keep the order of insertion. A key is borrowed while its node is in the map.
 */
#ifndef CR_MAP_H
#define CR_MAP_H

#include <chatroom/base.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct cr_map_node {
    UT_hash_handle hh;
};

struct cr_map {
    struct cr_map_node *head;
    const struct chatroom_alloc *alloc; /* borrowed */
    uint8_t key[16];                    /* of the hash; secret */
};

/* Errors: CHATROOM_ENOMEM, and the map is as it was. key must not be in it. */
int cr_map_add(struct cr_map *map, struct cr_map_node *node, chatroom_span key);
void cr_map_remove(struct cr_map *map, struct cr_map_node *node);
/* NULL: not there. */
struct cr_map_node *cr_map_find(const struct cr_map *map, chatroom_span key);
/* Nodes are visited in this order from now on: cmp as for qsort(). */
void cr_map_sort(struct cr_map *map, int (*cmp)(const struct cr_map_node *a, const struct cr_map_node *b));
size_t cr_map_count(const struct cr_map *map);

static inline struct cr_map_node *cr_map_first(const struct cr_map *map)
{
    return map->head;
}

static inline struct cr_map_node *cr_map_next(const struct cr_map_node *node)
{
    return node->hh.next;
}

#endif
