#include "gateway.h"

#include "section.h"

#include <chatroom/management.h>

#include <stdio.h>
#include <strings.h>

#define ROUTE_KEY_MOST      1024
#define VARIABLE_NAME_MOST  64
#define VARIABLE_VALUE_MOST 512

void gateway_fini(struct gateway *g)
{
    pool_fini(&g->pool);
    memset(g, 0, sizeof *g);
}

bool gateway_refuse(const struct gateway *g, const struct gateway_section *section, int line, const char *key,
                    const char *what, struct chatroom_error *error)
{
    char text[640]; /* longer than an error's, which is cut at a whole character */

    snprintf(text, sizeof text, "%.100s:%d: [%.60s]%s%.40s: %s", g->file, line, section->title, key ? " " : "",
             key ? key : "", what);
    if (!error->code)
        chatroom_error_set(error, CHATROOM_EINVAL, text);
    return false;
}

const struct gateway_credential *gateway_credential(const struct gateway *g, const char *access_key)
{
    const struct gateway_credential *c = GATEWAY_FIRST(g, credential, GATEWAY_CREDENTIAL);

    while (c && strcmp(c->section.name, access_key) != 0)
        c = GATEWAY_NEXT(credential, c);
    return c;
}

/* ---- refusing ---------------------------------------------------------------------------------------------------- */

static bool refuse_key(const struct gateway_reader *r, const struct gateway_section *section, const char *key,
                       const char *what)
{
    return gateway_refuse(r->gateway, section, section_line(section, key), key, what, r->error);
}

static bool refuse_section(const struct gateway_reader *r, const struct gateway_section *section, const char *what)
{
    return gateway_refuse(r->gateway, section, section->line, NULL, what, r->error);
}

/* ---- whole sections ---------------------------------------------------------------------------------------------- */

static bool check_types(const struct gateway_reader *r, const struct gateway_section *section)
{
    const struct section_kind *kind = &section_kinds[section->kind];
    const int *type = (const void *)((const char *)section + kind->type);
    char what[VALUE_COMPLAINT_BYTES];

    if (kind->type == 0)
        return true;
    if (*type == 0)
        return refuse_section(r, section, "has no type");
    for (size_t i = 0; kind->keys[i].name; i++)
        if (section->given[i] && kind->keys[i].types != ANY_TYPE && !(kind->keys[i].types & (unsigned)*type)) {
            snprintf(what, sizeof what, "is no key of type = %s", section_type_word(section));
            return gateway_refuse(r->gateway, section, section->given[i], kind->keys[i].name, what, r->error);
        }
    return true;
}

/* What may stand in the file or in a file of its own. */
static bool check_once(const struct gateway_reader *r, const struct gateway_section *section, const char *key,
                       const char *key_file)
{
    char what[VALUE_COMPLAINT_BYTES];

    snprintf(what, sizeof what, "contradicts %s: one of them will do", key);
    return !section_line(section, key) || !section_line(section, key_file) || refuse_key(r, section, key_file, what);
}

static bool check_credential(const struct gateway_reader *r, const struct gateway_credential *c)
{
    if (!check_once(r, &c->section, "secret", "secret-file") || !check_once(r, &c->section, "token", "token-file"))
        return false;
    if (c->outgoing && c->policy)
        return refuse_key(r, &c->section, "policy",
                          "says nothing about an outgoing credential, which nobody here verifies");
    return c->secret || refuse_section(r, &c->section, "has no secret and no secret-file");
}

static bool check_api_key(const struct gateway_reader *r, const struct gateway_api_key *k)
{
    return check_once(r, &k->section, "value", "value-file") &&
           (k->value || refuse_section(r, &k->section, "has no value and no value-file"));
}

static bool check_management(const struct gateway_reader *r, const struct gateway_management *m)
{
    return !m->apart || m->listen_count > 0 ||
           refuse_key(r, &m->section, "apart", "needs a listen of this section, or nobody could come");
}

static bool is_life_cycle(const char *route_key)
{
    return strcmp(route_key, "$connect") == 0 || strcmp(route_key, "$disconnect") == 0;
}

