#include "check.h"

#include <chatroom/base.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How LMDB 0.9 begins each of the first two pages on 64 bit machines: a page head, then this. */
struct tree {
    uint32_t pad; /* of the first tree: the page size */
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
};

struct meta {
    uint64_t page;
    uint16_t pad, page_flags, lower, upper;
    uint32_t magic, version;
    uint64_t address, map_size;
    struct tree trees[2];
    uint64_t last_page, txn;
};

#define META_FLAG    0x08
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1
#define NO_PAGE      UINT64_MAX

_Static_assert(sizeof(struct meta) == 16 + 136, "as LMDB lays it out");

static bool is_meta(const struct meta *meta)
{
    uint32_t page = meta->trees[0].pad;

    return (meta->page_flags & META_FLAG) && meta->magic == META_MAGIC && meta->version == META_VERSION &&
           page >= 512 && page <= 65536 && (page & (page - 1)) == 0;
}

static bool is_whole(const struct meta *meta, uint64_t file_size)
{
    for (int i = 0; i < 2; i++)
        if (meta->trees[i].root != NO_PAGE && meta->trees[i].root > meta->last_page)
            return false;
    return meta->last_page >= 1 && meta->last_page < file_size / meta->trees[0].pad;
}

static int check_metas(int fd, uint64_t file_size)
{
    struct meta metas[2];
    uint32_t page;

    if (pread(fd, &metas[0], sizeof metas[0], 0) != (ssize_t)sizeof metas[0] || !is_meta(&metas[0]))
        return CHATROOM_EFORMAT;
    page = metas[0].trees[0].pad;
    if (pread(fd, &metas[1], sizeof metas[1], page) != (ssize_t)sizeof metas[1] || !is_meta(&metas[1]))
        return CHATROOM_EFORMAT;
    /* LMDB goes by the newer one. The other may be half of a commit that failed. */
    if (metas[1].trees[0].pad != page || !is_whole(&metas[metas[1].txn > metas[0].txn], file_size))
        return CHATROOM_EFORMAT;
    return CHATROOM_OK;
}

int lmdb_check_file(const char *path, bool *ret_empty)
{
    struct stat status;
    int rc, fd = open(path, O_RDONLY | O_CLOEXEC);

    *ret_empty = fd < 0 && errno == ENOENT;
    if (*ret_empty)
        return CHATROOM_OK;
    if (fd < 0)
        return errno == EACCES ? CHATROOM_EACCES : CHATROOM_EIO;
    if (fstat(fd, &status))
        rc = CHATROOM_EIO;
    else if (!S_ISREG(status.st_mode))
        rc = CHATROOM_EFORMAT;
    else if (status.st_size == 0)
        rc = CHATROOM_OK;
    else
        rc = check_metas(fd, (uint64_t)status.st_size);
    *ret_empty = rc == CHATROOM_OK && status.st_size == 0;
    close(fd);
    return rc;
}
