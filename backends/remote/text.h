/*
 * text.h: a text that grows, and remembers if it could not. Ended by NUL, for libcurl's sake.
 */
#ifndef REMOTE_TEXT_H
#define REMOTE_TEXT_H

#include <chatroom/base.h>

struct remote_text {
    const struct chatroom_alloc *alloc;
    char *bytes; /* NULL: nothing was added yet */
    size_t size; /* without the NUL */
    size_t capacity;
    bool failed; /* out of memory: what was added since is lost */
};

static inline struct remote_text remote_text_on(const struct chatroom_alloc *alloc)
{
    struct remote_text text = {alloc, NULL, 0, 0, false};
    return text;
}

void remote_text_fini(struct remote_text *text);

/* Makes it empty and whole again; keeps the memory. */
void remote_text_clear(struct remote_text *text);

/* Room for size more bytes, which the caller writes to text->bytes + text->size. False: out of memory. */
bool remote_text_reserve(struct remote_text *text, size_t size);

void remote_text_add(struct remote_text *text, chatroom_span bytes);
void remote_text_add_str(struct remote_text *text, const char *string);
void remote_text_add_number(struct remote_text *text, int64_t number);

/* All but the unreserved characters of RFC 3986 as %XX: for a segment of a path, a name or a value of a query. */
void remote_text_add_encoded(struct remote_text *text, chatroom_span bytes);

/* With a space for each control character: RFC 9110, 5.5. */
void remote_text_add_field(struct remote_text *text, chatroom_span value);

static inline chatroom_span remote_text_span(const struct remote_text *text)
{
    return chatroom_bytes(text->bytes, text->size);
}

/* ---- options ---- */

/*
 * Copies a struct that begins with its size, which an older or newer program may have set, into a zeroed one of ours.
 * False: NULL, or no size.
 */
bool remote_take_options(void *own, size_t own_size, const void *options);

/* ---- blocks ---- */

/* Zeroed. NULL: out of memory. */
void *remote_alloc(const struct chatroom_alloc *alloc, size_t size);
void remote_free(const struct chatroom_alloc *alloc, void *memory, size_t size);

/* A C string. NULL: out of memory. It is freed with remote_free_string(), which takes NULL. */
char *remote_copy_string(const struct chatroom_alloc *alloc, chatroom_span bytes);
void remote_free_string(const struct chatroom_alloc *alloc, char *string);

#endif
