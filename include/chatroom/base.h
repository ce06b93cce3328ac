/*
 * base.h: the few words that every other header uses: bytes, results, time, memory, log.
 *
 * Three words for who owns bytes, always these:
 *   borrowed  valid for the duration of the call that hands them over;
 *   shared    the receiver takes a reference of its own;
 *   given     the receiver owns them from then on.
 */
#ifndef CHATROOM_BASE_H
#define CHATROOM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CHATROOM_API __attribute__((visibility("default")))
#else
#define CHATROOM_API
#endif

#define CHATROOM_VERSION "0.1.0"

/* The version of the library that was linked, as "MAJOR.MINOR.PATCH". Static. Any thread. */
CHATROOM_API const char *chatroom_version(void);

/* One chat server inside this process: gateway, sessions, rooms. Several work side by side. See instance.h. */
typedef struct chatroom chatroom;

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

/* A counted run of bytes, usually UTF-8 text. Never terminated by NUL; bytes may be NULL when size is 0. */
typedef struct chatroom_span {
    const char *bytes;
    size_t size;
} chatroom_span;

/* A span over a C string, which it borrows. NULL gives the empty span. */
static inline chatroom_span chatroom_str(const char *text)
{
    chatroom_span span = {text, text ? strlen(text) : 0};
    return span;
}

/* A span over size bytes, which it borrows. */
static inline chatroom_span chatroom_bytes(const void *bytes, size_t size)
{
    chatroom_span span = {(const char *)bytes, size};
    return span;
}

