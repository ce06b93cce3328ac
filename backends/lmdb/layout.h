/*
 * layout.h: how LMDB 0.9 lays out its file on 64 bit machines, as far as check.c and walk.c look at it.
 */
#ifndef LMDB_LAYOUT_H
#define LMDB_LAYOUT_H

#include <stdint.h>

/* A tree, as the meta pages hold two of them and the main tree the others. */
struct lmdb_tree {
    uint32_t pad; /* of the first tree: the page size */
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

/* Each of the first two pages begins with this. */
struct lmdb_meta {
    uint64_t page;
    uint16_t pad, page_flags, lower, upper;
    uint32_t magic, version;
    uint64_t address, map_size;
    struct lmdb_tree trees[2]; /* free pages; the main tree */
    uint64_t last_page, txn;
};

/* Any other page. Behind it the offsets of its nodes, up to lower; the nodes are from upper to its end. */
struct lmdb_page {
    uint64_t number;
    uint16_t pad, flags, lower, upper; /* of a value's first page the last two are one number: how many pages */
};

/* A key, and its value or its child, behind it. Of a branch the first three are the number of the child's page. */
struct lmdb_node {
    uint16_t low, high, flags, key_size;
};

#define LMDB_BRANCH    0x01 /* flags of pages */
#define LMDB_LEAF      0x02
#define LMDB_VALUE     0x04
#define LMDB_META_PAGE 0x08
#define LMDB_BIG_VALUE 0x01 /* flags of nodes: the value is on pages of its own */
#define LMDB_SUBTREE   0x02
#define LMDB_NUMBERS   0x08 /* flag of trees: keys are numbers of the machine */
#define LMDB_NO_PAGE   UINT64_MAX
#define LMDB_DEPTH     32
#define LMDB_KEY_MOST  511

_Static_assert(sizeof(struct lmdb_meta) == 16 + 136, "as LMDB lays it out");
_Static_assert(sizeof(struct lmdb_page) == 16 && sizeof(struct lmdb_node) == 8, "as LMDB lays it out");

/* LMDB goes by the newer one. */
static inline const struct lmdb_meta *lmdb_newer(const struct lmdb_meta metas[2])
{
    return &metas[metas[1].txn > metas[0].txn];
}

#endif
