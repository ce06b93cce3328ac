#include "section.h"

#include "file.h"

#include <chatroom/management.h>
#include <chatroom/model.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define POLICY_MOST 65536

/* ---- the tables -------------------------------------------------------------------------------------------------- */

#define IN(type, member)  offsetof(struct gateway_##type, member)
#define CALLS_MOST        65536u
#define WAITING_MOST      1000000u
#define MILLISECONDS_MOST 3600000u

static const struct value_choice key_sources[] = {
    {"header", CHATROOM_KEY_IN_HEADER}, {"authorizer", CHATROOM_KEY_FROM_AUTHORIZER}, {NULL, 0}};
static const struct value_choice authorizer_types[] = {
    {"lambda", GATEWAY_BY_LAMBDA}, {"signatures", GATEWAY_BY_SIGNATURES}, {NULL, 0}};
static const struct value_choice route_types[] = {{"lambda", GATEWAY_LAMBDA},
                                                  {"http_proxy", GATEWAY_HTTP_PROXY},
                                                  {"http", GATEWAY_HTTP},
                                                  {"mock", GATEWAY_MOCK},
                                                  {NULL, 0}};

static const struct section_key management_keys[] = {
    {"listen", FORM_ADDRESSES, IN(management, listen), ANY_TYPE, 0, GATEWAY_LISTEN_MOST, NULL},
    {"apart", FORM_SWITCH, IN(management, apart), ANY_TYPE, 0, 0, NULL},
    {"allow-unsigned-loopback", FORM_SWITCH, IN(management, allow_unsigned_loopback), ANY_TYPE, 0, 0, NULL},
    {"throttle", FORM_THROTTLE, IN(management, throttle), ANY_TYPE, 0, 0, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

static const struct section_key credential_keys[] = {
    {"secret", FORM_SECRET, IN(credential, secret), ANY_TYPE, 0, 0, NULL},
    {"secret-file", FORM_SECRET_FILE, IN(credential, secret), ANY_TYPE, 0, 0, NULL},
    {"token", FORM_SECRET, IN(credential, token), ANY_TYPE, 0, 0, NULL},
    {"token-file", FORM_SECRET_FILE, IN(credential, token), ANY_TYPE, 0, 0, NULL},
    {"policy", FORM_TEXT_FILE, IN(credential, policy), ANY_TYPE, 0, POLICY_MOST, NULL},
    {"outgoing", FORM_SWITCH, IN(credential, outgoing), ANY_TYPE, 0, 0, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

static const struct section_key domain_keys[] = {
    {"key", FORM_MAYBE_TEXT, IN(domain, key), ANY_TYPE, 0, 0, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

static const struct section_key api_keys_keys[] = {
    {"source", FORM_CHOICE, IN(api_keys, source), ANY_TYPE, 0, 0, key_sources},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

static const struct section_key api_key_keys[] = {
    {"value", FORM_SECRET, IN(api_key, value), ANY_TYPE, 0, 0, NULL},
    {"value-file", FORM_SECRET_FILE, IN(api_key, value), ANY_TYPE, 0, 0, NULL},
    {"throttle", FORM_THROTTLE, IN(api_key, throttle), ANY_TYPE, 0, 0, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

/* What routes and authorizers say about a function, and about the calls of whatever it is. */
#define LAMBDA_KEYS(type, bits)                                                   \
    {"endpoint", FORM_TEXT, IN(type, lambda.endpoint), bits, 0, 0, NULL},         \
        {"function", FORM_TEXT, IN(type, lambda.function), bits, 0, 0, NULL},     \
        {"qualifier", FORM_TEXT, IN(type, lambda.qualifier), bits, 0, 0, NULL},   \
        {"credential", FORM_TEXT, IN(type, lambda.credential), bits, 0, 0, NULL}, \
        {"region", FORM_TEXT, IN(type, lambda.region), bits, 0, 0, NULL},         \
    {                                                                             \
        "serial", FORM_SWITCH, IN(type, lambda.serial), bits, 0, 0, NULL          \
    }
#define CALL_KEYS(type, bits)                                                                    \
    {"timeout-ms", FORM_NUMBER, IN(type, limits.timeout_ms), bits, 50, MILLISECONDS_MOST, NULL}, \
        {"calls", FORM_NUMBER, IN(type, limits.calls), bits, 1, CALLS_MOST, NULL},               \
    {                                                                                            \
        "waiting", FORM_NUMBER, IN(type, limits.waiting), bits, 1, WAITING_MOST, NULL            \
    }

static const struct section_key authorizer_keys[] = {
    {"type", FORM_CHOICE, IN(authorizer, type), ANY_TYPE, 0, 0, authorizer_types},
    LAMBDA_KEYS(authorizer, GATEWAY_BY_LAMBDA),
    CALL_KEYS(authorizer, GATEWAY_BY_LAMBDA),
    {"identity-source", FORM_TEXTS, IN(authorizer, sources), GATEWAY_BY_LAMBDA, 0, GATEWAY_SOURCES_MOST, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

#define BY_HTTP (GATEWAY_HTTP | GATEWAY_HTTP_PROXY)

static const struct section_key route_keys[] = {
    {"type", FORM_CHOICE, IN(route, type), ANY_TYPE, 0, 0, route_types},
    LAMBDA_KEYS(route, GATEWAY_LAMBDA),
    CALL_KEYS(route, GATEWAY_LAMBDA | BY_HTTP),
    {"retries", FORM_NUMBER, IN(route, limits.retries), GATEWAY_LAMBDA | BY_HTTP, 0, 10, NULL},
    {"url", FORM_TEXT, IN(route, url), BY_HTTP, 0, 0, NULL},
    {"method", FORM_TEXT, IN(route, method), BY_HTTP, 0, 0, NULL},
    {"content-type", FORM_TEXT, IN(route, content_type), BY_HTTP, 0, 0, NULL},
    {"map", FORM_PAIRS, IN(route, maps), BY_HTTP, 0, GATEWAY_MAPS_MOST, NULL},
    {"response", FORM_RESPONSES, IN(route, responses), GATEWAY_HTTP, 0, GATEWAY_RESPONSES_MOST, NULL},
    {"status", FORM_NUMBER, IN(route, status), GATEWAY_MOCK, 200, 599, NULL},
    {"body", FORM_MAYBE_TEXT, IN(route, body), GATEWAY_MOCK, 0, 0, NULL},
    {"two-way", FORM_SWITCH, IN(route, two_way), ANY_TYPE, 0, 0, NULL},
    {"throttle", FORM_THROTTLE, IN(route, throttle), ANY_TYPE, 0, 0, NULL},
    {"connection-throttle", FORM_THROTTLE, IN(route, connection_throttle), ANY_TYPE, 0, 0, NULL},
    {"model", FORM_TEXT_FILE, IN(route, model), ANY_TYPE, 0, CHATROOM_MODEL_MOST, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

static const struct section_key remote_keys[] = {
    {"calls", FORM_NUMBER, IN(remote, calls), ANY_TYPE, 1, CALLS_MOST, NULL},
    {"waiting", FORM_NUMBER, IN(remote, waiting), ANY_TYPE, 1, WAITING_MOST, NULL},
    {"response-bytes", FORM_NUMBER, IN(remote, response_bytes), ANY_TYPE, 1, 67108864, NULL},
    {"connect-ms", FORM_NUMBER, IN(remote, connect_ms), ANY_TYPE, 1, 300000, NULL},
    {"ca-file", FORM_PATH, IN(remote, ca_file), ANY_TYPE, 0, 0, NULL},
    {NULL, FORM_TEXT, 0, 0, 0, 0, NULL},
};

_Static_assert(sizeof route_keys / sizeof route_keys[0] <= GATEWAY_KEYS_MOST, "each key has a place for its line");

#define KIND(type) sizeof(struct gateway_##type), type##_keys

const struct section_kind section_kinds[GATEWAY_KINDS] = {
    [GATEWAY_MANAGEMENT] = {"management", false, KIND(management), 0},
    [GATEWAY_CREDENTIAL] = {"credential", true, KIND(credential), 0},
    [GATEWAY_VARIABLES] = {"stage-variables", false, sizeof(struct gateway_variables), NULL, 0},
    [GATEWAY_DOMAIN] = {"domain", true, KIND(domain), 0},
    [GATEWAY_API_KEYS] = {"api-keys", false, KIND(api_keys), 0},
    [GATEWAY_API_KEY] = {"api-key", true, KIND(api_key), 0},
    [GATEWAY_AUTHORIZER] = {"authorizer", false, KIND(authorizer), IN(authorizer, type)},
    [GATEWAY_ROUTE] = {"route", true, KIND(route), IN(route, type)},
    [GATEWAY_REMOTE] = {"remote", false, KIND(remote), 0},
};

const char *section_type_word(const struct gateway_section *section)
{
    const int *type = (const void *)((const char *)section + section_kinds[section->kind].type);
    const struct value_choice *choice = section->kind == GATEWAY_ROUTE ? route_types : authorizer_types;

    while (choice->word && choice->value != *type)
        choice++;
    return choice->word ? choice->word : "";
}

int section_line(const struct gateway_section *section, const char *name)
{
    const struct section_key *keys = section_kinds[section->kind].keys;

    for (size_t i = 0; keys[i].name; i++)
        if (strcmp(keys[i].name, name) == 0)
            return section->given[i];
    return 0;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool complain(char *ret_complaint, const char *complaint)
{
    snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "%s", complaint);
    return false;
}

static bool set_copy(struct pool *pool, const char **text, const char *value, size_t size, char *ret_complaint)
{
    *text = pool_text(pool, value, size);
    return *text || complain(ret_complaint, "there is not enough memory");
}

static bool set_text(struct pool *pool, const char **text, const char *value, char *ret_complaint)
{
    return *value ? set_copy(pool, text, value, strlen(value), ret_complaint)
                  : complain(ret_complaint, "needs a value");
}

static bool set_file(struct gateway *g, const struct section_key *key, const char **text, const char *value,
                     char *ret_complaint)
{
    const char *path = file_beside(&g->pool, g->file, value);

    if (!path)
        return complain(ret_complaint, "there is not enough memory");
    if (!*value)
        return complain(ret_complaint, "needs a path");
    if (key->form == FORM_SECRET_FILE)
        *text = file_read_secret(&g->pool, path, ret_complaint);
    else if (key->form == FORM_TEXT_FILE) {
        text[0] = file_read(&g->pool, path, key->most, ret_complaint);
        text[1] = path;
    } else if (access(path, R_OK) == 0)
        *text = path;
    else
        snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "cannot read %.110s: %.60s", path, strerror(errno));
    return *text;
}

/* Cuts the first word off what *rest points to: its size. */
static size_t first_word(const char *text, const char **ret_rest)
{
    size_t size = strcspn(text, " \t");

    *ret_rest = text + size + strspn(text + size, " \t");
    return size;
}

static bool set_pair(struct pool *pool, struct gateway_pair *pair, const char *value, char *ret_complaint)
{
    const char *source;
    size_t size = first_word(value, &source);

    if (size == 0 || !*source)
        return complain(ret_complaint, "needs DESTINATION SOURCE, such as integration.request.header.X-Who "
                                       "context.connectionId");
    return set_copy(pool, &pair->name, value, size, ret_complaint) &&
           set_copy(pool, &pair->value, source, strlen(source), ret_complaint);
}

static bool set_response(struct pool *pool, struct gateway_response *response, const char *value, char *ret_complaint)
{
    char status[4] = "";
    const char *rest, *body;
    size_t key = first_word(value, &rest), size = first_word(rest, &body);

    if (size < sizeof status)
        memcpy(status, rest, size);
    if (key == 0 || !value_number(status, 0, 599, &response->status, ret_complaint) ||
        (response->status > 0 && response->status < 200))
        return complain(ret_complaint, "needs KEY STATUS, such as $default 200, and perhaps a body; status 0: the "
                                       "server's own");
    return set_copy(pool, &response->key, value, key, ret_complaint) &&
           (!*body || set_copy(pool, &response->body, body, strlen(body), ret_complaint));
}

/* AWS lists in one text what stands one a line here. */
static bool is_alone(const char *value, char *ret_complaint)
{
    return !strchr(value, ',') || complain(ret_complaint, "has a comma: several stand one a line");
}

/* One more of a list; its number stands behind it. */
static bool add(struct gateway *g, const struct section_key *key, void *list, const char *value, char *ret_complaint)
{
    static const size_t sizes[] = {[FORM_ADDRESSES] = sizeof(const char *),
                                   [FORM_TEXTS] = sizeof(const char *),
                                   [FORM_PAIRS] = sizeof(struct gateway_pair),
                                   [FORM_RESPONSES] = sizeof(struct gateway_response)};
    size_t *count = (void *)((char *)list + key->most * sizes[key->form]);
    void *item = (char *)list + *count * sizes[key->form];
    bool ok;

    if (*count == key->most) {
        snprintf(ret_complaint, VALUE_COMPLAINT_BYTES, "is given more than %u times", key->most);
        return false;
    }
    if (key->form == FORM_PAIRS)
        ok = set_pair(&g->pool, item, value, ret_complaint);
    else if (key->form == FORM_RESPONSES)
        ok = set_response(&g->pool, item, value, ret_complaint);
    else
        ok = (key->form == FORM_TEXTS ? is_alone(value, ret_complaint) : value_address(value, ret_complaint)) &&
             set_text(&g->pool, item, value, ret_complaint);
    *count += ok;
    return ok;
}

bool section_set(struct gateway *g, struct gateway_section *section, const struct section_key *key, const char *value,
                 char *ret_complaint)
{
    void *place = (char *)section + key->offset;

    switch (key->form) {
    case FORM_TEXT:
    case FORM_SECRET:
        return set_text(&g->pool, place, value, ret_complaint);
    case FORM_MAYBE_TEXT:
        return set_copy(&g->pool, place, value, strlen(value), ret_complaint);
    case FORM_SECRET_FILE:
    case FORM_TEXT_FILE:
    case FORM_PATH:
        return set_file(g, key, place, value, ret_complaint);
    case FORM_SWITCH:
        return value_choose(value_switches, value, place, ret_complaint);
    case FORM_CHOICE:
        return value_choose(key->choices, value, place, ret_complaint);
    case FORM_NUMBER:
        return value_number(value, key->least, key->most, place, ret_complaint);
    case FORM_THROTTLE:
        return value_throttle(value, place, ret_complaint);
    default:
        return add(g, key, place, value, ret_complaint);
    }
}
