#include "everyone.h"

static bool has_groups(const chatroom *c)
{
    return c->transport.ops->group_new != NULL;
}

int cr_everyone_enter(chatroom_connection *connection)
{
    chatroom *c = cr_chatroom_of(connection);
    const struct chatroom_transport *t = &c->transport;
    int result = CHATROOM_OK;

    if (has_groups(c) && !c->everyone)
        result = t->ops->group_new(t->self, &c->everyone);
    if (has_groups(c) && result == CHATROOM_OK)
        result = t->ops->group_add(t->self, c->everyone, connection->peer, &connection->seat);
    connection->hears = result == CHATROOM_OK;
    return result;
}

void cr_everyone_leave(chatroom_connection *connection)
{
    const chatroom *c = cr_chatroom_of(connection);

    if (connection->hears && has_groups(c))
        c->transport.ops->group_remove(c->transport.self, c->everyone, connection->peer, &connection->seat);
    connection->hears = false;
}

static void send_to_each(const chatroom *c, chatroom_frame *frame)
{
    const char *id;

    for (size_t place = 0; (id = cr_id_set_next(&c->connections, &place)); place++) {
        const chatroom_connection *connection = CR_CONTAINER(id, const chatroom_connection, id);

        if (connection->hears)
            (void)c->transport.ops->send(c->transport.self, connection->peer, frame); /* a full queue is its own */
    }
}

void cr_everyone_send(chatroom *c, chatroom_frame *frame)
{
    c->counters.messages += c->open_count;
    if (!has_groups(c))
        send_to_each(c, frame);
    else if (c->everyone)
        c->transport.ops->group_send(c->transport.self, c->everyone, frame);
}

void cr_everyone_leave_transport(chatroom *c)
{
    if (c->everyone)
        c->transport.ops->group_free(c->transport.self, c->everyone);
    c->everyone = NULL;
}
