#include "api.h"

#include "facts.h"
#include "memory.h"
#include "octet.h"
#include "token.h"

#include <chatroom/management.h>

/* ---- being configured ---- */

static int copy(chatroom *c, chatroom_span text, chatroom_span *ret_copy)
{
    char *bytes = cr_copy(&c->alloc, text);

    *ret_copy = chatroom_bytes(bytes, bytes ? text.size : 0);
    return bytes ? CHATROOM_OK : CHATROOM_ENOMEM;
}

static int copy_or(chatroom *c, const char *text, const char *otherwise, chatroom_span *ret_copy)
{
    return copy(c, chatroom_str(text ? text : otherwise), ret_copy);
}

static int copy_variables(chatroom *c, const struct chatroom_config *config)
{
    size_t count = config->stage_variable_count;
    struct chatroom_variable *variables;
    int result = CHATROOM_OK;

    if (count == 0)
        return CHATROOM_OK;
    variables = cr_new(&c->alloc, count * sizeof *variables);
    if (!variables)
        return CHATROOM_ENOMEM;
    c->api.variables = variables;
    c->api.variable_count = count;
    for (size_t i = 0; i < count && result == CHATROOM_OK; i++) {
        result = copy(c, config->stage_variables[i].name, &variables[i].name);
        if (result == CHATROOM_OK)
            result = copy(c, config->stage_variables[i].value, &variables[i].value);
    }
    return result;
}

int cr_api_init(chatroom *c, const struct chatroom_config *config)
{
    int result = copy_or(c, config->api_id, "chatroom", &c->api.id);

    c->api.secure = config->secure;
    c->any_path = !config->stage;
    if (result == CHATROOM_OK)
        result = copy_or(c, config->stage, "", &c->api.stage);
    if (result == CHATROOM_OK)
        result = copy_or(c, config->region, "us-east-1", &c->api.region);
    if (result == CHATROOM_OK)
        result = copy_or(c, config->account_id, "000000000000", &c->api.account_id);
    if (result == CHATROOM_OK)
        result = copy_or(c, config->domain, "", &c->domain);
    return result == CHATROOM_OK ? copy_variables(c, config) : result;
}

static void release(chatroom *c, chatroom_span text)
{
    cr_free(&c->alloc, (char *)text.bytes, text.size + 1);
}

static void free_variables(chatroom *c)
{
    for (size_t i = 0; i < c->api.variable_count; i++) {
        release(c, c->api.variables[i].name);
        release(c, c->api.variables[i].value);
    }
    cr_free(&c->alloc, (struct chatroom_variable *)c->api.variables, c->api.variable_count * sizeof *c->api.variables);
}

void cr_api_fini(chatroom *c)
{
    for (struct cr_domain *domain = c->domains, *next; domain; domain = next) {
        next = domain->next;
        release(c, domain->name);
        release(c, domain->key);
        cr_free(&c->alloc, domain, sizeof *domain);
    }
    free_variables(c);
    release(c, c->api.id);
    release(c, c->api.stage);
    release(c, c->api.region);
    release(c, c->api.account_id);
    release(c, c->domain);
}

/* ---- domains ---- */

static const struct cr_domain *find_domain(const chatroom *c, chatroom_span name)
{
    const struct cr_domain *domain = c->domains;

    while (domain && !cr_same_word(domain->name, name))
        domain = domain->next;
    return domain;
}

static bool contains(const char *set, char octet)
{
    return memchr(set, octet, strlen(set)) != NULL;
}

/* Letters, digits and $-_.+!*'(), as API Gateway has it. */
static bool is_mapping_key(const char *key)
{
    static const char others[] = "$-_.+!*'()";

    for (const char *at = key; *at; at++)
        if (!(cr_lower(*at) >= 'a' && cr_lower(*at) <= 'z') && !(*at >= '0' && *at <= '9') && !contains(others, *at))
            return false;
    return strlen(key) <= CR_PATH_MOST;
}

bool cr_api_is_host(const char *text)
{
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f || contains("/?#@\\\"", text[i]))
            return false;
    return size > 0 && size <= CR_DOMAIN_MOST;
}

int chatroom_map_domain(chatroom *c, const char *name, const char *key)
{
    struct cr_domain *domain;

    if (c->started || !name || !key || !cr_api_is_host(name) || !is_mapping_key(key))
        return CHATROOM_EINVAL;
    if (find_domain(c, chatroom_str(name)))
        return CHATROOM_EEXIST;
    domain = cr_new(&c->alloc, sizeof *domain);
    if (!domain)
        return CHATROOM_ENOMEM;
    if (copy(c, chatroom_str(name), &domain->name) || copy(c, chatroom_str(key), &domain->key)) {
        release(c, domain->name);
        cr_free(&c->alloc, domain, sizeof *domain);
        return CHATROOM_ENOMEM;
    }
    domain->next = c->domains;
    c->domains = domain;
    return CHATROOM_OK;
}

/* ---- URLs ---- */

chatroom_span cr_api_header(const struct chatroom_request_head *head, const char *name)
{
    chatroom_span value = {NULL, 0};
    size_t count = 0;

    for (size_t i = 0; i < head->header_count; i++)
        if (cr_same_word(head->headers[i].name, chatroom_str(name))) {
            value = head->headers[i].value;
            count++;
        }
    return count == 1 ? value : chatroom_bytes(NULL, 0);
}

/* The port that goes without saying is left out. */
static chatroom_span host_of(const chatroom *c, const struct chatroom_request_head *head)
{
    chatroom_span host = cr_api_header(head, "host"), port = chatroom_str(c->api.secure ? ":443" : ":80");

    if (host.size > port.size && memcmp(host.bytes + host.size - port.size, port.bytes, port.size) == 0)
        host.size -= port.size;
    return host.size <= CR_DOMAIN_MOST ? host : chatroom_bytes(NULL, 0);
}

static chatroom_span path_of(chatroom_span target)
{
    const char *query = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;

    return query ? chatroom_bytes(target.bytes, (size_t)(query - target.bytes)) : target;
}

/* Takes "/FIRST" off a path, whole. */
static bool take_first(chatroom_span *path, chatroom_span first)
{
    size_t size = first.size + 1;

    if (path->size < size || path->bytes[0] != '/' || memcmp(path->bytes + 1, first.bytes, first.size) != 0)
        return false;
    if (path->size > size && path->bytes[size] != '/')
        return false;
    path->bytes += size;
    path->size -= size;
    return true;
}

bool cr_api_place(const chatroom *c, const struct chatroom_request_head *head, struct cr_place *ret_place)
{
    chatroom_span host = host_of(c, head);
    const struct cr_domain *domain = find_domain(c, host);

    ret_place->domain = c->domain.size > 0 && !domain ? c->domain : host;
    ret_place->path = domain ? domain->key : c->api.stage;
    ret_place->rest = path_of(head->target);
    ret_place->any = c->any_path && !domain;
    return ret_place->path.size == 0 || take_first(&ret_place->rest, ret_place->path);
}
