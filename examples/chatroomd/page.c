#include "page.h"

#include <assert.h>
#include <stdio.h>

/*
 * The page gets nothing from elsewhere and runs nothing that is not in app.js; 'self' covers the WebSocket as well (CSP
 * 3, 6.7.2.8). Names and messages come from strangers: should one ever reach HTML, nothing of it may run.
 */
#define HARDENING                                                                                        \
    "Cache-Control: no-cache\r\n"                                                                        \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                  \
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"                                       \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                        \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                                      \
    "Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n"                                   \
    "Referrer-Policy: no-referrer\r\n"

static const struct {
    const char *ending;
    const char *headers;
} types[] = {
    {".html", "Content-Type: text/html; charset=utf-8\r\n" HARDENING},
    {".js", "Content-Type: text/javascript; charset=utf-8\r\n" HARDENING},
    {".css", "Content-Type: text/css; charset=utf-8\r\n" HARDENING},
    {".svg", "Content-Type: image/svg+xml\r\n" HARDENING},
    {".json", "Content-Type: application/json\r\n" HARDENING},
};

static const char *headers_of(const char *name)
{
    const char *ending = strrchr(name, '.');

    for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].ending, ending) == 0)
            return types[i].headers;
    return HARDENING;
}

static void add(struct page *p, const char *name, const void *bytes, size_t size)
{
    char *path = p->paths[p->count];

    assert(p->count < PAGE_FILES_MOST);
    snprintf(path, sizeof p->paths[0], "/%s", strcmp(name, "index.html") == 0 ? "" : name);
    p->files[p->count].path = path;
    p->files[p->count].headers = headers_of(name);
    p->files[p->count].bytes = bytes;
    p->files[p->count].size = size;
    p->count++;
}

static const char *mode_word(enum chatroom_chat_mode mode)
{
    return mode == CHATROOM_CHAT_SIMPLE ? "simple" : mode == CHATROOM_CHAT_BOTH ? "both" : "full";
}

void page_init(struct page *ret_page, const char *stage, enum chatroom_chat_mode mode, size_t message_bytes)
{
    int size;

    memset(ret_page, 0, sizeof *ret_page);
    for (size_t i = 0; i < page_embedded_count; i++)
        add(ret_page, page_embedded[i].name, page_embedded[i].bytes, page_embedded[i].size);
    /* A stage is letters, digits, _ and -: nothing to escape. */
    size = snprintf(ret_page->config, sizeof ret_page->config,
                    "{\"stage\":\"%.128s\",\"mode\":\"%s\",\"bytes\":%zu,\"version\":\"%.32s\"}\n", stage,
                    mode_word(mode), message_bytes, chatroom_version());
    add(ret_page, "config.json", ret_page->config, (size_t)size);
}
