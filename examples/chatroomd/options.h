/*
 * options.h: what the person who runs chatroomd asked for, from the command line and one INI file.
 *
 * The file takes the names of the flags: "--stage NAME" is "stage = NAME" there. Flags win; a --listen on the command
 * line replaces every listen of the file. Behind them, the file alone may have sections (gateway.h). Whatever is wrong
 * is refused with one sentence that names the option and, for the file, its line and section.
 */
#ifndef CHATROOMD_OPTIONS_H
#define CHATROOMD_OPTIONS_H

#include "gateway.h"
#include "value.h"

#include <chatroom/backend/lmdb.h>
#include <chatroom/chatroom.h>

#define OPTIONS_LIST_MOST 16

enum options_wish {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

/* How closely the data is looked at before it is opened. */
enum options_verify {
    OPTIONS_VERIFY_QUICK, /* the structure, for half a second at most */
    OPTIONS_VERIFY_FULL,  /* ... and every record, however long that takes */
    OPTIONS_VERIFY_OFF,
};

/* What may be given several times. */
struct options_list {
    char *items[OPTIONS_LIST_MOST];
    size_t count;
};

struct options {
    enum options_wish wish;
    char *config;                /* NULL: none */
    struct options_list listen;  /* at least 1 after options_read() */
    struct options_list origins; /* web pages elsewhere that may connect; "*": any */
    char *data;
    bool memory;
    char *stage;
    enum chatroom_chat_mode mode;
    bool keep_empty_rooms;
    bool no_rate_limits;
    unsigned threads; /* for the connections; 0: none of their own */
    bool aws;
    enum chatroom_durability durability;
    enum options_verify verify;
    unsigned reserve_mib; /* what must stay free on the disk of the data; 0: nothing need */
    enum chatroom_log_level log_level;
    bool chat; /* the chat's routes are there, and its page; unless somebody says so, when the file has no routes */
    char *route_selection;    /* NULL: the library's; the same goes for those below */
    int route_selection_line; /* of the file, for what only the library can refuse; 0: the command line */
    char *api_id;
    char *region;
    char *account_id;
    char *domain;
    bool secure;
    struct value_throttle throttle; /* of the stage */
    char *metrics;                  /* path of the counters; NULL: none */
    char *access_log;               /* format; NULL: none */
    int access_log_line;            /* as above */
    char *access_log_file;          /* NULL: into the log */
    bool debug_refusals;
    bool verify_store;      /* says whether the data is sound, and ends */
    bool check;             /* says whether all this is good, and ends */
    struct gateway gateway; /* the sections of the file */
};

/*
 * Reads both. With false, ret_error holds one sentence without newline and *ret_options needs no options_fini(). The
 * first
 * --help or --version wins over everything that comes after it. Not for two threads at a time: getopt_long() has state.
 */
bool options_read(int argc, char **argv, struct options *ret_options, struct chatroom_error *ret_error);

void options_fini(struct options *options);

/* Says no to an option when more is known, as options_read() does: line 0 is the command line. Returns code. */
int options_refuse(const struct options *options, int line, const char *name, int code, const char *what,
                   struct chatroom_error *ret_error);

#endif
