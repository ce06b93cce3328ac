#include "group.h"

#include <stdlib.h>

struct ws_group *ws_group_new(void)
{
    return calloc(1, sizeof(struct ws_group));
}

void ws_group_free(struct ws_group *group)
{
    free(group->members);
    free(group);
}

static int reserve(struct ws_group *group)
{
    size_t grown = group->capacity ? group->capacity * 2 : 4;
    struct ws_member *bigger;

    if (group->count < group->capacity)
        return CHATROOM_OK;
    bigger = realloc(group->members, grown * sizeof *bigger);
    if (!bigger)
        return CHATROOM_ENOMEM;
    group->members = bigger;
    group->capacity = grown;
    return CHATROOM_OK;
}

static void put(struct ws_group *group, size_t place, struct ws_member member)
{
    group->members[place] = member;
    member.seat->place = place;
}

int ws_group_add(struct ws_group *group, struct ws_connection *connection, struct chatroom_seat *seat)
{
    int rc = reserve(group);

    if (rc)
        return rc;
    seat->where = group;
    put(group, group->count++, (struct ws_member){connection, seat});
    return CHATROOM_OK;
}

void ws_group_stray(struct chatroom_seat *seat)
{
    struct ws_group *group = ws_group_of(seat);
    struct ws_member member = group->members[seat->place];
    size_t last = --group->following;

    put(group, seat->place, group->members[last]);
    put(group, last, member);
}

void ws_group_remove(struct chatroom_seat *seat)
{
    struct ws_group *group = ws_group_of(seat);

    if (seat->place < group->following)
        ws_group_stray(seat);
    put(group, seat->place, group->members[--group->count]);
}

struct ws_member *ws_group_gather(struct ws_group *group)
{
    return group->following < group->count ? &group->members[group->following++] : NULL;
}
