/*
 * chatroom.h: the whole library for those who use it. Who writes a store or a transport opens store.h or transport.h.
 *
 * Caveats first:
 *   - One thread owns an instance. Other threads may call what is marked "any thread", nothing else.
 *   - What a client was told is as safe as the store says: the memory store keeps nothing, the lmdb store's durability option
 *     decides what a crash can lose (docs/operator.md).
 *   - Queues are bounded. A client that does not read is dropped; one that sends too much is told so, then dropped.
 *   - In C++ the headers are C++17; the initialisers (CHATROOM_CONFIG and the like) name members, which is C++20.
 *   - Names are not accounts: whoever registers a name has it, as in the workshop. Authenticate on $connect.
 */
#ifndef CHATROOM_CHATROOM_H
#define CHATROOM_CHATROOM_H

#include <chatroom/base.h>
#include <chatroom/chat.h>
#include <chatroom/event.h>
#include <chatroom/host.h>
#include <chatroom/instance.h>
#include <chatroom/json.h>
#include <chatroom/management.h>
#include <chatroom/model.h>
#include <chatroom/names.h>
#include <chatroom/policy.h>
#include <chatroom/request.h>
#include <chatroom/room.h>
#include <chatroom/sigv4.h>

#endif
