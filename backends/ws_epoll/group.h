/*
 * group.h: a set of connections that get the same frames. A seat knows its place, so that leaving costs O(1).
 */
#ifndef WS_GROUP_H
#define WS_GROUP_H

#include "connection.h"

struct ws_group;

/* NULL: out of memory. */
struct ws_group *ws_group_new(void);
/* Errors: ENOMEM. */
int ws_group_add(struct ws_group *group, struct ws_connection *c, struct chatroom_seat *seat);
void ws_group_remove(struct ws_group *group, struct chatroom_seat *seat);

/* Queues the frame for each. Whoever cannot take it is lost: a member must not miss a frame and stay. */
void ws_group_send(struct ws_transport *t, struct ws_group *group, chatroom_frame *frame);

/* It has no members. */
void ws_group_free(struct ws_group *group);

#endif
