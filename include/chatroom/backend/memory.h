/*
 * memory.h: a store that keeps everything in memory and nothing beyond the process. Completes inside each call.
 */
#ifndef CHATROOM_BACKEND_MEMORY_H
#define CHATROOM_BACKEND_MEMORY_H

#include <chatroom/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes one, for chatroom_config.store. Errors: ENOMEM, ESYSTEM no random bytes. */
CHATROOM_API int chatroom_memory_store(struct chatroom_store *ret_store);

#ifdef __cplusplus
}
#endif

#endif
