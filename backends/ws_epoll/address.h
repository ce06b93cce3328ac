/*
 * address.h: how many connections a source has: an IPv4 address, or an IPv6 /64 (T35). Loopback and local sockets are
 * not counted. A source is in the table only while it has connections, so the table is no larger than they are many.
 */
#ifndef WS_ADDRESS_H
#define WS_ADDRESS_H

#include <chatroom/base.h>

#include <sys/socket.h>

struct ws_address;

struct ws_addresses {
    struct ws_address *table;
    uint8_t key[16]; /* of the hash; from the system's random source */
};

/* Counts one more. *ret_address is NULL if this source is not counted. Errors: EAGAIN it has most already; ENOMEM. */
int ws_address_enter(struct ws_addresses *addresses, const struct sockaddr *source, unsigned most,
                     struct ws_address **ret_address);

/* One less. NULL is fine. */
void ws_address_leave(struct ws_addresses *addresses, struct ws_address *address);

/* The address alone, without port: "192.0.2.1"; "" for a local socket. Writes at most INET6_ADDRSTRLEN octets. */
void ws_address_text(const struct sockaddr *source, char *ret_text);

#endif
