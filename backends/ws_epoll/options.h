/* options.h: the options of a transport, checked, copied and with their defaults worked out. */
#ifndef WS_OPTIONS_H
#define WS_OPTIONS_H

#include "assembler.h"
#include "origin.h"

#include <chatroom/backend/ws_epoll.h>

#define WS_THREADS_MOST     64
#define WS_FILE_FIELDS_MOST 2048 /* octets of header lines of a file */

/* Copies them; what they say "copied" of is ours, the rest stays borrowed. Errors: EINVAL with a sentence, ENOMEM. */
int ws_options_copy(const struct chatroom_ws_epoll_options *options, struct chatroom_ws_epoll_options *ret_options,
                    struct chatroom_error *error);
void ws_options_fini(struct chatroom_ws_epoll_options *options);

/* May so much more be offered to one for whom so much is queued? Both as they are charged. */
static inline bool ws_offer_fits(const struct chatroom_ws_epoll_options *options, size_t queued, size_t more)
{
    size_t most = options->queue_soft_bytes < options->queue_bytes ? options->queue_soft_bytes : options->queue_bytes;

    return more <= most && queued <= most - more;
}

#endif
