#include "space.h"

#include <sys/statvfs.h>

#define LOOK_EACH_NS 1000000000u
#define LOW_RESERVES 4

/* False: it does not tell. Some that are made by programs say that they consist of nothing. */
static bool free_bytes(int fd, uint64_t *ret_bytes)
{
    struct statvfs status;

    if (fstatvfs(fd, &status) || status.f_blocks == 0 || status.f_frsize == 0)
        return false;
    *ret_bytes = status.f_bavail > INT64_MAX / status.f_frsize ? INT64_MAX : status.f_bavail * status.f_frsize;
    return true;
}

static void log_bytes(chatroom_store_port *port, enum chatroom_log_level level, const char *event, uint64_t bytes)
{
    struct chatroom_log_field field = CHATROOM_NUMBER("free_bytes", bytes);

    chatroom_store_log(port, level, event, &field, 1);
}

void lmdb_space_look(struct lmdb_space *space, int fd, uint64_t now_ns, chatroom_store_port *port)
{
    bool was_low = space->low, was_full = space->full;
    uint64_t bytes;

    if (space->reserve == 0 || now_ns < space->due)
        return;
    space->due = now_ns + LOOK_EACH_NS;
    if (!free_bytes(fd, &bytes))
        return;
    space->low = bytes / LOW_RESERVES < space->reserve;
    space->full = bytes < space->reserve;
    if (space->low && !was_low)
        log_bytes(port, CHATROOM_LOG_WARN, "store_low", bytes);
    if (space->full && !was_full)
        log_bytes(port, CHATROOM_LOG_ERROR, "store_full", bytes);
    if (!space->full && was_full)
        log_bytes(port, CHATROOM_LOG_INFO, "store_has_room", bytes);
}

static bool adds_to_a_room(const struct chatroom_write *write)
{
    return write->kind == CHATROOM_APPEND || write->kind == CHATROOM_CREATE_ROOM || write->kind == CHATROOM_WRITE_ROOM;
}

bool lmdb_space_refuses(const struct lmdb_space *space, const struct chatroom_ticket *ticket)
{
    for (size_t i = 0; i < ticket->count && space->full; i++)
        if (adds_to_a_room(&ticket->writes[i]))
            return true;
    return false;
}