static inline bool chatroom_span_equal(chatroom_span a, chatroom_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

/*
 * Every result is CHATROOM_OK or one of these negative codes. X(name, value, word, sentence): the word is the stable
 * "code" of an error message to a client, the sentence its text for people.
 */
#define CHATROOM_RESULTS(X)                                                                                            \
    X(OK, 0, "ok", "Done.")                                                                                            \
    X(EINVAL, -1, "invalid", "An argument is not valid.")                                                              \
    X(ENOMEM, -2, "out_of_memory", "There is not enough memory.")                                                      \
    X(EAGAIN, -3, "busy", "The server is too busy to take this now; try again.")                                       \
    X(EGONE, -4, "gone", "The connection is not there any more.")                                                      \
    X(EEXIST, -5, "exists", "It exists already.")                                                                      \
    X(ENOENT, -6, "not_found", "There is no such thing.")                                                              \
    X(EBUSY, -7, "in_use", "It is in use by another process.")                                                         \
    X(EFORMAT, -8, "format", "The data is not in a format this version reads.")                                        \
    X(ECORRUPT, -9, "corrupt", "Stored data is damaged; it was not used.")                                             \
    X(ENOSPC, -10, "storage_full", "The server's storage is full; nothing was stored.")                                \
    X(EIO, -11, "storage_failed", "The server could not store this.")                                                  \
    X(EUNSURE, -12, "outcome_unknown", "The server cannot tell whether this was stored.")                              \
    X(ECLOSED, -13, "closing", "The server is shutting down.")                                                         \
    X(EACCES, -14, "denied", "Permission denied.")                                                                     \
    X(EADDRINUSE, -15, "address_in_use", "The address is in use.")                                                     \
    X(ETOOBIG, -16, "too_big", "It is too big.")                                                                       \
    X(EJSON, -17, "bad_json", "The message is not valid JSON.")                                                        \
    X(EAMBIGUOUS, -18, "ambiguous", "A name stands twice in the message.")                                             \
    X(ETYPE, -19, "wrong_type", "A value has the wrong type.")                                                         \
    X(EREFUSED, -20, "refused", "The request was refused.")                                                            \
    X(ETIMEDOUT, -21, "timeout", "The request took too long.")                                                         \
    X(ELIMIT, -22, "rate_limited", "Too many messages; slow down.")                                                    \
    X(ESYSTEM, -23, "system", "The operating system refused.")                                                         \
    X(EADDRNOTAVAIL, -24, "address_unavailable", "The address is not one of this machine.")                            \
    X(EADDRDENIED, -25, "address_denied", "Listening on the address is not permitted.")                              \
    X(EALIKE, -26, "look_alike_name", "The name looks like another one that is in use: write it in that way, or choose a different one.") \
    X(EBODY, -27, "bad_body", "The message does not have the shape that its route wants.")                           \
    X(EDENIED, -28, "not_granted", "The route may not do that.")                                                      \
    X(EFAILED, -29, "integration_failed", "What the route calls failed.")

enum chatroom_result {
#define CHATROOM_RESULT_ENUM(name, value, word, sentence) CHATROOM_##name = value,
    CHATROOM_RESULTS(CHATROOM_RESULT_ENUM)
#undef CHATROOM_RESULT_ENUM
};

/* The sentence or the word of a code; those of "unknown" for a number that is none. Static. Any thread. */
CHATROOM_API const char *chatroom_strerror(int result);
CHATROOM_API const char *chatroom_errword(int result);

/* What constructors say beside the code: one sentence for a person, without newline, naming the thing that failed. */
struct chatroom_error {
    int code;
    char text[256];
};

/* Sets both; cuts text at a code point. error may be NULL. Returns code, so that it can end a function. Any thread. */
CHATROOM_API int chatroom_error_set(struct chatroom_error *error, int code, const char *text);

/* ---- time ------------------------------------------------------------------------------------------------------- */

/* The time, read once by the host and passed down; nothing below reads a clock. */
struct chatroom_now {
    uint64_t mono_ns; /* monotonic, arbitrary origin: time-outs */
    int64_t wall_ms;  /* Unix time in milliseconds: what people see; may jump */
};

#define CHATROOM_NEVER UINT64_MAX /* a deadline (mono_ns) that does not come */

/* ---- memory ----------------------------------------------------------------------------------------------------- */

/*
 * An allocator. resize() behaves as realloc(): NULL memory allocates, size 0 frees and returns NULL, NULL means out of
 * memory and leaves the old block as it was. old_size is what was asked for before (0 for NULL). Must be callable from any
 * thread when a backend with threads is used. Alignment as malloc().
 */
struct chatroom_alloc {
    void *(*resize)(void *arg, void *memory, size_t old_size, size_t size);
    void *arg;
};

/* ---- log -------------------------------------------------------------------------------------------------------- */

enum chatroom_log_level {
    CHATROOM_LOG_ERROR = 3, /* syslog's numbers */
    CHATROOM_LOG_WARN = 4,
    CHATROOM_LOG_INFO = 6,
    CHATROOM_LOG_DEBUG = 7,
};

/* One key of a log event. text.bytes == NULL means that number is the value. */
struct chatroom_log_field {
    const char *key; /* static, [a-z_]+ */
    chatroom_span text;
    int64_t number;
};

#define CHATROOM_TEXT(name, span) {(name), (span), 0}
#define CHATROOM_NUMBER(name, value) {(name), {NULL, 0}, (int64_t)(value)}

/*
 * Receives one event: its name ("connect", "store_failed"; static) and its fields, all borrowed. Text may come from a peer:
 * the receiver escapes and cuts it. Must not call the library. Called on whatever thread has something to say.
 */
typedef void chatroom_log_fn(void *arg, enum chatroom_log_level level, const char *event,
                             const struct chatroom_log_field *fields, size_t count);

/* ---- hash ------------------------------------------------------------------------------------------------------- */

/*
 * SipHash-1-3 of data under a 16 byte key (Aumasson and Bernstein, 2012). For tables whose keys come from strangers, keyed
 * from the system's random source; with a fixed key, a checksum against accidents. Any thread.
 */
CHATROOM_API uint64_t chatroom_hash(const uint8_t key[16], const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
