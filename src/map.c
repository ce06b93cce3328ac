#include "map.h"

#include "memory.h"

/* uthash's hooks, which see the variable map of the function they are expanded in. */
#undef uthash_malloc
#undef uthash_free
#undef uthash_nonfatal_oom
#define uthash_malloc(size)       cr_resize(map->alloc, NULL, 0, (size))
#define uthash_free(memory, size) cr_free(map->alloc, (memory), (size))
#define uthash_nonfatal_oom(node) (out_of_memory = true)

static unsigned hash(const struct cr_map *map, chatroom_span key)
{
    return (unsigned)chatroom_hash(map->key, key.bytes, key.size);
}

int cr_map_add(struct cr_map *map, struct cr_map_node *node, chatroom_span key)
{
    bool out_of_memory = false;
    unsigned value = hash(map, key);

    HASH_ADD_KEYPTR_BYHASHVALUE(hh, map->head, key.bytes, (unsigned)key.size, value, node);
    return out_of_memory ? CHATROOM_ENOMEM : CHATROOM_OK;
}

void cr_map_remove(struct cr_map *map, struct cr_map_node *node)
{
    HASH_DELETE(hh, map->head, node);
}

struct cr_map_node *cr_map_find(const struct cr_map *map, chatroom_span key)
{
    struct cr_map_node *node = NULL;

    HASH_FIND_BYHASHVALUE(hh, map->head, key.bytes, (unsigned)key.size, hash(map, key), node);
    return node;
}

void cr_map_sort(struct cr_map *map, int (*cmp)(const struct cr_map_node *a, const struct cr_map_node *b))
{
    HASH_SRT(hh, map->head, cmp);
}

size_t cr_map_count(const struct cr_map *map)
{
    return HASH_COUNT(map->head);
}
