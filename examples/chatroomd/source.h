/*
 * source.h: one of the two places that options come from, the command line or the file, while it is read.
 *
 * Values are checked as they are taken, one after another; then whether they go together. The first refusal of a source
 * stands in its error.
 */
#ifndef CHATROOMD_SOURCE_H
#define CHATROOMD_SOURCE_H

#include "options.h"

/* What getopt_long() returns for each. */
enum option_name {
    CONFIG = 1,
    LISTEN,
    ORIGIN,
    DATA,
    MEMORY,
    STAGE,
    MODE,
    KEEP_EMPTY_ROOMS,
    NO_RATE_LIMITS,
    THREADS,
    PROFILE,
    DURABILITY,
    VERIFY,
    RESERVE,
    LOG_LEVEL,
    CHAT,
    ROUTE_SELECTION,
    API_ID,
    REGION,
    ACCOUNT_ID,
    DOMAIN_NAME,
    SECURE,
    THROTTLE,
    METRICS,
    ACCESS_LOG,
    ACCESS_LOG_FILE,
    DEBUG_REFUSALS,
    VERIFY_STORE,
    CHECK,
    HELP,
    VERSION,
    OPTION_COUNT,
};

/* The command line or the file: each is read into one of these, then they are laid over each other. */
struct source {
    struct options values;
    int given[OPTION_COUNT]; /* the line it stands on; 1 on the command line; 0: not given */
    const char *file;        /* NULL: the command line */
    int line;
    struct chatroom_error *error;
};

/* Say no; both return false. A sentence is told as it is, a what gets "FILE:3: stage: " or "--stage: " in front. */
bool source_refuse(struct source *s, const char *sentence);
bool source_refuse_option(struct source *s, const char *name, const char *what);

/* Takes one option; "yes" is the value of a flag that has none. */
bool source_take(struct source *s, enum option_name option, const char *name, const char *value);

/* Refuses what contradicts itself within this source: a flag may well overrule what the file says. */
bool source_check(struct source *s);

/* Refuses what contradicts itself now that o is what both say. */
bool source_check_both(struct source *file, struct source *flags, const struct options *o);

/* Moves a value that was given in s over that of options. */
void source_move(struct source *s, enum option_name option, struct options *options);

#endif
