/*
 * log.h: one JSON object a line on standard error.
 *
 *     {"time":"2026-11-23T09:05:01.250Z","level":"info","event":"connect","connection":"JC1dgf9yoAMCK-g="}
 *
 * What a peer sent is escaped, so that no line can be forged and no terminal driven, and cut to 256 bytes. Writing
 * never waits: when the reader of a pipe does not keep up, lines are dropped, and the next one that gets through is
 * preceded by
 * {"event":"log_lost"} with their number. When standard error is the journal (JOURNAL_STREAM names it), each line
 * begins with its priority, "<6>", which the journal takes off again.
 */
#ifndef CHATROOMD_LOG_H
#define CHATROOMD_LOG_H

#include <chatroom/base.h>

#include <pthread.h>

#define LOG_TEXT_BYTES 256  /* of one text, escapes counted */
#define LOG_LINE_BYTES 4096 /* PIPE_BUF: what a pipe takes whole or not at all */

struct log {
    pthread_mutex_t lock;
    enum chatroom_log_level level;
    int fd;
    bool owned;   /* fd is a description of our own, opened without waiting */
    bool socket;  /* fd is a socket: send() */
    bool journal; /* "<N>" in front */
    bool torn;    /* the last line did not leave whole */
    uint64_t lost;
};

/* fd is borrowed until log_fini(); journal_stream is the value of JOURNAL_STREAM or NULL. */
void log_init(struct log *log, int fd, enum chatroom_log_level level, const char *journal_stream);
void log_fini(struct log *log);

/* A chatroom_log_fn; arg is the struct log. Any thread. */
void log_event(void *arg, enum chatroom_log_level level, const char *event, const struct chatroom_log_field *fields,
               size_t count);

/* The same for one text that may be long: it is cut only where the line is full. */
void log_long(struct log *log, enum chatroom_log_level level, const char *event, const char *key, chatroom_span text);

/* Writes text into buffer as the inside of a JSON string, at most size bytes, whole characters only; their number. */
size_t log_escape(char *buffer, size_t size, chatroom_span text);

#endif
