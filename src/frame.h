/*
 * frame.h: how a message becomes a frame (transport.h says what one is).
 *
 * Server frames are not masked, so the bytes are the same for everyone: header and payload are laid down once.
 */
#ifndef CR_FRAME_H
#define CR_FRAME_H

#include <chatroom/transport.h>

/*
 * A frame with a copy of payload and one reference. frame_bytes > 0 cuts it into fragments with at most that much
 * payload. alloc is copied: it must work for as long as the frame lives. NULL: out of memory.
 */
chatroom_frame *cr_frame_new(const struct chatroom_alloc *alloc, enum chatroom_message_kind kind, chatroom_span payload,
                             size_t frame_bytes);

#endif
