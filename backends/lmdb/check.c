#include "check.h"

#include <chatroom/base.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1

static bool is_meta(const struct lmdb_meta *meta)
{
    uint32_t page = meta->trees[0].pad;

    return (meta->page_flags & LMDB_META_PAGE) && meta->magic == META_MAGIC && meta->version == META_VERSION &&
           page >= 512 && page <= 65536 && (page & (page - 1)) == 0;
}

static bool is_whole(const struct lmdb_meta *meta, uint64_t file_size)
{
    for (int i = 0; i < 2; i++)
        if (meta->trees[i].root != LMDB_NO_PAGE && meta->trees[i].root > meta->last_page)
            return false;
    return meta->last_page >= 1 && meta->last_page < file_size / meta->trees[0].pad;
}

int lmdb_check_metas(int fd, uint64_t file_size, struct lmdb_meta ret_metas[2])
{
    uint32_t page;

    if (pread(fd, &ret_metas[0], sizeof *ret_metas, 0) != (ssize_t)sizeof *ret_metas || !is_meta(&ret_metas[0]))
        return CHATROOM_EFORMAT;
    page = ret_metas[0].trees[0].pad;
    if (pread(fd, &ret_metas[1], sizeof *ret_metas, page) != (ssize_t)sizeof *ret_metas || !is_meta(&ret_metas[1]))
        return CHATROOM_EFORMAT;
    /* The older one may be half of a commit that failed. */
    if (ret_metas[1].trees[0].pad != page || !is_whole(lmdb_newer(ret_metas), file_size))
        return CHATROOM_EFORMAT;
    return CHATROOM_OK;
}

const char *lmdb_format_text(bool was_made)
{
    return was_made ? "data.mdb is not a store of this version, or it is missing or cut short."
                    : "data.mdb is no store of this version, or cut short. If it never served, remove it.";
}

int lmdb_check_file(const char *path, bool *ret_empty)
{
    struct lmdb_meta metas[2];
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
        rc = lmdb_check_metas(fd, (uint64_t)status.st_size, metas);
    *ret_empty = rc == CHATROOM_OK && status.st_size == 0;
    close(fd);
    return rc;
}