static bool check_route_key(const struct gateway_reader *r, const struct gateway_section *section)
{
    if (section->name[0] == '$' && strcmp(section->name, "$default") != 0 && !is_life_cycle(section->name))
        return refuse_section(r, section,
                              "is none of $connect, $disconnect and $default, and others do not begin with $");
    return strlen(section->name) <= ROUTE_KEY_MOST || refuse_section(r, section, "has more than 1024 bytes");
}

/* "f:live", the same in an ARN, and in an integration's URI around it. */
static bool has_qualifier(const char *function)
{
    const char *arn = strstr(function, ":function:");

    if (arn)
        function = arn + strlen(":function:");
    else if (strncmp(function, "arn:", 4) == 0)
        return false; /* whatever it is, the library says no */
    return strchr(function, ':');
}

static bool check_lambda(const struct gateway_reader *r, const struct gateway_section *section,
                         const struct gateway_lambda *lambda)
{
    if (!lambda->function)
        return refuse_section(r, section, "has no function");
    if (!lambda->endpoint && !lambda->credential)
        return refuse_section(r, section, "has no endpoint, and without a credential AWS would not take the call");
    if (lambda->qualifier && has_qualifier(lambda->function))
        return refuse_key(r, section, "qualifier", "contradicts function, which ends with one already");
    return true;
}

static bool check_throttles(const struct gateway_reader *r, const struct gateway_section *section)
{
    if (section_line(section, "connection-throttle"))
        return refuse_key(r, section, "connection-throttle", "has no effect here: a connection has one of these");
    return strcmp(section->name, "$disconnect") != 0 || !section_line(section, "throttle") ||
           refuse_key(r, section, "throttle",
                      "has no effect here: every connection has its $disconnect, however fast they go");
}

/* What has no sense for what is no message. */
static bool check_life_cycle(const struct gateway_reader *r, const struct gateway_route *route)
{
    const struct gateway_section *section = &route->section;

    if (!is_life_cycle(section->name))
        return true;
    if (route->model)
        return refuse_key(r, section, "model", "is for messages, and this event has none");
    if (route->two_way)
        return refuse_key(r, section, "two-way",
                          "has no sense here: nothing can be sent to a connection that is not there");
    return check_throttles(r, section);
}

static bool check_route(const struct gateway_reader *r, const struct gateway_route *route)
{
    const struct gateway_section *section = &route->section;

    if (!check_route_key(r, section))
        return false;
    if (route->type == GATEWAY_LAMBDA && !check_lambda(r, section, &route->lambda))
        return false;
    if ((route->type & (GATEWAY_HTTP | GATEWAY_HTTP_PROXY)) && !route->url)
        return refuse_section(r, section, "has no url");
    if (route->type == GATEWAY_HTTP && route->response_count == 0)
        return refuse_section(r, section, "has no response; with type = http_proxy it would need none");
    return check_life_cycle(r, route);
}

static bool check_authorizer(const struct gateway_reader *r, const struct gateway_authorizer *a)
{
    return a->type != GATEWAY_BY_LAMBDA || check_lambda(r, &a->section, &a->lambda);
}

/* The section that was open has ended. */
static bool close_section(struct gateway_reader *r)
{
    struct gateway_section *section = r->section;

    r->section = NULL;
    if (!section)
        return true;
    if (!check_types(r, section))
        return false;
    switch (section->kind) {
    case GATEWAY_MANAGEMENT:
        return check_management(r, (const void *)section);
    case GATEWAY_CREDENTIAL:
        return check_credential(r, (const void *)section);
    case GATEWAY_API_KEY:
        return check_api_key(r, (const void *)section);
    case GATEWAY_ROUTE:
        return check_route(r, (const void *)section);
    case GATEWAY_AUTHORIZER:
        return check_authorizer(r, (const void *)section);
    default:
        return true;
    }
}

/* ---- beginning one ----------------------------------------------------------------------------------------------- */

static const struct section_kind *find_kind(const char *title, const char **ret_name)
{
    size_t size = strcspn(title, " \t");

    *ret_name = title + size + strspn(title + size, " \t");
    for (size_t i = 0; i < GATEWAY_KINDS; i++)
        if (strlen(section_kinds[i].word) == size && memcmp(section_kinds[i].word, title, size) == 0)
            return &section_kinds[i];
    return NULL;
}

