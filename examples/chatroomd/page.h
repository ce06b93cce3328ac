/*
 * page.h: the files of the web page, as the transport serves them.
 *
 * Their bytes are in the program. One more, /config.json, is written at start: it tells the page the stage, the mode
 * and the version, so that no file needs to be changed for it.
 */
#ifndef CHATROOMD_PAGE_H
#define CHATROOMD_PAGE_H

#include <chatroom/backend/ws_epoll.h>
#include <chatroom/chat.h>

/* A file that the build put into the program; see embed.py. */
struct page_embedded {
    const char *name; /* "index.html" */
    const unsigned char *bytes;
    size_t size;
};
extern const struct page_embedded page_embedded[];
extern const size_t page_embedded_count;

#define PAGE_FILES_MOST 16

struct page {
    struct chatroom_ws_file files[PAGE_FILES_MOST];
    size_t count;
    char paths[PAGE_FILES_MOST][64];
    char config[512];
};

/* Fills ret_page, which points into itself and the program: it must stay where it is while the transport lives. */
void page_init(struct page *ret_page, const char *stage, enum chatroom_chat_mode mode, size_t message_bytes);

#endif
