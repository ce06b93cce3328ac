#include "names.h"

#include "memory.h"

#include <chatroom/names.h>

/* Hashes of a name's keys, which stand behind its NUL. 0: none. */
struct keys {
    uint64_t hashes[CHATROOM_NAME_KEYS];
};

void chatroom_set_names(chatroom *c, const struct chatroom_names *names)
{
    if (c->started) {
        if (names->ops->close)
            names->ops->close(names->self);
        return;
    }
    if (c->names.ops && c->names.ops->close)
        c->names.ops->close(c->names.self);
    memset(&c->names_ops, 0, sizeof c->names_ops);
    memcpy(&c->names_ops, names->ops, names->ops->size < sizeof c->names_ops ? names->ops->size : sizeof c->names_ops);
    c->names = (struct chatroom_names){&c->names_ops, names->self};
}

int chatroom_prepare_name(const chatroom *c, chatroom_span bytes, struct chatroom_name *ret_name)
{
    return c->names.ops ? c->names.ops->prepare(c->names.self, bytes, ret_name) : CHATROOM_ENOENT;
}

bool chatroom_names_alike(const struct chatroom_name *a, const struct chatroom_name *b)
{
    for (size_t i = 0; i < CHATROOM_NAME_KEYS; i++)
        for (size_t j = 0; j < CHATROOM_NAME_KEYS; j++)
            if (a->keys[i].size > 0 && a->keys[i].size == b->keys[j].size &&
                memcmp(a->keys[i].bytes, b->keys[j].bytes, a->keys[i].size) == 0)
                return true;
    return false;
}

/* ---- keys ---- */

/* The secret is that of the rooms' table: what is hashed with it stays inside as well. */
static uint64_t hash(const chatroom *c, const void *bytes, size_t size)
{
    return chatroom_hash(c->rooms.key, bytes, size);
}

static void hash_keys(const chatroom *c, const struct chatroom_name *name, struct keys *ret_keys)
{
    for (size_t i = 0; i < CHATROOM_NAME_KEYS; i++)
        if (name->keys[i].size > 0)
            ret_keys->hashes[i] = hash(c, name->keys[i].bytes, name->keys[i].size) | 1;
}

/* EREFUSED: it is not a name. */
static int find_keys(const chatroom *c, chatroom_span text, struct keys *ret_keys, bool *ret_in_form)
{
    struct chatroom_name name;
    int result = chatroom_prepare_name(c, text, &name);

    *ret_keys = (struct keys){{0}};
    *ret_in_form = true;
    if (result != CHATROOM_OK)
        return result == CHATROOM_ENOENT ? CHATROOM_OK : result;
    *ret_in_form = chatroom_span_equal(chatroom_name_text(&name), text);
    hash_keys(c, &name, ret_keys);
    return CHATROOM_OK;
}

static size_t block_size(const chatroom *c, size_t size)
{
    return size + 1 + (c->names.ops ? sizeof(struct keys) : 0);
}

static struct keys keys_of(const chatroom *c, const char *name, size_t size)
{
    struct keys keys = {{0}};

    if (name && c->names.ops)
        memcpy(&keys, name + size + 1, sizeof keys);
    return keys;
}

/* ---- names ---- */

static char *copy(chatroom *c, chatroom_span name, const struct keys *keys)
{
    char *block = cr_resize(&c->alloc, NULL, 0, block_size(c, name.size));

    if (!block)
        return NULL;
    memcpy(block, name.bytes, name.size);
    block[name.size] = '\0';
    if (c->names.ops)
        memcpy(block + name.size + 1, keys, sizeof *keys);
    return block;
}

char *cr_name_copy(chatroom *c, chatroom_span name)
{
    const struct keys none = {{0}};

    return copy(c, name, &none);
}

static bool is_alike(const chatroom *c, const struct cr_claims *among, chatroom_span name, const struct keys *keys,
                     const char *own, size_t own_size)
{
    struct keys own_keys = keys_of(c, own, own_size);
    uint64_t own_hash = own ? hash(c, own, own_size) : 0;
    const uint64_t *own_claim = own_keys.hashes[0] | own_keys.hashes[1] ? &own_hash : NULL;

    for (size_t i = 0; i < CHATROOM_NAME_KEYS; i++)
        if (keys->hashes[i] && cr_claims_other(among, keys->hashes[i], hash(c, name.bytes, name.size), own_claim))
            return true;
    return false;
}

static int claim(chatroom *c, struct cr_claims *among, chatroom_span name, const struct keys *keys, char **ret_name)
{
    char *block = copy(c, name, keys);

    if (!block)
        return CHATROOM_ENOMEM;
    if (c->names.ops && cr_claims_reserve(among, &c->alloc, CHATROOM_NAME_KEYS) != CHATROOM_OK) {
        cr_free(&c->alloc, block, block_size(c, name.size));
        return CHATROOM_ENOMEM;
    }
    for (size_t i = 0; i < CHATROOM_NAME_KEYS; i++)
        if (keys->hashes[i])
            cr_claims_add(among, keys->hashes[i], hash(c, name.bytes, name.size));
    *ret_name = block;
    return CHATROOM_OK;
}

int cr_name_take(chatroom *c, struct cr_claims *among, chatroom_span name, const char *own, size_t own_size,
                 char **ret_name)
{
    struct keys keys;
    bool in_form;
    int result = find_keys(c, name, &keys, &in_form);

    if (result == CHATROOM_EREFUSED || (result == CHATROOM_OK && !in_form))
        return CHATROOM_EINVAL;
    if (result == CHATROOM_OK && is_alike(c, among, name, &keys, own, own_size))
        return CHATROOM_EALIKE;
    return result == CHATROOM_OK ? claim(c, among, name, &keys, ret_name) : result;
}

int cr_name_accept(chatroom *c, struct cr_claims *among, chatroom_span name, char **ret_name)
{
    struct keys keys;
    bool in_form;
    int result = find_keys(c, name, &keys, &in_form);

    return result == CHATROOM_OK || result == CHATROOM_EREFUSED ? claim(c, among, name, &keys, ret_name) : result;
}

void cr_name_free(chatroom *c, struct cr_claims *among, char *name, size_t size)
{
    struct keys keys = keys_of(c, name, size);

    for (size_t i = 0; i < CHATROOM_NAME_KEYS; i++)
        if (keys.hashes[i])
            cr_claims_remove(among, keys.hashes[i], hash(c, name, size));
    if (name)
        cr_free(&c->alloc, name, block_size(c, size));
}

void cr_names_fini(chatroom *c)
{
    cr_claims_fini(&c->room_claims, &c->alloc);
    cr_claims_fini(&c->session_claims, &c->alloc);
    if (c->names.ops && c->names.ops->close)
        c->names.ops->close(c->names.self);
}
