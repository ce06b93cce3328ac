#include "walk.h"

#include "check.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLES    8
#define NAME_MOST 15

/* One tree, while it is walked. */
struct table {
    bool is_free; /* the free pages; the values of the others are looked at if they are wanted */
    char name[NAME_MOST + 1];
    struct lmdb_tree said;                             /* by who has it */
    struct lmdb_tree found;                            /* its counts alone */
    uint8_t last[LMDB_KEY_MOST], floor[LMDB_KEY_MOST]; /* the key before; what the next must not be below */
    size_t last_size, floor_size;                      /* 0: none */
};

struct walk {
    int fd;
    bool with_records;
    struct chatroom_lmdb_report *report;
    size_t page_size;
    uint64_t page_count, txn;
    uint8_t *used, *free; /* a bit for each page */
    char *pages[LMDB_DEPTH];
    char *value; /* the one that is looked at, where it is not in its leaf */
    size_t value_capacity;
    struct table tables[TABLES]; /* those that the main tree names */
    size_t table_count;
};

struct value {
    const char *bytes; /* NULL: on other pages, and nobody wanted it */
    size_t size;
};

typedef int leaf_fn(struct walk *w, struct table *t, MDB_val key, struct value value, const struct lmdb_node *node);

static int damaged(struct walk *w, const struct table *t, uint64_t page, const char *what)
{
    snprintf(w->report->where, sizeof w->report->where, "page %llu, of \"%s\": %s", (unsigned long long)page, t->name,
             what);
    return CHATROOM_ECORRUPT;
}

/* ---- pages ----------------------------------------------------------------------------------------------------------
 */

static bool mark(uint8_t *bits, uint64_t page)
{
    uint8_t bit = (uint8_t)(1u << page % 8);
    bool was = bits[page / 8] & bit;

    bits[page / 8] |= bit;
    return !was;
}

static bool is_marked(const uint8_t *bits, uint64_t page)
{
    return bits[page / 8] >> page % 8 & 1;
}

static int use(struct walk *w, const struct table *t, uint64_t page, uint64_t count)
{
    if (page < 2 || page >= w->page_count || count > w->page_count - page)
        return damaged(w, t, page, "there is no such page");
    for (uint64_t i = page; i < page + count; i++)
        if (is_marked(w->free, i) || !mark(w->used, i))
            return damaged(w, t, i, "it is in use already, or free");
    return CHATROOM_OK;
}

static int read_at(const struct walk *w, void *ret, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(w->fd, (char *)ret + done, size - done, (off_t)(offset + done));

        if (got <= 0)
            return CHATROOM_EIO;
        done += (size_t)got;
    }
    return CHATROOM_OK;
}

/* ---- values ---------------------------------------------------------------------------------------------------------
 */

static int reserve_value(struct walk *w, size_t size)
{
    char *value;

    if (size <= w->value_capacity)
        return CHATROOM_OK;
    value = realloc(w->value, size);
    if (!value)
        return CHATROOM_ENOMEM;
    w->value = value;
    w->value_capacity = size;
    return CHATROOM_OK;
}

