/*
 * http_text.h: requests of tests as text: "METHOD TARGET", a line a header, an empty line, the body. Line feeds alone
 * end lines, and what is not in the form is taken as it comes: nothing is refused.
 */
#ifndef HTTP_TEXT_H
#define HTTP_TEXT_H

#include <chatroom/sigv4.h>

#define HTTP_TEXT_HEADERS 80 /* more than are verified */

/* Must not move: request points into it, and borrows the text. */
struct http_text {
    struct chatroom_header headers[HTTP_TEXT_HEADERS];
    struct chatroom_sigv4_request request;
};

/* Up to the separator, which is passed over. */
static inline chatroom_span http_text_take(chatroom_span *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->bytes, separator, rest->size) : NULL;
    chatroom_span part = chatroom_bytes(rest->bytes, end ? (size_t)(end - rest->bytes) : rest->size);
    size_t used = part.size + (end != NULL);

    rest->bytes += used;
    rest->size -= used;
    return part;
}

static inline void http_text_read(struct http_text *http, chatroom_span text)
{
    struct chatroom_sigv4_request *request = &http->request;
    chatroom_span line = http_text_take(&text, '\n');

    request->method = http_text_take(&line, ' ');
    request->target = line;
    request->headers = http->headers;
    request->header_count = 0;
    while ((line = http_text_take(&text, '\n')).size > 0 && request->header_count < HTTP_TEXT_HEADERS) {
        struct chatroom_header *header = &http->headers[request->header_count++];

        header->name = http_text_take(&line, ':');
        header->value = line;
    }
    request->body = text;
}

#endif
