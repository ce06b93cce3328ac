/*
 * access.h: where the lines of the access log go: to the end of a file, or into the log as events "access".
 *
 * A file is written a whole line at a time, so that what rotates it by copying and truncating loses no part of one. A
 * line that it does not take is lost; the log says so once, and how many when lines get through again.
 */
#ifndef CHATROOMD_ACCESS_H
#define CHATROOMD_ACCESS_H

#include "log.h"

struct access_log {
    struct log *log;
    int fd; /* -1: the log */
    uint64_t lost;
};

/* file NULL: the log, which is borrowed. Errors: EACCES with a sentence. access_log_fini() in any case. */
int access_log_init(struct access_log *access, struct log *log, const char *file, struct chatroom_error *error);
void access_log_fini(struct access_log *access);

/* A chatroom_access_fn; arg is the struct access_log. */
void access_log_write(void *arg, chatroom_span line);

#endif
