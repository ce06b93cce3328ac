/*
 * address.h: how many connections a source has, and how fast they come: an IPv4 address, or an IPv6 /64 (T35). Loopback
 * and local sockets are not counted.
 *
 * A source is in the table while it has connections, and then until its bucket is full again, when it is like one that
 * was never seen. Of those that only wait for that at most WS_ADDRESSES_WAITING are kept: who has more sources than
 * these to spare gains nothing by having one forgotten, and what they may do together is the rate of all connects.
 */
#ifndef WS_ADDRESS_H
#define WS_ADDRESS_H

#include <chatroom/base.h>

#include <sys/socket.h>

#define WS_ADDRESSES_WAITING 8192

struct ws_address;

/* 0: no limit. */
struct ws_address_limits {
    unsigned connections;
    unsigned per_second;
    unsigned burst;
};

struct ws_addresses {
    struct ws_address_limits limits;
    uint8_t key[16]; /* of the hash; from the system's random source */
    struct ws_address *table;
    struct ws_address *first, *last; /* those that wait, and some that have connections again, by when they began to */
    size_t waiting;                  /* so many are in that line */
};

/*
 * Counts one more. *ret_address is NULL if this source is not counted. Errors: EAGAIN it has most already; ELIMIT they
 * come too fast; ENOMEM.
 */
int ws_address_enter(struct ws_addresses *addresses, const struct sockaddr *source, uint64_t now_ns,
                     struct ws_address **ret_address);

/* One less. NULL is fine. */
void ws_address_leave(struct ws_addresses *addresses, struct ws_address *address);

/* Forgets those that wait no more. */
void ws_addresses_forget(struct ws_addresses *addresses, uint64_t now_ns);

/* Forgets all; none has connections. */
void ws_addresses_fini(struct ws_addresses *addresses);

/* The address alone, without port: "192.0.2.1"; "" for a local socket. Writes at most INET6_ADDRSTRLEN octets. */
void ws_address_text(const struct sockaddr *source, char *ret_text);

#endif
