/*
 * disk_record.c: disk.h's recording. The functions below come before the system's, for LMDB too.
 */
#include "disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct disk_record *current; /* NULL: nothing is recorded */
static char data_path[256], lock_path[256], folder_path[256], parent_path[256];

void disk_record_start(struct disk_record *record, const char *folder)
{
    snprintf(folder_path, sizeof folder_path, "%s", folder);
    snprintf(data_path, sizeof data_path, "%s/data.mdb", folder);
    snprintf(lock_path, sizeof lock_path, "%s/chatroom.lock", folder);
    snprintf(parent_path, sizeof parent_path, "%.*s", (int)(strrchr(folder, '/') - folder), folder);
    pthread_mutex_lock(&mutex);
    current = record;
    pthread_mutex_unlock(&mutex);
}

void disk_record_stop(void)
{
    pthread_mutex_lock(&mutex);
    current = NULL;
    pthread_mutex_unlock(&mutex);
}

void disk_record_free(struct disk_record *record)
{
    for (size_t i = 0; i < record->count; i++)
        free(record->events[i].bytes);
    free(record->events);
    *record = (struct disk_record){0};
}

/* With the mutex. */
static void add(struct disk_event event)
{
    struct disk_record *r = current;

    if (r->count == r->capacity) {
        r->capacity = r->capacity ? r->capacity * 2 : 256;
        r->events = realloc(r->events, r->capacity * sizeof *r->events);
        if (!r->events)
            abort();
    }
    r->events[r->count++] = event;
}

void disk_record_note(enum disk_kind kind)
{
    pthread_mutex_lock(&mutex);
    if (current)
        add((struct disk_event){.kind = kind});
    pthread_mutex_unlock(&mutex);
}

/* Which of our files it is; DISK_FILES: none. The path of whatever it is goes to ret_path. */
static enum disk_file file_of(int fd, char *ret_path, size_t room)
{
    char link[64];
    ssize_t size;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, ret_path, room - 1);
    ret_path[size > 0 ? size : 0] = '\0';
    if (strcmp(ret_path, data_path) == 0)
        return DISK_DATA;
    return strcmp(ret_path, lock_path) == 0 ? DISK_LOCK : DISK_FILES;
}

static void record_write(int fd, const void *bytes, size_t size, off_t offset)
{
    struct disk_event event = {.kind = DISK_WRITE, .offset = (uint64_t)offset, .size = size};
    char path[256];

    pthread_mutex_lock(&mutex);
    if (current && size > 0 && (event.file = file_of(fd, path, sizeof path)) != DISK_FILES) {
        event.bytes = malloc(size);
        if (!event.bytes)
            abort();
        memcpy(event.bytes, bytes, size);
        add(event);
        if (fcntl(fd, F_GETFL) & O_DSYNC)
            add((struct disk_event){.kind = DISK_STABLE, .file = event.file});
    }
    pthread_mutex_unlock(&mutex);
}

static void record_size(int fd, off_t size)
{
    struct disk_event event = {.kind = DISK_SIZE, .offset = (uint64_t)size};
    char path[256];

    pthread_mutex_lock(&mutex);
    if (current && (event.file = file_of(fd, path, sizeof path)) != DISK_FILES)
        add(event);
    pthread_mutex_unlock(&mutex);
}

static void record_sync(int fd)
{
    struct disk_event event = {.kind = DISK_SYNC};
    char path[256];

    pthread_mutex_lock(&mutex);
    if (current && (event.file = file_of(fd, path, sizeof path)) != DISK_FILES)
        add(event);
    else if (current && strcmp(path, folder_path) == 0)
        add((struct disk_event){.kind = DISK_NAMES});
    else if (current && strcmp(path, parent_path) == 0)
        add((struct disk_event){.kind = DISK_PARENT});
    pthread_mutex_unlock(&mutex);
}

/* ---- instead of the system's ----------------------------------------------------------------------------------------
 */

/* By their symbols: with 64 bit offsets the headers make others of the names. */
ssize_t recorded_pwrite(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t recorded_pwrite64(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite64");
int recorded_ftruncate(int fd, off_t size) __asm__("ftruncate");
int recorded_ftruncate64(int fd, off_t size) __asm__("ftruncate64");

ssize_t recorded_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, size, offset);

    if (done > 0)
        record_write(fd, bytes, (size_t)done, offset);
    return done;
}

ssize_t recorded_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return recorded_pwrite(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_write, fd, bytes, size);

    if (done > 0)
        record_write(fd, bytes, (size_t)done, at);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_writev, fd, parts, count), left = done;

    for (int i = 0; i < count && left > 0; i++) {
        size_t size = (size_t)left < parts[i].iov_len ? (size_t)left : parts[i].iov_len;

        record_write(fd, parts[i].iov_base, size, at);
        at += (off_t)size;
        left -= (ssize_t)size;
    }
    return done;
}

int recorded_ftruncate(int fd, off_t size)
{
    int rc = (int)syscall(SYS_ftruncate, fd, size);

    if (rc == 0)
        record_size(fd, size);
    return rc;
}

int recorded_ftruncate64(int fd, off_t size)
{
    return recorded_ftruncate(fd, size);
}

int fsync(int fd)
{
    int rc = (int)syscall(SYS_fsync, fd);

    if (rc == 0)
        record_sync(fd);
    return rc;
}

int fdatasync(int fd)
{
    int rc = (int)syscall(SYS_fdatasync, fd);

    if (rc == 0)
        record_sync(fd);
    return rc;
}

/* A store that writes by its map would not be seen here; the replay of the whole record would then differ from the
 * file. */
