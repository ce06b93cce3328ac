/*
 * section.h: which sections there are, which keys they have, and of which form these are.
 */
#ifndef CHATROOMD_SECTION_H
#define CHATROOMD_SECTION_H

#include "gateway.h"

#define ANY_TYPE 0u

enum section_form {
    FORM_TEXT,        /* const char *, not empty */
    FORM_MAYBE_TEXT,  /* const char *, perhaps empty */
    FORM_SECRET,      /* the same as FORM_TEXT, of which the file must take care */
    FORM_SECRET_FILE, /* const char *: what is in the file */
    FORM_TEXT_FILE,   /* const char *: what is in the file, of at most most bytes; and another behind it: its path */
    FORM_PATH,        /* const char *: as seen from here, readable */
    FORM_SWITCH,      /* int */
    FORM_CHOICE,      /* int */
    FORM_NUMBER,      /* unsigned, least to most */
    FORM_THROTTLE,    /* struct value_throttle */
    FORM_ADDRESSES,   /* const char *[most], and their size_t number behind it; the lists below alike */
    FORM_TEXTS,       /* const char *[most] */
    FORM_PAIRS,       /* struct gateway_pair[most] */
    FORM_RESPONSES,   /* struct gateway_response[most] */
};

struct section_key {
    const char *name; /* NULL ends a list */
    enum section_form form;
    size_t offset;  /* of the value in its section */
    unsigned types; /* of sections that may have it, as bits; or ANY_TYPE */
    unsigned least, most;
    const struct value_choice *choices;
};

struct section_kind {
    const char *word; /* "route" */
    bool named;       /* something follows it; else it stands once */
    size_t size;
    const struct section_key *keys; /* NULL: any, as variables */
    size_t type;                    /* offset of its int type, which it must have; or 0 */
};

extern const struct section_kind section_kinds[GATEWAY_KINDS];

/* The word of a type, "http_proxy". */
const char *section_type_word(const struct gateway_section *section);

/* The line of a key in this section; 0: it is not given. name must be one of its keys. */
int section_line(const struct gateway_section *section, const char *name);

/* Takes a value into a section; false with a complaint. */
bool section_set(struct gateway *gateway, struct gateway_section *section, const struct section_key *key,
                 const char *value, char *ret_complaint);

#endif
