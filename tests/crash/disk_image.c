/*
 * disk_image.c: disk.h's replaying.
 */
#include "disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[DISK_FILES] = {[DISK_DATA] = "data.mdb", [DISK_LOCK] = "chatroom.lock"};

/* ---- one file -------------------------------------------------------------------------------------------------------
 */

/* bytes holds what was ever written; a size beyond it is a hole. */
static void reserve(struct disk_content *c, size_t size)
{
    size_t capacity = c->capacity ? c->capacity : 1 << 16;

    while (capacity < size)
        capacity *= 2;
    if (capacity == c->capacity)
        return;
    c->bytes = realloc(c->bytes, capacity);
    if (!c->bytes)
        abort();
    memset(c->bytes + c->capacity, 0, capacity - c->capacity);
    c->capacity = capacity;
}

static void put(struct disk_content *c, uint64_t offset, const char *bytes, size_t size)
{
    reserve(c, offset + size);
    memcpy(c->bytes + offset, bytes, size);
    if (c->size < offset + size)
        c->size = offset + size;
    c->exists = true;
}

static void set_size(struct disk_content *c, uint64_t size)
{
    if (size < c->size && size < c->capacity)
        memset(c->bytes + size, 0, (c->size < c->capacity ? c->size : c->capacity) - size);
    c->size = size;
    c->exists = true;
}

static void apply(struct disk_content *files, const struct disk_event *event)
{
    if (event->kind == DISK_SIZE)
        set_size(&files[event->file], event->offset);
    else
        put(&files[event->file], event->offset, event->bytes, event->size);
}

/* ---- events ---------------------------------------------------------------------------------------------------------
 */

static void add_pending(struct disk_image *image, const struct disk_event *event)
{
    if (image->pending_count == image->pending_capacity) {
        image->pending_capacity = image->pending_capacity ? image->pending_capacity * 2 : 64;
        image->pending = realloc(image->pending, image->pending_capacity * sizeof *image->pending);
        if (!image->pending)
            abort();
    }
    image->pending[image->pending_count++] = event;
}

/* A disk that lies about syncs writes some time, after all: what is older than its cache is safe. */
#define CACHE_WRITES 24

static void settle_oldest(struct disk_image *image)
{
    if (image->pending_count <= CACHE_WRITES)
        return;
    apply(image->safe, image->pending[0]);
    memmove(image->pending, image->pending + 1, --image->pending_count * sizeof *image->pending);
}

/* What is under way in the file becomes safe; with newest_only the newest write alone. */
static void settle(struct disk_image *image, enum disk_file file, bool newest_only)
{
    size_t kept = 0;

    for (size_t i = 0; i < image->pending_count; i++)
        if (image->pending[i]->file == file && (!newest_only || i + 1 == image->pending_count))
            apply(image->safe, image->pending[i]);
        else
            image->pending[kept++] = image->pending[i];
    image->pending_count = kept;
}

void disk_image_step(struct disk_image *image, const struct disk_event *event)
{
    bool lies = image->ignores_syncs;

    switch (event->kind) {
    case DISK_WRITE:
    case DISK_SIZE:
        image->seen[event->file] = true;
        add_pending(image, event);
        if (lies)
            settle_oldest(image);
        break;
    case DISK_SYNC:
    case DISK_STABLE:
        if (!lies)
            settle(image, event->file, event->kind == DISK_STABLE);
        break;
    case DISK_NAMES:
        image->names_safe = true;
        break;
    case DISK_PARENT:
        image->parent_safe = true;
        break;
    case DISK_OPENED:
        image->opened = true;
        break;
    case DISK_ASKED:
        image->asked++;
        break;
    case DISK_TOLD:
        image->told++;
        break;
    }
}

void disk_image_free(struct disk_image *image)
{
    for (int file = 0; file < DISK_FILES; file++)
        free(image->safe[file].bytes);
    free(image->pending);
    *image = (struct disk_image){0};
}

/* ---- drawing --------------------------------------------------------------------------------------------------------
 */

/* How much of what was under way arrives. */
enum luck {
    NOTHING,
    EVERYTHING,
    SOME_WRITES,  /* each or not */
    SOME_SECTORS, /* each or not */
    A_PREFIX,     /* and of the next write some sectors */
    ALL_BUT_ONE,
    ALL_BUT_A_SECTOR,
    LUCKS,
};

