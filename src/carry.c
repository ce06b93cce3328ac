#include "carry.h"

#include "connection.h"
#include "everyone.h"
#include "memory.h"
#include "recent.h"
#include "record.h"
#include "request.h"
#include "rooms.h"
#include "text.h"

static void send_frame(chatroom_request *request, const struct cr_effect *effect)
{
    chatroom *c = request->c;
    chatroom_connection *to = effect->text.size > 0 ? cr_connection_find(c, effect->text) : request->connection;

    if (!to || !to->peer || !to->open)
        return;
    c->counters.messages++;
    (void)c->transport.ops->send(c->transport.self, to->peer, effect->frame); /* a full queue is the transport's */
}

static void close_connection(chatroom_request *request, const struct cr_effect *effect)
{
    chatroom_connection *whom =
        effect->once.size > 0 ? cr_connection_find(request->c, effect->once) : request->connection;

    if (whom)
        cr_connection_close(whom, effect->code, effect->text);
}

/* A room that this write made, or found. */
static void room_is_live(chatroom_request *request, const struct cr_effect *effect)
{
    const struct chatroom_write *write;

    if (effect->write == CR_NO_WRITE)
        return;
    write = &request->ticket.store.writes[effect->write];
    effect->room->live = true;
    effect->room->epoch = write->ret_epoch;
    effect->room->newest = write->ret_seq;
}

/* Who joins and asked for the room's history hears what is said only after that. */
static void join(chatroom_request *request, struct cr_effect *effect)
{
    struct cr_membership *membership = effect->membership;

    room_is_live(request, effect);
    if (cr_room_membership(effect->room, request->connection)) { /* it was to be deleted in between, and was not */
        effect->room->unforeseen = true;
        return;
    }
    effect->membership = NULL; /* the room's and the connection's from now on */
    cr_room_add(membership);
    if (request->history.room == effect->room)
        request->history.joined = true;
    else
        cr_room_seat(request->c, membership, 0);
}

static void leave(chatroom_request *request, const struct cr_effect *effect)
{
    struct cr_membership *membership = cr_room_membership(effect->room, request->connection);

    if (membership)
        cr_room_drop(request->c, membership);
    else
        effect->room->unforeseen = true;
}

static void delete_room(chatroom_request *request, const struct cr_effect *effect)
{
    while (effect->room->roster.count > 0)
        cr_room_drop(request->c, CR_CONTAINER(effect->room->roster.members[0], struct cr_membership, member));
    effect->room->live = false;
    cr_recent_drop(request->c, effect->room);
}

static void announce(chatroom_request *request, const struct cr_effect *effect)
{
    chatroom *c = request->c;
    const struct chatroom_write *write = &request->ticket.store.writes[effect->write];
    struct chatroom_entry entry;
    chatroom_frame *frame;

    if (write->ret_again)
        return;
    effect->room->newest = write->ret_seq;
    effect->room->epoch = write->ret_epoch;
    cr_recent_add(c, effect->room, effect->text);
    (void)cr_entry_decode(effect->text, &entry); /* our own encoding */
    entry.room = cr_room_name(effect->room);
    entry.epoch = write->ret_epoch;
    entry.seq = write->ret_seq;
    frame = cr_text_entry(c, &entry);
    if (frame)
        cr_room_say(c, effect->room, frame, entry.seq);
    else
        cr_room_interrupt(c, effect->room);
    chatroom_frame_unref(frame);
}

/* The old name goes with the effect. */
static void name_session(chatroom_connection *connection, struct cr_effect *effect)
{
    char *name = effect->name;
    size_t size = effect->text.size;

    effect->name = connection->name;
    effect->text.size = connection->name_size;
    connection->name = name;
    connection->name_size = (uint16_t)size;
}

static void carry_out(chatroom_request *request, struct cr_effect *effect)
{
    chatroom *c = request->c;

    switch (effect->kind) {
    case CR_SEND:
        send_frame(request, effect);
        break;
    case CR_BROADCAST:
        cr_everyone_send(c, effect->frame);
        break;
    case CR_TELL:
        cr_room_say(c, effect->room, effect->frame, 0);
        break;
    case CR_CLOSE:
        close_connection(request, effect);
        break;
    case CR_NAME:
        name_session(request->connection, effect);
        break;
    case CR_CREATE:
        room_is_live(request, effect);
        break;
    case CR_JOIN:
        join(request, effect);
        break;
    case CR_LEAVE:
        leave(request, effect);
        break;
    case CR_DELETE:
        delete_room(request, effect);
        break;
    case CR_PUBLISH:
        announce(request, effect);
        break;
    }
}

void cr_carry_out(chatroom_request *request)
{
    struct cr_effect *effect = request->effects;
    uint64_t messages = request->c->counters.messages;

    request->effects = NULL;
    request->effects_end = &request->effects;
    for (; effect; effect = effect->next) {
        carry_out(request, effect);
        cr_effect_release(request->c, effect);
    }
    if (request->route)
        request->route->counters.messages += request->c->counters.messages - messages;
    if (request->wordless)
        cr_connection_close(request->connection, 1013, chatroom_str("Try again later"));
}