/* A value on pages of its own; its bytes only if they are wanted. */
static int big_value(struct walk *w, struct table *t, uint64_t page, bool wanted, struct value *value)
{
    uint64_t needed = (sizeof(struct lmdb_page) - 1 + value->size) / w->page_size + 1, count;
    struct lmdb_page head;
    int rc;

    value->bytes = NULL;
    if (page < 2 || page >= w->page_count)
        return damaged(w, t, page, "there is no such page");
    rc = read_at(w, &head, sizeof head, page * w->page_size);
    if (rc)
        return rc;
    count = head.lower | (uint64_t)head.upper << 16;
    if (head.number != page || head.flags != LMDB_VALUE || count < needed)
        return damaged(w, t, page, "it is not the value that it should be");
    rc = use(w, t, page, count);
    t->found.overflows += count;
    w->report->pages += count;
    if (rc || !wanted)
        return rc;
    rc = reserve_value(w, value->size);
    if (rc == CHATROOM_OK)
        rc = read_at(w, w->value, value->size, page * w->page_size + sizeof head);
    value->bytes = w->value;
    return rc;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------------
 */

static size_t offset_at(const char *page, size_t at)
{
    uint16_t offset;

    memcpy(&offset, page + sizeof(struct lmdb_page) + at * sizeof offset, sizeof offset);
    return offset;
}

static const struct lmdb_node *node_at(const char *page, size_t at)
{
    return (const struct lmdb_node *)(page + offset_at(page, at));
}

static size_t value_size(const struct lmdb_node *node)
{
    return node->low | (size_t)node->high << 16;
}

static size_t node_size(const struct lmdb_node *node, bool is_leaf)
{
    size_t size = sizeof *node + node->key_size;

    if (is_leaf)
        size += node->flags & LMDB_BIG_VALUE ? sizeof(uint64_t) : value_size(node);
    return size + (size & 1);
}

/* Nodes lie beside each other from upper to the end: none over another, nothing between. */
static bool nodes_fit(const struct walk *w, const char *bytes, size_t count, bool is_leaf)
{
    const struct lmdb_page *page = (const struct lmdb_page *)bytes;
    uint8_t taken[65536 / 2 / 8]; /* a bit for each two bytes */
    size_t sum = 0;

    memset(taken, 0, w->page_size / 2 / 8);
    for (size_t i = 0; i < count; i++) {
        size_t at = offset_at(bytes, i), size;

        if (at < page->upper || at % 2 || at + sizeof(struct lmdb_node) > w->page_size)
            return false;
        size = node_size(node_at(bytes, i), is_leaf);
        if (size > w->page_size - at)
            return false;
        for (size_t unit = at / 2; unit < (at + size) / 2; unit++)
            if (!mark(taken, unit))
                return false;
        sum += size;
    }
    return sum == w->page_size - page->upper;
}

static int compare_keys(const struct table *t, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    uint64_t left, right;
    int rc;

    if (t->said.flags & LMDB_NUMBERS) {
        memcpy(&left, a, sizeof left);
        memcpy(&right, b, sizeof right);
        return (left > right) - (left < right);
    }
    rc = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return rc ? rc : (a_size > b_size) - (a_size < b_size);
}

static bool key_is_possible(const struct table *t, const struct lmdb_node *node)
{
    if (t->said.flags & LMDB_NUMBERS)
        return node->key_size == sizeof(uint64_t);
    return node->key_size >= 1 && node->key_size <= LMDB_KEY_MOST;
}

/* ---- a tree ---------------------------------------------------------------------------------------------------------
 */

/* NOLINTBEGIN(misc-no-recursion): a level at a time, and walk_tree() bounds those to LMDB_DEPTH */
static int walk_page(struct walk *w, struct table *t, uint64_t number, unsigned level, leaf_fn *leaf);

static int walk_child(struct walk *w, struct table *t, const char *bytes, size_t at, unsigned level, leaf_fn *leaf)
{
    const struct lmdb_node *node = node_at(bytes, at);
    const uint8_t *key = (const uint8_t *)(node + 1);

    /* The first one's key is not looked at: whatever is below all others is there. */
    if (at > 0) {
        if (!key_is_possible(t, node) ||
            (t->last_size && compare_keys(t, t->last, t->last_size, key, node->key_size) >= 0))
            return damaged(w, t, ((const struct lmdb_page *)bytes)->number, "its keys are not in order");
        memcpy(t->floor, key, node->key_size);
        t->floor_size = node->key_size;
    }
    return walk_page(w, t, value_size(node) | (uint64_t)node->flags << 32, level + 1, leaf);
}

static int walk_entry(struct walk *w, struct table *t, const char *bytes, size_t at, bool wanted, leaf_fn *leaf)
{
    const struct lmdb_node *node = node_at(bytes, at);
    const uint8_t *key = (const uint8_t *)(node + 1);
    uint64_t number = ((const struct lmdb_page *)bytes)->number, first;
    struct value value = {(const char *)key + node->key_size, value_size(node)};
    int rc = CHATROOM_OK;

    if (!key_is_possible(t, node) ||
        (t->last_size && compare_keys(t, t->last, t->last_size, key, node->key_size) >= 0) ||
        (t->floor_size && compare_keys(t, key, node->key_size, t->floor, t->floor_size) < 0))
        return damaged(w, t, number, "its keys are not in order");
    t->floor_size = 0;
    t->last_size = node->key_size;
    memcpy(t->last, key, node->key_size);
    t->found.entries++;
    if (node->flags & LMDB_BIG_VALUE) {
        memcpy(&first, value.bytes, sizeof first);
        rc = big_value(w, t, first, wanted, &value);
    }
    return rc ? rc : leaf(w, t, lmdb_val(t->last, t->last_size), value, node);
}

/* LMDB puts what is longer on pages of its own. */
static size_t node_most(const struct walk *w)
{
    return (((w->page_size - sizeof(struct lmdb_page)) / 2) & ~(size_t)1) - sizeof(uint16_t);
}

static bool flags_are_possible(const struct walk *w, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct lmdb_node *node = node_at(bytes, i);

        if ((node->flags & ~LMDB_BIG_VALUE) && node->flags != LMDB_SUBTREE)
            return false;
        if (node_size(node, true) > node_most(w) + 1)
            return false;
    }
    return true;
}

