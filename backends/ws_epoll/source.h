/* source.h: what an event of epoll points at: the first member of what it is about. */
#ifndef WS_SOURCE_H
#define WS_SOURCE_H

#include <stdint.h>

enum ws_source_kind { WS_SOURCE_WAKE, WS_SOURCE_LISTENER, WS_SOURCE_CONNECTION };

struct ws_source {
    uint8_t kind;
};

#endif
