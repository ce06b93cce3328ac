#include "copy.h"

size_t ws_headers_size(const struct chatroom_header *headers, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += headers[i].name.size + headers[i].value.size;
    return size;
}

void ws_copy_headers(char **at, const struct chatroom_header *headers, size_t count, struct chatroom_header *ret_copy)
{
    for (size_t i = 0; i < count; i++) {
        ret_copy[i].name = ws_copy(at, headers[i].name);
        ret_copy[i].value = ws_copy(at, headers[i].value);
    }
}

size_t ws_head_size(const struct chatroom_request_head *head)
{
    return head->target.size + head->source_ip.size + ws_headers_size(head->headers, head->header_count);
}

struct chatroom_request_head ws_copy_head(char **at, const struct chatroom_request_head *head,
                                          struct chatroom_header *ret_headers)
{
    struct chatroom_request_head copy = {.headers = ret_headers, .header_count = head->header_count};

    copy.target = ws_copy(at, head->target);
    copy.source_ip = ws_copy(at, head->source_ip);
    ws_copy_headers(at, head->headers, head->header_count, ret_headers);
    return copy;
}