/* Hosts are the same in any case of letters. */
static const struct gateway_section *find_section(const struct gateway_section *s, const char *name)
{
    while (s && (s->kind == GATEWAY_DOMAIN ? strcasecmp(s->name, name) : strcmp(s->name, name)) != 0)
        s = s->next;
    return s;
}

static bool refuse_repeated(const struct gateway_reader *r, const struct gateway_section *asked,
                            const struct gateway_section *same)
{
    char what[VALUE_COMPLAINT_BYTES];

    if (strcmp(asked->name, same->name) == 0)
        snprintf(what, sizeof what, "stands on line %d already", same->line);
    else
        snprintf(what, sizeof what, "stands on line %d already, as [%.60s]: hosts are the same in any case of letters",
                 same->line, same->title);
    return refuse_section(r, asked, what);
}

static struct gateway_section *make_section(struct gateway *g, const struct section_kind *kind, const char *title,
                                            size_t name_at, int line)
{
    struct gateway_section *section = pool_take(&g->pool, kind->size), **end;

    if (!section || !(section->title = pool_text(&g->pool, title, strlen(title))))
        return NULL;
    section->kind = (enum gateway_kind)(kind - section_kinds);
    section->name = section->title + name_at;
    section->line = line;
    for (end = &g->first[section->kind]; *end;)
        end = &(*end)->next;
    *end = section;
    return section;
}

bool gateway_begin(struct gateway_reader *r, int line, const char *title)
{
    const char *name;
    const struct section_kind *kind = find_kind(title, &name);
    const struct gateway_section asked = {.title = title, .name = name, .line = line}, *same;
    char what[VALUE_COMPLAINT_BYTES];

    if (!close_section(r))
        return false;
    if (!kind)
        return refuse_section(r, &asked, "is no section");
    if (kind->named != (*name != '\0')) {
        snprintf(what, sizeof what, kind->named ? "needs a name: [%s NAME]" : "has no name: [%s]", kind->word);
        return refuse_section(r, &asked, what);
    }
    same = find_section(r->gateway->first[kind - section_kinds], name);
    if (same)
        return refuse_repeated(r, &asked, same);
    r->section = make_section(r->gateway, kind, title, (size_t)(name - title), line);
    return r->section || refuse_section(r, &asked, "there is not enough memory");
}

/* ---- its lines --------------------------------------------------------------------------------------------------- */

static bool take_variable(const struct gateway_reader *r, int line, const char *name, const char *value)
{
    struct gateway_variables *v = (void *)r->section;
    struct gateway_pair *item = &v->items[v->count];
    const char *what = NULL;

    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->items[i].name, name) == 0)
            what = "is given twice";
    if (v->count == GATEWAY_VARIABLES_MOST)
        what = "is one more than the 100 that there may be";
    else if (strlen(name) > VARIABLE_NAME_MOST || strlen(value) > VARIABLE_VALUE_MOST)
        what = "is longer than 64 bytes, or its value than 512";
    else if (!what && (!(item->name = pool_text(&r->gateway->pool, name, strlen(name))) ||
                       !(item->value = pool_text(&r->gateway->pool, value, strlen(value)))))
        what = "there is not enough memory";
    if (what)
        return gateway_refuse(r->gateway, r->section, line, name, what, r->error);
    v->count++;
    return true;
}

static bool is_list(const struct section_key *key)
{
    return key->form >= FORM_ADDRESSES;
}

