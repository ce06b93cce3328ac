/*
 * fake.h: an HTTP server inside a test, on a free port of the loopback interface. Each connection has a thread, in
 * which the test's function answers one request after the other, well or badly.
 */
#ifndef FAKE_H
#define FAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct fake;

struct fake_request {
    int fd;
    unsigned nth;     /* on its connection, from 1 */
    const char *head; /* with its empty line; a C string */
    const char *body; /* a C string */
    size_t body_size;
};

/* False: the connection is closed. */
typedef bool fake_fn(struct fake *fake, const struct fake_request *request, void *arg);

struct fake {
    atomic_uint connections, requests; /* so far */
    atomic_uint busy, busiest;         /* requests at once, and the most of them */
    char url[64];                      /* "http://127.0.0.1:PORT" */
    /* the rest is its own */
    fake_fn *answer;
    void *arg;
    int listener, stop;
    atomic_int threads;
    unsigned long accepting;
};

struct fake *fake_new(fake_fn *answer, void *arg);
/* Ends every connection. */
void fake_free(struct fake *fake);

/* A whole answer. headers: lines that end with CRLF, or "". Ends with true. */
bool fake_reply(const struct fake_request *request, const char *status, const char *headers, const char *body);
void fake_write(int fd, const char *bytes, size_t size);

/* Waits until the other side closes, the server ends, or so many milliseconds are over. False, to close. */
bool fake_hang(const struct fake *fake, const struct fake_request *request, int ms);

/* A port where nobody listens, as a URL. */
void fake_dead_url(char url[64]);

/* The value of a header, in any case of its name; "" if it is not there. Borrowed from a place of the caller's. */
const char *fake_header(const char *head, const char *name, char value[1024]);

#endif
