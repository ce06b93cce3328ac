/*
 * gateway.h: the sections of the INI file as plain structs: what comes from where, and who may do what.
 *
 * Values are checked as they are read, whole sections when they end, and what they say of each other when the file
 * does. What only the library knows (is this a policy, a selection expression, a URL) it says when integrations.h binds
 * it. docs/operator.md has the list of sections and keys.
 */
#ifndef CHATROOMD_GATEWAY_H
#define CHATROOMD_GATEWAY_H

#include "pool.h"
#include "value.h"

#include <chatroom/base.h>

#define GATEWAY_LISTEN_MOST    16
#define GATEWAY_VARIABLES_MOST 100
#define GATEWAY_SOURCES_MOST   16
#define GATEWAY_MAPS_MOST      64
#define GATEWAY_RESPONSES_MOST 32
#define GATEWAY_KEYS_MOST      32 /* of one kind of section */

enum gateway_kind {
    GATEWAY_MANAGEMENT,
    GATEWAY_CREDENTIAL,
    GATEWAY_VARIABLES,
    GATEWAY_DOMAIN,
    GATEWAY_API_KEYS,
    GATEWAY_API_KEY,
    GATEWAY_AUTHORIZER,
    GATEWAY_ROUTE,
    GATEWAY_REMOTE,
    GATEWAY_KINDS,
};

/* What all sections begin with. */
struct gateway_section {
    struct gateway_section *next; /* of its kind, in the file's order */
    enum gateway_kind kind;
    const char *title; /* "route hello", as between the brackets */
    const char *name;  /* "hello"; "" where the kind says it all */
    int line;
    int given[GATEWAY_KEYS_MOST]; /* by number of the key: the line where it stands first, or 0 */
};

struct gateway_management {
    struct gateway_section section;
    const char *listen[GATEWAY_LISTEN_MOST];
    size_t listen_count;
    int apart;
    int allow_unsigned_loopback;
    struct value_throttle throttle;
};

struct gateway_credential {
    struct gateway_section section; /* name: the access key */
    const char *secret;
    const char *token;  /* NULL: none */
    const char *policy; /* JSON; NULL: everything */
    const char *policy_file;
    int outgoing; /* signs calls of ours, and nobody else's */
};

struct gateway_pair {
    const char *name;
    const char *value;
};

struct gateway_variables {
    struct gateway_section section;
    struct gateway_pair items[GATEWAY_VARIABLES_MOST];
    size_t count;
};

struct gateway_domain {
    struct gateway_section section; /* name: the host */
    const char *key;                /* NULL: none */
};

struct gateway_api_keys {
    struct gateway_section section;
    int source; /* enum chatroom_api_key_source */
};

struct gateway_api_key {
    struct gateway_section section; /* name: its id */
    const char *value;
    struct value_throttle throttle;
};

/* A function. */
struct gateway_lambda {
    const char *endpoint; /* NULL: the cloud's */
    const char *function;
    const char *qualifier;  /* NULL: none */
    const char *credential; /* the access key that signs; NULL: nobody */
    const char *region;     /* NULL: as the library chooses */
    int serial;
};

/* 0: the library's */
struct gateway_limits {
    unsigned timeout_ms;
    unsigned calls;
    unsigned waiting;
    unsigned retries;
};

enum gateway_authorizer_type { GATEWAY_BY_LAMBDA = 1, GATEWAY_BY_SIGNATURES = 2 };

struct gateway_authorizer {
    struct gateway_section section;
    int type;
    struct gateway_lambda lambda;
    struct gateway_limits limits;
    const char *sources[GATEWAY_SOURCES_MOST];
    size_t source_count;
};

enum gateway_route_type { GATEWAY_LAMBDA = 1, GATEWAY_HTTP_PROXY = 2, GATEWAY_HTTP = 4, GATEWAY_MOCK = 8 };

struct gateway_response {
    const char *key;
    unsigned status;  /* 0: the server's own */
    const char *body; /* NULL: the server's own */
};

struct gateway_route {
    struct gateway_section section; /* name: the route key */
    int type;
    struct gateway_lambda lambda;
    const char *url;
    const char *method;       /* NULL: the library's */
    const char *content_type; /* NULL: the library's */
    struct gateway_pair maps[GATEWAY_MAPS_MOST];
    size_t map_count;
    struct gateway_response responses[GATEWAY_RESPONSES_MOST];
    size_t response_count;
    unsigned status; /* of a mock */
    const char *body;
    struct gateway_limits limits;
    int two_way;
    struct value_throttle throttle;
    struct value_throttle connection_throttle; /* a minute */
    const char *model;                         /* JSON; NULL: none */
    const char *model_file;
};

struct gateway_remote {
    struct gateway_section section;
    unsigned calls; /* 0: the library's; the same goes for those below */
    unsigned waiting;
    unsigned response_bytes;
    unsigned connect_ms;
    const char *ca_file;
};

struct gateway {
    struct pool pool; /* holds everything below */
    const char *file; /* for complaints */
    struct gateway_section *first[GATEWAY_KINDS];
    bool open_secret; /* a secret stands in the file, which everybody on the machine may read */
};

/* The first section of a kind, or NULL; the others come by section.next. */
#define GATEWAY_FIRST(gateway, type, kind) ((struct gateway_##type *)(void *)(gateway)->first[kind])
#define GATEWAY_NEXT(type, item)           ((struct gateway_##type *)(void *)(item)->section.next)

void gateway_fini(struct gateway *gateway);

/* Says no: "FILE:3: [route hello] url: what", without key if that is NULL. Returns false. */
bool gateway_refuse(const struct gateway *gateway, const struct gateway_section *section, int line, const char *key,
                    const char *what, struct chatroom_error *error);

/* The credential of that access key, or NULL. */
const struct gateway_credential *gateway_credential(const struct gateway *gateway, const char *access_key);

/* Does it keep to the quotas that profile = aws promises, 29 seconds a handler and 300 routes? False: refused. */
bool gateway_check_quotas(const struct gateway *gateway, struct chatroom_error *error);

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* While a file is read. The first refusal stands in error. */
struct gateway_reader {
    struct gateway *gateway;
    struct gateway_section *section; /* that is open, or NULL */
    bool open_file;                  /* everybody on the machine may read it */
    struct chatroom_error *error;
};

/* title is what stands between the brackets. False: refused. */
bool gateway_begin(struct gateway_reader *reader, int line, const char *title);

/* One line of the section that is open. */
bool gateway_take(struct gateway_reader *reader, int line, const char *name, const char *value);

/* At the end of the file: do they fit together? */
bool gateway_end(struct gateway_reader *reader);

#endif