bool gateway_take(struct gateway_reader *r, int line, const char *name, const char *value)
{
    const struct section_key *keys = section_kinds[r->section->kind].keys;
    char what[VALUE_COMPLAINT_BYTES] = "is no key of this section";
    size_t i = 0;

    if (!keys)
        return take_variable(r, line, name, value);
    while (keys[i].name && strcmp(keys[i].name, name) != 0)
        i++;
    if (keys[i].name && r->section->given[i] && !is_list(&keys[i]))
        snprintf(what, sizeof what, "stands on line %d already", r->section->given[i]);
    else if (keys[i].name && section_set(r->gateway, r->section, &keys[i], value, what)) {
        r->section->given[i] = r->section->given[i] ? r->section->given[i] : line;
        r->gateway->open_secret |= keys[i].form == FORM_SECRET && r->open_file;
        return true;
    }
    return gateway_refuse(r->gateway, r->section, line, name, what, r->error);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Whether there is a credential that others may sign with. */
static bool has_incoming(const struct gateway *g)
{
    const struct gateway_credential *c = GATEWAY_FIRST(g, credential, GATEWAY_CREDENTIAL);

    while (c && c->outgoing)
        c = GATEWAY_NEXT(credential, c);
    return c;
}

static bool check_signer(const struct gateway_reader *r, const struct gateway_section *section, const char *access_key)
{
    return !access_key || gateway_credential(r->gateway, access_key) ||
           refuse_key(r, section, "credential", "there is no [credential] section of that access key");
}

static bool check_signers(const struct gateway_reader *r)
{
    const struct gateway_authorizer *a = GATEWAY_FIRST(r->gateway, authorizer, GATEWAY_AUTHORIZER);

    for (const struct gateway_route *route = GATEWAY_FIRST(r->gateway, route, GATEWAY_ROUTE); route;
         route = GATEWAY_NEXT(route, route))
        if (!check_signer(r, &route->section, route->lambda.credential))
            return false;
    return !a || check_signer(r, &a->section, a->lambda.credential);
}

static bool check_access(const struct gateway_reader *r)
{
    const struct gateway_management *m = GATEWAY_FIRST(r->gateway, management, GATEWAY_MANAGEMENT);
    const struct gateway_authorizer *a = GATEWAY_FIRST(r->gateway, authorizer, GATEWAY_AUTHORIZER);

    if (m && !m->allow_unsigned_loopback && !has_incoming(r->gateway))
        return refuse_section(r, &m->section,
                              "nobody could use it: there is no [credential], nor allow-unsigned-loopback = yes");
    if (a && a->type == GATEWAY_BY_SIGNATURES && !has_incoming(r->gateway))
        return refuse_section(r, &a->section, "nobody could connect: there is no [credential] to sign with");
    return true;
}

static bool check_api_keys(const struct gateway_reader *r)
{
    const struct gateway_api_keys *keys = GATEWAY_FIRST(r->gateway, api_keys, GATEWAY_API_KEYS);
    const struct gateway_api_key *key = GATEWAY_FIRST(r->gateway, api_key, GATEWAY_API_KEY);
    const struct gateway_authorizer *a = GATEWAY_FIRST(r->gateway, authorizer, GATEWAY_AUTHORIZER);

    if (key && !keys)
        return refuse_section(r, &key->section, "nobody asks for it: there is no [api-keys] section");
    if (keys && !key)
        return refuse_section(r, &keys->section, "nobody could connect: there is no [api-key ID] section");
    if (keys && !section_line(&keys->section, "source"))
        return refuse_section(r, &keys->section, "has no source");
    if (keys && keys->source == CHATROOM_KEY_FROM_AUTHORIZER && !(a && a->type == GATEWAY_BY_LAMBDA))
        return refuse_key(r, &keys->section, "source", "needs an [authorizer] of type = lambda, which says the key");
    return true;
}

bool gateway_end(struct gateway_reader *r)
{
    return close_section(r) && check_signers(r) && check_access(r) && check_api_keys(r);
}

/* ---- profile = aws ----------------------------------------------------------------------------------------------- */

static bool is_too_slow(unsigned timeout_ms)
{
    return timeout_ms > 29000;
}

static bool refuse_too_slow(const struct gateway *g, const struct gateway_section *section,
                            struct chatroom_error *error)
{
    return gateway_refuse(g, section, section_line(section, "timeout-ms"), "timeout-ms",
                          "needs 50 to 29000 with profile = aws", error);
}

bool gateway_check_quotas(const struct gateway *g, struct chatroom_error *error)
{
    const struct gateway_authorizer *a = GATEWAY_FIRST(g, authorizer, GATEWAY_AUTHORIZER);
    const struct gateway_route *route = GATEWAY_FIRST(g, route, GATEWAY_ROUTE);

    if (a && is_too_slow(a->limits.timeout_ms))
        return refuse_too_slow(g, &a->section, error);
    for (size_t count = 1; route; route = GATEWAY_NEXT(route, route), count++) {
        if (is_too_slow(route->limits.timeout_ms))
            return refuse_too_slow(g, &route->section, error);
        if (count > 300)
            return gateway_refuse(g, &route->section, route->section.line, NULL,
                                  "is the 301st route, and profile = aws has at most 300", error);
    }
    return true;
}
