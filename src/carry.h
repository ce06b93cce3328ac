/*
 * carry.h: what a request asked for takes hold: messages leave, sessions come and go, rooms change. Everything that had
 * to be stored has been; nothing here can fail the request any more.
 */
#ifndef CR_CARRY_H
#define CR_CARRY_H

#include "core.h"

/* Carries out every effect, in order, and releases it. */
void cr_carry_out(chatroom_request *request);

#endif
