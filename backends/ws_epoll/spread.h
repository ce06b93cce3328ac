/*
 * spread.h: a group whose members may be on any worker: a group of each that has some, and one node for all of them
 * when a frame is sent. The calls are the ops of a transport.
 */
#ifndef WS_SPREAD_H
#define WS_SPREAD_H

#include "remote.h"

struct ws_spread;

/* NULL: out of memory. */
struct ws_spread *ws_spread_new(struct ws_threaded *t);
/* Errors: ENOMEM. */
int ws_spread_add(struct ws_spread *spread, struct ws_remote *remote, struct chatroom_seat *seat);
void ws_spread_remove(struct ws_remote *remote, struct chatroom_seat *seat);
void ws_spread_send(struct ws_spread *spread, chatroom_frame *frame);
void ws_spread_free(struct ws_spread *spread);

#endif
