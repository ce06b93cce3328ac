/* schema.h: a JSON Schema as a model keeps it: read once by model.c, followed by schema.c for every message. */
#ifndef CR_SCHEMA_H
#define CR_SCHEMA_H

#include "place.h"

#include <chatroom/json.h>
#include <chatroom/model.h>

enum cr_type {
    CR_NULL = 1,
    CR_BOOLEAN = 2,
    CR_INTEGER = 4,
    CR_NUMBER = 8,
    CR_STRING = 16,
    CR_ARRAY = 32,
    CR_OBJECT = 64,
};

/* Their words, in the order of their bits. */
extern const char *const cr_type_words[];
#define CR_TYPES 7

#define CR_NAME_MOST  512 /* bytes of a member's name in a schema */
#define CR_NAME_SHOWN 64  /* bytes of it in a sentence */

#define CR_ANYTHING UINT32_MAX       /* instead of the number of a schema */
#define CR_NOTHING  (UINT32_MAX - 1) /* the same: no value will do */

/* A member that properties or required speaks of. */
struct cr_property {
    chatroom_span name; /* decoded */
    uint32_t schema;    /* CR_NOTHING: required alone names it, and additionalProperties holds for it */
    bool required;
};

/* One of an enum. */
struct cr_choice {
    enum chatroom_json_type type;
    chatroom_span text; /* STRING: decoded; NUMBER: its token */
};

struct cr_schema {
    unsigned types; /* 0: any */
    uint32_t first_choice, choice_count;
    uint32_t first_property, property_count; /* in the order of cr_property_order() */
    uint32_t additional, items;              /* schemas */
    uint32_t min_items, max_items, min_length, max_length;
    chatroom_span minimum, maximum;    /* tokens; empty: none */
    bool above_minimum, below_maximum; /* they themselves will not do */
};

struct cr_schemas {
    struct cr_schema *schemas; /* the first is the outermost */
    struct cr_property *properties;
    struct cr_choice *choices;
};

/* Shorter names come first. */
int cr_property_order(chatroom_span a, chatroom_span b);

/* Those of one object. NULL: there is none of that name. */
struct cr_property *cr_property_find(struct cr_property *properties, size_t count, chatroom_span name);

/* Errors: EINVAL, told in error. */
int cr_schema_check(const struct cr_schemas *all, const struct chatroom_json_value *value,
                    struct chatroom_error *error);

#endif
