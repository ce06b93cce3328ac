/* copy.h: what goes to another thread is copied, its octets one behind the other into memory that was measured before.
 */
#ifndef WS_COPY_H
#define WS_COPY_H

#include <chatroom/transport.h>

/* Copies text to *at, and moves *at behind it. Keeps apart what is empty and what is not there. */
static inline chatroom_span ws_copy(char **at, chatroom_span text)
{
    chatroom_span copy = {text.bytes ? *at : NULL, text.size};

    if (text.bytes)
        memcpy(*at, text.bytes, text.size);
    *at += text.size;
    return copy;
}

size_t ws_headers_size(const struct chatroom_header *headers, size_t count);
void ws_copy_headers(char **at, const struct chatroom_header *headers, size_t count, struct chatroom_header *ret_copy);

/* The same of a head, its headers apart. */
size_t ws_head_size(const struct chatroom_request_head *head);
struct chatroom_request_head ws_copy_head(char **at, const struct chatroom_request_head *head,
                                          struct chatroom_header *ret_headers);

#endif
