#include "facts.h"

#include "memory.h"

enum { NEWLINES = 3 };

static size_t size_of(const struct cr_facts *facts)
{
    return sizeof *facts + facts->domain_size + facts->path_size + facts->authorizer_size + NEWLINES;
}

static chatroom_span key_of(const struct cr_facts *facts)
{
    return chatroom_bytes(facts->bytes, size_of(facts) - sizeof *facts);
}

static char *put(char *at, chatroom_span text)
{
    if (text.size > 0)
        memcpy(at, text.bytes, text.size);
    at[text.size] = '\n';
    return at + text.size + 1;
}

static struct cr_facts *make(chatroom *c, chatroom_span domain, chatroom_span path, chatroom_span authorizer)
{
    struct cr_facts *facts =
        cr_resize(&c->alloc, NULL, 0, sizeof *facts + domain.size + path.size + authorizer.size + NEWLINES);

    if (!facts)
        return NULL;
    facts->c = c;
    facts->count = 1;
    facts->domain_size = (uint16_t)domain.size;
    facts->path_size = (uint16_t)path.size;
    facts->authorizer_size = (uint16_t)authorizer.size;
    put(put(put(facts->bytes, domain), path), authorizer);
    return facts;
}

int cr_facts_get(chatroom *c, chatroom_span domain, chatroom_span path, chatroom_span authorizer,
                 struct cr_facts **ret_facts)
{
    struct cr_facts *facts = make(c, domain, path, authorizer);
    struct cr_map_node *known = facts ? cr_map_find(&c->facts, key_of(facts)) : NULL;

    if (!facts)
        return CHATROOM_ENOMEM;
    if (!known && cr_map_add(&c->facts, &facts->node, key_of(facts)) == CHATROOM_OK) {
        *ret_facts = facts;
        return CHATROOM_OK;
    }
    cr_free(&c->alloc, facts, size_of(facts));
    if (!known)
        return CHATROOM_ENOMEM;
    *ret_facts = CR_CONTAINER(known, struct cr_facts, node);
    (*ret_facts)->count++;
    return CHATROOM_OK;
}

void cr_facts_put(chatroom *c, struct cr_facts *facts)
{
    if (!facts || --facts->count > 0)
        return;
    cr_map_remove(&c->facts, &facts->node);
    cr_free(&c->alloc, facts, size_of(facts));
}

chatroom_span cr_facts_domain(const struct cr_facts *facts)
{
    return facts ? chatroom_bytes(facts->bytes, facts->domain_size) : chatroom_bytes(NULL, 0);
}

chatroom_span cr_facts_path(const struct cr_facts *facts)
{
    return facts ? chatroom_bytes(facts->bytes + facts->domain_size + 1, facts->path_size) : chatroom_bytes(NULL, 0);
}

chatroom_span cr_facts_authorizer(const struct cr_facts *facts)
{
    return facts ? chatroom_bytes(facts->bytes + facts->domain_size + 1 + facts->path_size + 1, facts->authorizer_size)
                 : chatroom_bytes(NULL, 0);
}
