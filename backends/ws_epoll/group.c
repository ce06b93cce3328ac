#include "group.h"

#include <stdlib.h>

struct member {
    struct ws_connection *connection;
    struct chatroom_seat *seat;
};

struct ws_group {
    struct member *members;
    size_t count;
    size_t capacity;
};

struct ws_group *ws_group_new(void)
{
    return calloc(1, sizeof(struct ws_group));
}

int ws_group_add(struct ws_group *group, struct ws_connection *c, struct chatroom_seat *seat)
{
    size_t grown = group->capacity ? group->capacity * 2 : 4;
    struct member *bigger = group->members;

    if (group->count == group->capacity) {
        bigger = realloc(group->members, grown * sizeof *bigger);
        if (!bigger)
            return CHATROOM_ENOMEM;
        group->members = bigger;
        group->capacity = grown;
    }
    *seat = (struct chatroom_seat){group, group->count};
    group->members[group->count++] = (struct member){c, seat};
    return CHATROOM_OK;
}

void ws_group_remove(struct ws_group *group, struct chatroom_seat *seat)
{
    struct member last = group->members[--group->count];

    group->members[seat->place] = last;
    last.seat->place = seat->place;
}

void ws_group_send(struct ws_transport *t, struct ws_group *group, chatroom_frame *frame)
{
    for (size_t i = 0; i < group->count; i++)
        (void)ws_output_send(t, group->members[i].connection, frame); /* whoever could not take it is lost */
}

void ws_group_free(struct ws_group *group)
{
    free(group->members);
    free(group);
}
