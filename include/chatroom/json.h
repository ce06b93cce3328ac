/*
 * json.h: read and write JSON (RFC 8259) without allocating.
 *
 * The reader validates a whole text once, strictly: no byte order mark, no trailing data, no lone surrogate, no bad UTF-8,
 * no nesting beyond CHATROOM_JSON_DEPTH. What it hands out are spans of that text: a value is its own raw JSON, which can be
 * spliced into another text as it is. The writer fills memory of the caller's and remembers if it did not fit.
 *
 * Nothing here keeps state between calls. Any thread.
 */
#ifndef CHATROOM_JSON_H
#define CHATROOM_JSON_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHATROOM_JSON_DEPTH 64 /* arrays and objects inside each other, the outermost counted */

enum chatroom_json_type {
    CHATROOM_JSON_NONE, /* missing */
    CHATROOM_JSON_NULL,
    CHATROOM_JSON_FALSE,
    CHATROOM_JSON_TRUE,
    CHATROOM_JSON_NUMBER,
    CHATROOM_JSON_STRING,
    CHATROOM_JSON_ARRAY,
    CHATROOM_JSON_OBJECT,
};

/* A value inside a text: raw is its JSON as received, quotes included, borrowed from the text. */
struct chatroom_json_value {
    enum chatroom_json_type type;
    bool escaped; /* STRING: raw holds at least one backslash */
    chatroom_span raw;
};

/* A member of an object: the name without its quotes, escapes not resolved. */
struct chatroom_json_member {
    chatroom_span name;
    bool name_escaped;
    struct chatroom_json_value value;
};

/*
 * Validates text. When its outermost value is an object, stores its first capacity members and the number of all of them in
 * *ret_count; else *ret_count is 0. ret_value (may be NULL) receives the outermost value.
 * Errors: CHATROOM_EJSON; then nothing is written.
 */
CHATROOM_API int chatroom_json_scan(chatroom_span text, struct chatroom_json_value *ret_value,
                                    struct chatroom_json_member *members, size_t capacity, size_t *ret_count);

/*
 * The value of the member called name (decoded, as UTF-8) of object, which must be the raw text of a valid one. Missing gives
 * CHATROOM_JSON_NONE and CHATROOM_OK. Errors: CHATROOM_EAMBIGUOUS the name stands twice; CHATROOM_ETYPE not an object.
 */
CHATROOM_API int chatroom_json_get(chatroom_span object, chatroom_span name, struct chatroom_json_value *ret_value);

/*
 * The text of a STRING value with its escapes resolved, as UTF-8. Without escapes *ret_text points into the value; else into
 * buffer, which must hold value->raw.size bytes. Errors: CHATROOM_ETYPE not a string.
 */
CHATROOM_API int chatroom_json_text(const struct chatroom_json_value *value, char *buffer, chatroom_span *ret_text);

/* Whether value is a STRING that reads, its escapes resolved, as text. */
CHATROOM_API bool chatroom_json_is_text(const struct chatroom_json_value *value, chatroom_span text);

/* The outermost value of a text that is known to be valid. */
CHATROOM_API struct chatroom_json_value chatroom_json_value(chatroom_span text);

/*
 * A walk over the elements of an array, or the members of an object, in the order in which they stand:
 *
 *     struct chatroom_json_walk walk = chatroom_json_each(array.raw);
 *     while (chatroom_json_next(&walk, &member))
 *         ...member.value...
 *
 * raw must be the raw text of a valid value; one that is neither array nor object has nothing to walk over. An element's name
 * is empty. To reach the n-th one is to pass over all before it.
 */
struct chatroom_json_walk {
    const char *at, *end; /* what is left */
    char bracket;         /* that ends it; '\0' at the end */
    bool started;
};

CHATROOM_API struct chatroom_json_walk chatroom_json_each(chatroom_span raw);
CHATROOM_API bool chatroom_json_next(struct chatroom_json_walk *walk, struct chatroom_json_member *ret_member);

/* ---- writer ----------------------------------------------------------------------------------------------------- */

/*
 * Writes into bytes[capacity] and puts commas where they belong. size counts what was asked for, even past the end: a text is
 * whole when chatroom_json_done() says so. Names and order are the caller's; nesting up to CHATROOM_JSON_DEPTH.
 */
struct chatroom_json {
    char *bytes;
    size_t capacity;
    size_t size;
    unsigned depth;
    bool comma; /* the next value in this array or object needs one */
};

static inline struct chatroom_json chatroom_json_on(char *bytes, size_t capacity)
{
    struct chatroom_json json = {bytes, capacity, 0, 0, false};
    return json;
}

CHATROOM_API void chatroom_json_open(struct chatroom_json *json, char bracket);  /* '{' or '[' */
CHATROOM_API void chatroom_json_close(struct chatroom_json *json, char bracket); /* '}' or ']' */
/* A member's name: a C string that needs no escaping. Its value comes next. */
CHATROOM_API void chatroom_json_name(struct chatroom_json *json, const char *name);
/* A string value from UTF-8 text, escaped: ", \, control characters, and U+2028 and U+2029 for the sake of old scripts. */
CHATROOM_API void chatroom_json_string(struct chatroom_json *json, chatroom_span text);
CHATROOM_API void chatroom_json_number(struct chatroom_json *json, int64_t number);
/* A value that is valid JSON already. */
CHATROOM_API void chatroom_json_raw(struct chatroom_json *json, chatroom_span raw);
/* The same bytes, without a comma or a check: for texts whose layout is fixed by a protocol. */
CHATROOM_API void chatroom_json_literal(struct chatroom_json *json, chatroom_span text);
/* What chatroom_json_string() writes between the quotes. */
CHATROOM_API void chatroom_json_escaped(struct chatroom_json *json, chatroom_span text);
/* The text of a STRING value, its escapes resolved, without quotes, comma or check: for texts that are not JSON. */
CHATROOM_API void chatroom_json_decoded(struct chatroom_json *json, const struct chatroom_json_value *value);

/* An upper bound of what chatroom_json_string() writes for that many bytes. */
#define CHATROOM_JSON_STRING_BOUND(size) ((size) * 6 + 3)

/* True, and the text, if everything fitted; false leaves *ret_text alone, and json->size tells how much it would have taken. */
static inline bool chatroom_json_done(const struct chatroom_json *json, chatroom_span *ret_text)
{
    if (json->size > json->capacity)
        return false;
    *ret_text = chatroom_bytes(json->bytes, json->size);
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