/* The page at level, of which its parent knows what it must be; *ret_count nodes. */
static int open_page(struct walk *w, struct table *t, uint64_t number, bool is_leaf, char *bytes, size_t *ret_count)
{
    struct lmdb_page *page = (struct lmdb_page *)bytes;
    size_t least = is_leaf || t->is_free ? 1 : 2; /* LMDB asserts the two, but for the free pages */
    int rc = use(w, t, number, 1);

    if (rc == CHATROOM_OK)
        rc = read_at(w, bytes, w->page_size, number * w->page_size);
    if (rc)
        return rc;
    w->report->pages++;
    if (page->number != number || page->flags != (is_leaf ? LMDB_LEAF : LMDB_BRANCH))
        return damaged(w, t, number, "it is not the page that it should be");
    if (page->lower < sizeof *page || page->lower % 2 || page->upper < page->lower || page->upper > w->page_size)
        return damaged(w, t, number, "its bounds are wrong");
    *ret_count = (page->lower - sizeof *page) / sizeof(uint16_t);
    if (*ret_count < least || !nodes_fit(w, bytes, *ret_count, is_leaf) ||
        (is_leaf && !flags_are_possible(w, bytes, *ret_count)))
        return damaged(w, t, number, "its nodes are not whole");
    return CHATROOM_OK;
}

static int walk_page(struct walk *w, struct table *t, uint64_t number, unsigned level, leaf_fn *leaf)
{
    bool is_leaf = level + 1 == t->said.depth, wanted = w->with_records || t->is_free;
    size_t count = 0;
    int rc;

    if (!w->pages[level] && !(w->pages[level] = malloc(w->page_size)))
        return CHATROOM_ENOMEM;
    rc = open_page(w, t, number, is_leaf, w->pages[level], &count);
    t->found.leaves += is_leaf;
    t->found.branches += !is_leaf;
    for (size_t i = 0; i < count && rc == CHATROOM_OK; i++)
        rc = is_leaf ? walk_entry(w, t, w->pages[level], i, wanted, leaf)
                     : walk_child(w, t, w->pages[level], i, level, leaf);
    return rc;
}
/* NOLINTEND(misc-no-recursion) */

static bool counts_are_right(const struct table *t)
{
    return t->found.branches == t->said.branches && t->found.leaves == t->said.leaves &&
           t->found.overflows == t->said.overflows && t->found.entries == t->said.entries;
}

static int walk_tree(struct walk *w, struct table *t, leaf_fn *leaf)
{
    int rc = CHATROOM_OK;

    if (t->said.root != LMDB_NO_PAGE && (t->said.depth < 1 || t->said.depth > LMDB_DEPTH))
        return damaged(w, t, t->said.root, "the tree has an impossible depth");
    if (t->said.root != LMDB_NO_PAGE)
        rc = walk_page(w, t, t->said.root, 0, leaf);
    if (rc == CHATROOM_OK && (!counts_are_right(t) || (t->said.root == LMDB_NO_PAGE && t->said.depth != 0)))
        rc = damaged(w, t, t->said.root, "the tree has another size than is said of it");
    return rc;
}

/* ---- what the trees hold --------------------------------------------------------------------------------------------
 */

/* Pages that a transaction gave back: how many, and their numbers, falling. */
static int free_leaf(struct walk *w, struct table *t, MDB_val key, struct value value, const struct lmdb_node *node)
{
    uint64_t txn, count, page, above = w->page_count;

    memcpy(&txn, key.mv_data, sizeof txn);
    if (node->flags & LMDB_SUBTREE || txn > w->txn || value.size < sizeof count || value.size % sizeof count)
        return damaged(w, t, 0, "it is not a list of pages");
    memcpy(&count, value.bytes, sizeof count);
    if (count > value.size / sizeof count - 1)
        return damaged(w, t, 0, "it is not a list of pages");
    for (uint64_t i = 1; i <= count; i++, above = page) {
        memcpy(&page, value.bytes + i * sizeof page, sizeof page);
        if (page < 2 || page >= above || is_marked(w->used, page) || !mark(w->free, page))
            return damaged(w, t, page, "it cannot be free");
    }
    return CHATROOM_OK;
}

