#include "address.h"

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
    uint64_t prefix[2]; /* family, then 32 or 64 bits */
    unsigned count;
    bool refused;
};

/* False: not counted. */
static bool prefix_of(const struct sockaddr *source, uint64_t ret_prefix[2])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)source;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)source;

    ret_prefix[0] = source->sa_family;
    if (source->sa_family == AF_INET) {
        ret_prefix[1] = v4->sin_addr.s_addr;
        return ntohl(v4->sin_addr.s_addr) >> 24 != 127;
    }
    if (source->sa_family != AF_INET6 || IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
        return false;
    memcpy(&ret_prefix[1], &v6->sin6_addr, 8);
    return true;
}

static struct ws_address *add(struct ws_addresses *addresses, const uint64_t prefix[2])
{
    struct ws_address *address = calloc(1, sizeof *address);

    if (!address)
        return NULL;
    memcpy(address->prefix, prefix, sizeof address->prefix);
    HASH_ADD(hh, addresses->table, prefix, sizeof address->prefix, address);
    if (address->refused) {
        free(address);
        return NULL;
    }
    return address;
}

int ws_address_enter(struct ws_addresses *addresses, const struct sockaddr *source, unsigned most,
                     struct ws_address **ret_address)
{
    struct ws_address *address = NULL;
    uint64_t prefix[2];

    *ret_address = NULL;
    if (most == 0 || !prefix_of(source, prefix))
        return CHATROOM_OK;
    HASH_FIND(hh, addresses->table, prefix, sizeof prefix, address);
    if (address && address->count >= most)
        return CHATROOM_EAGAIN;
    if (!address && !(address = add(addresses, prefix)))
        return CHATROOM_ENOMEM;
    address->count++;
    *ret_address = address;
    return CHATROOM_OK;
}

void ws_address_leave(struct ws_addresses *addresses, struct ws_address *address)
{
    if (!address || --address->count > 0)
        return;
    HASH_DELETE(hh, addresses->table, address);
    free(address);
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