static void apply_sectors(struct disk_content *files, const struct disk_event *event, struct rnd *random, int lost)
{
    int number = 0;

    if (event->kind == DISK_SIZE) {
        if (lost < 0 && rnd_below(random, 2))
            apply(files, event);
        return;
    }
    for (size_t at = 0; at < event->size; number++) {
        size_t size = DISK_SECTOR - (event->offset + at) % DISK_SECTOR;

        if (size > event->size - at)
            size = event->size - at;
        if (lost < 0 ? rnd_below(random, 2) : number != lost)
            put(&files[event->file], event->offset + at, event->bytes + at, size);
        at += size;
    }
}

static unsigned sectors_of(const struct disk_event *event)
{
    return (unsigned)((event->offset % DISK_SECTOR + event->size + DISK_SECTOR - 1) / DISK_SECTOR);
}

/* A disk that lies and loses nothing would not show that it lies. */
static enum luck draw_luck(const struct disk_image *image, struct rnd *random)
{
    enum luck luck;

    do
        luck = (enum luck)rnd_below(random, LUCKS);
    while (luck == EVERYTHING && image->ignores_syncs);
    return luck;
}

static void apply_some(const struct disk_image *image, struct rnd *random, struct disk_content *files)
{
    enum luck luck = draw_luck(image, random);
    size_t chosen = image->pending_count ? rnd_below(random, (unsigned)image->pending_count) : 0;

    for (size_t i = 0; i < image->pending_count && luck != NOTHING; i++) {
        const struct disk_event *event = image->pending[i];

        if (luck == A_PREFIX && i > chosen)
            return;
        if (luck == SOME_SECTORS || (luck == A_PREFIX && i == chosen))
            apply_sectors(files, event, random, -1);
        else if (luck == ALL_BUT_A_SECTOR && i == chosen)
            apply_sectors(files, event, random, event->size ? (int)rnd_below(random, sectors_of(event)) : 0);
        else if (luck == SOME_WRITES ? rnd_below(random, 2) : luck != ALL_BUT_ONE || i != chosen)
            apply(files, event);
    }
}

static void copy(struct disk_content *to, const struct disk_content *from)
{
    *to = (struct disk_content){0};
    reserve(to, from->capacity);
    if (from->capacity)
        memcpy(to->bytes, from->bytes, from->capacity);
    to->size = from->size;
    to->exists = from->exists;
}

static void copy_safe(const struct disk_image *image, struct disk_content *files)
{
    for (int file = 0; file < DISK_FILES; file++) {
        copy(&files[file], &image->safe[file]);
        files[file].exists = image->seen[file];
    }
}

/* Names that were never synced may be missing, whatever was written under them. */
static void lose_names(const struct disk_image *image, struct rnd *random, struct disk_content *files)
{
    for (int file = 0; file < DISK_FILES; file++)
        if (!image->names_safe && rnd_below(random, 4) == 0)
            files[file].exists = false;
    if (!image->parent_safe && rnd_below(random, 4) == 0)
        files[DISK_DATA].exists = files[DISK_LOCK].exists = false;
}

static void make_file(const char *folder, const char *name, const struct disk_content *content)
{
    char path[256];
    int fd;
    size_t written = content->size < content->capacity ? content->size : content->capacity;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!content->exists) {
        unlink(path);
        return;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, content->bytes, written, 0) != (ssize_t)written || ftruncate(fd, (off_t)content->size))
        abort();
    close(fd);
}

void disk_image_draw(const struct disk_image *image, struct rnd *random, struct disk_content ret_files[DISK_FILES])
{
    copy_safe(image, ret_files);
    apply_some(image, random, ret_files);
    lose_names(image, random, ret_files);
}

void disk_image_all(const struct disk_image *image, struct disk_content *ret_data)
{
    struct disk_content files[DISK_FILES];

    copy_safe(image, files);
    for (size_t i = 0; i < image->pending_count; i++)
        apply(files, image->pending[i]);
    *ret_data = files[DISK_DATA];
    free(files[DISK_LOCK].bytes);
}

void disk_files_make(const struct disk_content files[DISK_FILES], const char *folder)
{
    for (int file = 0; file < DISK_FILES; file++)
        make_file(folder, names[file], &files[file]);
}

void disk_files_free(struct disk_content files[DISK_FILES])
{
    for (int file = 0; file < DISK_FILES; file++)
        free(files[file].bytes);
}

void disk_image_begin(struct disk_image *image, const struct disk_content files[DISK_FILES])
{
    *image = (struct disk_image){.names_safe = true, .parent_safe = true};
    for (int file = 0; file < DISK_FILES; file++) {
        copy(&image->safe[file], &files[file]);
        image->seen[file] = files[file].exists;
    }
}