/* Names have no checksum: one that is none of ours is foreign, or was ours. */
static bool is_ours(const char *name, uint16_t *ret_flags)
{
    static const char *const names[TABLES] = {"drops", "index", "log", "meta", "onces", "rooms", "sessions", "trims"};
    size_t at = 0;

    while (at < TABLES && strcmp(name, names[at]) != 0)
        at++;
    *ret_flags = strcmp(name, "log") == 0 || strcmp(name, "onces") == 0 ? LMDB_NUMBERS : 0;
    return at < TABLES;
}

static int main_leaf(struct walk *w, struct table *t, MDB_val key, struct value value, const struct lmdb_node *node)
{
    struct table *next = &w->tables[w->table_count];
    uint16_t flags;

    (void)t;
    if (node->flags != LMDB_SUBTREE || value.size != sizeof next->said || key.mv_size > NAME_MOST ||
        w->table_count == TABLES)
        return CHATROOM_EFORMAT;
    memcpy(next->name, key.mv_data, key.mv_size);
    memcpy(&next->said, value.bytes, sizeof next->said);
    if (!is_ours(next->name, &flags))
        return CHATROOM_EFORMAT;
    if (next->said.flags != flags || next->said.pad != 0)
        return damaged(w, next, 0, "the table is of another kind");
    w->table_count++;
    return CHATROOM_OK;
}

static int record_leaf(struct walk *w, struct table *t, MDB_val key, struct value value, const struct lmdb_node *node)
{
    chatroom_span payload;

    if (node->flags & LMDB_SUBTREE)
        return damaged(w, t, 0, "there is a table among the records");
    if (!w->with_records)
        return CHATROOM_OK;
    w->report->records++;
    if (!lmdb_record_payload(key, lmdb_val(value.bytes, value.size), &payload) && w->report->damaged++ == 0)
        snprintf(w->report->where, sizeof w->report->where, "a record of \"%s\"", t->name);
    return CHATROOM_OK;
}

/* ---- a file ---------------------------------------------------------------------------------------------------------
 */

/* Transactions write the two metas in turn, so that they are one apart. */
static bool metas_fit(const struct lmdb_meta metas[2])
{
    const struct lmdb_meta *newer = lmdb_newer(metas);

    if (newer->trees[0].flags != LMDB_NUMBERS || newer->trees[1].flags != 0 || newer->trees[1].pad != 0)
        return false;
    if (newer->txn == 0)
        return metas[0].txn == metas[1].txn;
    return newer == &metas[newer->txn % 2] && metas[0].txn + metas[1].txn == 2 * newer->txn - 1;
}

static int init(struct walk *w, struct lmdb_meta metas[2])
{
    struct stat status;
    int rc;

    if (fstat(w->fd, &status))
        return CHATROOM_EIO;
    rc = lmdb_check_metas(w->fd, (uint64_t)status.st_size, metas);
    if (rc)
        return rc;
    w->page_size = metas[0].trees[0].pad;
    w->page_count = lmdb_newer(metas)->last_page + 1;
    w->txn = lmdb_newer(metas)->txn;
    w->used = calloc(1, w->page_count / 8 + 1);
    w->free = calloc(1, w->page_count / 8 + 1);
    w->report->pages = 2;
    return w->used && w->free ? CHATROOM_OK : CHATROOM_ENOMEM;
}

static int walk_file(struct walk *w)
{
    struct table roots[2] = {{.name = "free pages", .is_free = true}, {.name = "tables"}};
    struct lmdb_meta metas[2];
    int rc = init(w, metas);

    if (rc)
        return rc;
    if (!metas_fit(metas))
        return damaged(w, &roots[1], 0, "the first pages contradict each other");
    roots[0].said = lmdb_newer(metas)->trees[0];
    roots[1].said = lmdb_newer(metas)->trees[1];
    rc = walk_tree(w, &roots[0], free_leaf);
    if (rc == CHATROOM_OK)
        rc = walk_tree(w, &roots[1], main_leaf);
    if (rc == CHATROOM_OK && w->table_count != 0 && w->table_count != TABLES)
        rc = CHATROOM_EFORMAT;
    for (size_t i = 0; i < w->table_count && rc == CHATROOM_OK; i++)
        rc = walk_tree(w, &w->tables[i], record_leaf);
    return rc;
}

int lmdb_walk(int fd, bool with_records, struct chatroom_lmdb_report *report)
{
    struct walk w = {.fd = fd, .with_records = with_records, .report = report};
    int rc = walk_file(&w);

    for (size_t i = 0; i < LMDB_DEPTH; i++)
        free(w.pages[i]);
    free(w.used);
    free(w.free);
    free(w.value);
    return rc;
}
