#include "rooms.h"

#include "memory.h"
#include "names.h"
#include "recent.h"

struct cr_room *cr_rooms_find(const chatroom *c, chatroom_span name)
{
    struct cr_map_node *node = cr_map_find(&c->rooms, name);

    return node ? CR_CONTAINER(node, struct cr_room, node) : NULL;
}

static void free_room(chatroom *c, struct cr_room *room)
{
    cr_recent_drop(c, room);
    cr_roster_fini(&room->roster);
    cr_name_free(c, &c->room_claims, room->name, room->name_size);
    cr_free(&c->alloc, room, sizeof *room);
}

/* Named and known by its name, or not there at all. */
static int add_room(chatroom *c, struct cr_room *room, chatroom_span name, bool found)
{
    int result = found ? cr_name_accept(c, &c->room_claims, name, &room->name)
                       : cr_name_take(c, &c->room_claims, name, NULL, 0, &room->name);

    if (result != CHATROOM_OK)
        return result;
    room->name_size = name.size;
    return cr_map_add(&c->rooms, &room->node, cr_room_name(room));
}

int cr_rooms_get(chatroom *c, chatroom_span name, bool found, struct cr_room **ret_room)
{
    struct cr_room *room = cr_rooms_find(c, name);
    int result = CHATROOM_OK;

    if (!room) {
        room = cr_new(&c->alloc, sizeof *room);
        if (!room)
            return CHATROOM_ENOMEM;
        cr_roster_init(&room->roster, &c->alloc, &c->transport);
        room->created_ms = c->now.wall_ms;
        result = add_room(c, room, name, found);
    }
    if (result == CHATROOM_OK)
        *ret_room = room;
    else
        free_room(c, room);
    return result;
}

/* ---- what will be ---- */

static void expect(struct cr_room *room, const struct cr_effect *effect)
{
    if (effect->doubtful)
        return;
    switch (effect->kind) {
    case CR_CREATE:
        room->expected = true;
        break;
    case CR_JOIN:
        room->expected = true;
        room->expected_members++;
        break;
    case CR_LEAVE:
        room->expected_members -= room->expected_members > 0;
        break;
    default: /* DELETE */
        room->expected = false;
        room->expected_members = 0;
        break;
    }
}

void cr_room_note(struct cr_room *room, struct cr_effect *effect)
{
    effect->noted = true;
    effect->next_noted = NULL;
    effect->previous_noted = room->last_noted;
    if (room->last_noted)
        room->last_noted->next_noted = effect;
    else
        room->first_noted = effect;
    room->last_noted = effect;
    room->noted_deletes += effect->kind == CR_DELETE && !effect->doubtful;
    expect(room, effect);
}

static void take_out(struct cr_room *room, struct cr_effect *effect)
{
    if (effect->previous_noted)
        effect->previous_noted->next_noted = effect->next_noted;
    else
        room->first_noted = effect->next_noted;
    if (effect->next_noted)
        effect->next_noted->previous_noted = effect->previous_noted;
    else
        room->last_noted = effect->previous_noted;
    room->noted_deletes -= effect->kind == CR_DELETE && !effect->doubtful;
    effect->noted = false;
}

void cr_room_forget(struct cr_room *room, struct cr_effect *effect)
{
    if (!effect->noted)
        return;
    room->unforeseen |= effect != room->first_noted;
    take_out(room, effect);
}

void cr_room_postpone(struct cr_room *room, struct cr_effect *effect)
{
    if (!effect->noted || effect == room->last_noted)
        return;
    take_out(room, effect);
    cr_room_note(room, effect);
    room->unforeseen = true;
}

void cr_room_doubt(struct cr_room *room, struct cr_effect *effect, bool doubtful)
{
    bool deletes = effect->noted && effect->kind == CR_DELETE;

    room->noted_deletes -= deletes && !effect->doubtful;
    effect->doubtful = doubtful;
    room->noted_deletes += deletes && !doubtful;
    room->unforeseen |= effect->noted;
}

void cr_room_expect(struct cr_room *room)
{
    if (!room->unforeseen)
        return;
    room->unforeseen = false;
    room->expected = room->live;
    room->expected_members = room->roster.count;
    for (const struct cr_effect *effect = room->first_noted; effect; effect = effect->next_noted)
        expect(room, effect);
}

void cr_room_begin(struct cr_room *room)
{
    room->changes++;
}

void cr_room_end(chatroom *c, struct cr_room *room)
{
    if (--room->changes > 0)
        return;
    room->expected = room->live;
    room->expected_members = room->roster.count;
    room->unforeseen = false;
    if (room->live)
        return;
    cr_map_remove(&c->rooms, &room->node);
    free_room(c, room);
}

static void close_member(void *arg, struct cr_member *member)
{
    chatroom *c = arg;

    c->transport.ops->close(c->transport.self, member->peer, 1013, chatroom_str("Try again later"));
}

void cr_room_say(chatroom *c, struct cr_room *room, chatroom_frame *frame, uint64_t seq)
{
    size_t lost = cr_roster_send(&room->roster, frame, seq, close_member, c);
    const struct chatroom_log_field fields[] = {CHATROOM_TEXT("room", cr_room_name(room)),
                                                CHATROOM_NUMBER("members", lost)};

    c->counters.messages += room->roster.count;
    if (lost > 0)
        cr_log(c, CHATROOM_LOG_WARN, "members_dropped", fields, 2);
}

void cr_room_interrupt(chatroom *c, struct cr_room *room)
{
    cr_log(c, CHATROOM_LOG_ERROR, "room_interrupted", NULL, 0);
    for (size_t i = 0; i < room->roster.count; i++)
        if (room->roster.members[i]->peer)
            close_member(c, room->roster.members[i]);
}

void cr_room_add(struct cr_membership *membership)
{
    chatroom_connection *connection = membership->connection;
    struct cr_membership **link = &connection->rooms;

    while (*link)
        link = &(*link)->next;
    *link = membership;
    membership->member.peer = connection->peer;
    cr_roster_add(&membership->room->roster, &membership->member);
}

void cr_room_seat(chatroom *c, struct cr_membership *membership, uint64_t seq)
{
    if (cr_roster_seat(&membership->room->roster, &membership->member, seq) != CHATROOM_OK)
        close_member(c, &membership->member);
}

struct cr_membership *cr_room_membership(const struct cr_room *room, const chatroom_connection *connection)
{
    struct cr_membership *membership = connection ? connection->rooms : NULL;

    while (membership && membership->room != room)
        membership = membership->next;
    return membership;
}

void cr_room_drop(chatroom *c, struct cr_membership *membership)
{
    struct cr_membership **link = &membership->connection->rooms;

    while (*link != membership)
        link = &(*link)->next;
    *link = membership->next;
    cr_roster_remove(&membership->room->roster, &membership->member);
    cr_free(&c->alloc, membership, sizeof *membership);
}

void cr_rooms_free(chatroom *c)
{
    struct cr_map_node *node;

    while ((node = cr_map_first(&c->rooms))) {
        struct cr_room *room = CR_CONTAINER(node, struct cr_room, node);

        while (room->roster.count > 0)
            cr_room_drop(c, CR_CONTAINER(room->roster.members[0], struct cr_membership, member));
        cr_map_remove(&c->rooms, node);
        free_room(c, room);
    }
}
