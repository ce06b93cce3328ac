#include "address.h"

#include "bucket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

/* Sources are strangers: the hash has a key, and a full table is an error instead of an exit(). */
#define HASH_NONFATAL_OOM                      1
#define uthash_nonfatal_oom(item)              ((item)->refused = true)
#define HASH_FUNCTION(bytes, size, hash_value) ((hash_value) = (unsigned)chatroom_hash(addresses->key, bytes, size))
#include <uthash.h>

struct ws_address {
    UT_hash_handle hh;
    uint64_t prefix;
    uint64_t full_at;        /* when its bucket is full again */
    struct ws_address *next; /* in line */
    unsigned count;
    bool in_line;
    bool refused;
};

/* 64 bits of IPv6; 32 of IPv4, below what is a multicast prefix there and so nobody's. False: not counted. */
static bool prefix_of(const struct sockaddr *source, uint64_t *ret_prefix)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)source;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)source;
    uint8_t bytes[8] = {0xff};

    if (source->sa_family == AF_INET)
        memcpy(bytes + 4, &v4->sin_addr, 4);
    else if (source->sa_family == AF_INET6)
        memcpy(bytes, &v6->sin6_addr, 8);
    memcpy(ret_prefix, bytes, 8);
    return (source->sa_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 != 127) ||
           (source->sa_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
}

static struct ws_address *add(struct ws_addresses *addresses, uint64_t prefix)
{
    struct ws_address *address = calloc(1, sizeof *address);

    if (!address)
        return NULL;
    address->prefix = prefix;
    HASH_ADD(hh, addresses->table, prefix, sizeof address->prefix, address);
    if (address->refused) {
        free(address);
        return NULL;
    }
    return address;
}

/* ---- the line of those that wait --------------------------------------------------------------------------------- */

static void enqueue(struct ws_addresses *addresses, struct ws_address *address)
{
    address->in_line = true;
    address->next = NULL;
    if (addresses->last)
        addresses->last->next = address;
    else
        addresses->first = address;
    addresses->last = address;
    addresses->waiting++;
}

/* Takes the first out of the line, and out of the table if it has no connections. */
static void dequeue(struct ws_addresses *addresses)
{
    struct ws_address *address = addresses->first;

    addresses->first = address->next;
    if (!addresses->first)
        addresses->last = NULL;
    addresses->waiting--;
    address->in_line = false;
    if (address->count > 0)
        return;
    HASH_DELETE(hh, addresses->table, address); /* NOLINT: what is in the list is in the table, once */
    free(address);
}

/* One that waits longer holds up those behind it, but no longer than a bucket takes to fill. */
void ws_addresses_forget(struct ws_addresses *addresses, uint64_t now_ns)
{
    while (addresses->first && (addresses->first->count > 0 || addresses->first->full_at <= now_ns))
        dequeue(addresses);
}

void ws_addresses_fini(struct ws_addresses *addresses)
{
    while (addresses->first)
        dequeue(addresses);
}

/* ---- coming and going -------------------------------------------------------------------------------------------- */

static int take(const struct ws_address_limits *limits, struct ws_address *address, uint64_t now_ns)
{
    if (limits->connections && address->count >= limits->connections)
        return CHATROOM_EAGAIN;
    if (limits->per_second &&
        !ws_bucket_take(&address->full_at, now_ns, 1000000000u / limits->per_second, limits->burst))
        return CHATROOM_ELIMIT;
    address->count++;
    return CHATROOM_OK;
}

int ws_address_enter(struct ws_addresses *addresses, const struct sockaddr *source, uint64_t now_ns,
                     struct ws_address **ret_address)
{
    struct ws_address *address = NULL;
    uint64_t prefix;
    int rc;

    *ret_address = NULL;
    if ((!addresses->limits.connections && !addresses->limits.per_second) || !prefix_of(source, &prefix))
        return CHATROOM_OK;
    HASH_FIND(hh, addresses->table, &prefix, sizeof prefix, address);
    if (!address && !(address = add(addresses, prefix)))
        return CHATROOM_ENOMEM;
    rc = take(&addresses->limits, address, now_ns); /* a new one is not refused: a limit of 0 is none */
    if (!rc)
        *ret_address = address;
    return rc;
}

void ws_address_leave(struct ws_addresses *addresses, struct ws_address *address)
{
    if (!address || --address->count > 0 || address->in_line)
        return;
    enqueue(addresses, address);
    if (addresses->waiting > WS_ADDRESSES_WAITING)
        dequeue(addresses);
}

void ws_address_text(const struct sockaddr *source, char *ret_text)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)source;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)source;

    ret_text[0] = '\0';
    if (source->sa_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, ret_text, INET6_ADDRSTRLEN);
    else if (source->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, ret_text, INET6_ADDRSTRLEN);
}
