#include "management.h"

#include "api.h"
#include "call.h"
#include "clf.h"
#include "memory.h"
#include "metrics.h"
#include "octet.h"
#include "signers.h"
#include "text.h"

#include <chatroom/event.h>
#include <chatroom/utf8.h>

enum { BODY_MOST = 131072, TARGET_SHOWN = 256, MESSAGE_MOST = CR_EXPLANATION_MOST + 512 };

/* ---- configuring ---- */

void cr_management_free(chatroom *c)
{
    struct cr_management *m = c->management;

    if (m && m->metrics_path)
        cr_free(&c->alloc, m->metrics_path, strlen(m->metrics_path) + 1);
    cr_free(&c->alloc, m, sizeof *m);
    c->management = NULL;
}

int chatroom_manage(chatroom *c, const struct chatroom_management_options *given)
{
    struct chatroom_management_options options = CHATROOM_MANAGEMENT_OPTIONS;
    struct cr_management *m;

    if (!c || c->started || c->management || !given)
        return CHATROOM_EINVAL;
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    if (options.metrics_path && options.metrics_path[0] != '/')
        return CHATROOM_EINVAL;
    m = c->management = cr_new(&c->alloc, sizeof *m);
    if (!m)
        return CHATROOM_ENOMEM;
    m->connections = options.connections;
    m->unsigned_loopback = options.unsigned_loopback;
    m->per_second = options.per_second;
    m->burst = options.burst > 0 ? options.burst : options.per_second;
    if (!options.metrics_path || (m->metrics_path = cr_copy(&c->alloc, chatroom_str(options.metrics_path))))
        return CHATROOM_OK;
    cr_management_free(c);
    return CHATROOM_ENOMEM;
}

/* ---- where a request goes ---- */

enum target { NOTHING, METRICS, COLLECTION, CONNECTION, ELSEWHERE };

struct goal {
    enum target target;
    char id[CR_ID_SIZE * 3]; /* decoded; cut where it is too long to be one */
    size_t id_size;
};

/* Takes one character, which may be percent-encoded (RFC 3986, 2.1). */
static char take_character(chatroom_span *text)
{
    const char *at = text->bytes;
    bool encoded = text->size >= 3 && at[0] == '%' && cr_hex_digit(at[1]) >= 0 && cr_hex_digit(at[2]) >= 0;
    size_t size = encoded ? 3 : 1;

    text->bytes += size;
    text->size -= size;
    return encoded ? (char)(cr_hex_digit(at[1]) * 16 + cr_hex_digit(at[2])) : at[0];
}

/* Takes "/@connections" off, in any encoding. */
static bool take_collection(chatroom_span *path)
{
    static const char name[] = "@connections";
    chatroom_span rest = *path;

    if (rest.size == 0 || *rest.bytes != '/')
        return false;
    rest.bytes++;
    rest.size--;
    for (size_t i = 0; i < sizeof name - 1; i++)
        if (rest.size == 0 || *rest.bytes == '/' || take_character(&rest) != name[i])
            return false;
    if (rest.size > 0 && *rest.bytes != '/')
        return false;
    *path = rest;
    return true;
}

/* Of "/ID" behind the collection; anything else has no method. */
static struct goal find_connection(chatroom_span rest)
{
    struct goal goal = {.target = COLLECTION};

    if (rest.size < 2 || memchr(rest.bytes + 1, '/', rest.size - 1))
        return goal;
    goal.target = CONNECTION;
    rest.bytes++;
    rest.size--;
    while (rest.size > 0 && goal.id_size < sizeof goal.id)
        goal.id[goal.id_size++] = take_character(&rest);
    return goal;
}

/* Somewhere in a path that is not ours: whoever asked has the wrong stage. */
static bool names_collection(chatroom_span target)
{
    const char *query = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;
    chatroom_span path = query ? chatroom_bytes(target.bytes, (size_t)(query - target.bytes)) : target;

    for (; path.size > 0; path.bytes++, path.size--) {
        chatroom_span rest = path;

        if (take_collection(&rest))
            return true;
    }
    return false;
}

static bool is_metrics(const struct cr_management *m, chatroom_span target)
{
    size_t size = m->metrics_path ? strlen(m->metrics_path) : 0;

    return size > 0 && target.size >= size && memcmp(target.bytes, m->metrics_path, size) == 0 &&
           (target.size == size || target.bytes[size] == '?');
}

static struct goal find_goal(const chatroom *c, const struct chatroom_request_head *head)
{
    const struct cr_management *m = c->management;
    struct cr_place place;

    if (!m)
        return (struct goal){.target = NOTHING};
    if (is_metrics(m, head->target))
        return (struct goal){.target = METRICS};
    if (!m->connections)
        return (struct goal){.target = NOTHING};
    if (cr_api_place(c, head, &place) && take_collection(&place.rest))
        return find_connection(place.rest);
    return (struct goal){.target = names_collection(head->target) ? ELSEWHERE : NOTHING};
}

int chatroom_transport_http_wanted(chatroom_transport_port *port, const struct chatroom_request_head *head,
                                   size_t *ret_body_bytes)
{
    enum target target = find_goal(port->c, head).target;

    if (target == NOTHING || port->c->dying)
        return CHATROOM_ENOENT;
    *ret_body_bytes = target == METRICS ? 0 : BODY_MOST;
    return CHATROOM_OK;
}

/* ---- answers ---- */

/* One that is being put together. */
struct reply {
    chatroom *c;
    const struct chatroom_http_request *request;
    const struct goal *goal;
    struct chatroom_http_answer *answer;
};

static void add_header(const struct reply *r, const char *name, chatroom_span value)
{
    if (r->answer->header_count < CR_ANSWER_HEADERS)
        r->c->management->headers[r->answer->header_count++] = (struct chatroom_header){chatroom_str(name), value};
}

struct words {
    chatroom_span parts[4];
};

/* What a stranger sent is quoted as far as it is plain text. */
static size_t add_words(char *buffer, size_t size, chatroom_span part)
{
    for (size_t i = 0; i < part.size && size < MESSAGE_MOST; i++) {
        unsigned char octet = (unsigned char)part.bytes[i];

        buffer[size++] = (octet >= 0x20 && octet < 0x7f) || octet == '\n' ? (char)octet : '?';
    }
    return size;
}

static void write_message(chatroom *c, const void *what, struct chatroom_json *json)
{
    const struct words *words = what;
    char text[MESSAGE_MOST];
    size_t size = 0;

    (void)c;
    for (size_t i = 0; i < sizeof words->parts / sizeof *words->parts; i++)
        size = add_words(text, size, words->parts[i]);
    chatroom_json_open(json, '{');
    chatroom_json_name(json, "message");
    chatroom_json_string(json, chatroom_bytes(text, size));
    chatroom_json_close(json, '}');
}

/* Without its query, in which there may be a signature and a token. */
static chatroom_span shown_target(const struct reply *r)
{
    chatroom_span target = r->request->head.target;
    const char *query = target.size > 0 ? memchr(target.bytes, '?', target.size) : NULL;
    size_t size = query ? (size_t)(query - target.bytes) : target.size;

    return chatroom_bytes(target.bytes, size < TARGET_SHOWN ? size : TARGET_SHOWN);
}

static void log_refused(const struct reply *r, uint16_t status, const char *type, chatroom_span detail)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("method", r->request->method),
        CHATROOM_TEXT("target", shown_target(r)),
        CHATROOM_TEXT("source_ip", r->request->head.source_ip),
        CHATROOM_TEXT("access_key", r->c->management->access_key),
        CHATROOM_NUMBER("status", status),
        CHATROOM_TEXT("error", chatroom_str(type)),
        CHATROOM_TEXT("detail", detail),
        CHATROOM_TEXT("request", chatroom_bytes(r->c->management->request_id, CR_ID_SIZE)),
    };

    cr_log(r->c, CHATROOM_LOG_INFO, "management_refused", fields, sizeof fields / sizeof *fields);
}

/* Who closed a connection is worth a line; messages and looks are many. */
static void log_done(const struct reply *r, enum chatroom_log_level level)
{
    const struct chatroom_log_field fields[] = {
        CHATROOM_TEXT("method", r->request->method),
        CHATROOM_TEXT("connection", chatroom_bytes(r->goal->id, r->goal->id_size)),
        CHATROOM_TEXT("access_key", r->c->management->access_key),
        CHATROOM_TEXT("source_ip", r->request->head.source_ip),
        CHATROOM_TEXT("request", chatroom_bytes(r->c->management->request_id, CR_ID_SIZE)),
    };

    cr_log(r->c, level, "management", fields, sizeof fields / sizeof *fields);
}

static void fail(const struct reply *r, uint16_t status, const char *type, struct words words)
{
    r->answer->status = status;
    add_header(r, "x-amzn-ErrorType", chatroom_str(type));
    if (status == 429)
        add_header(r, "Retry-After", chatroom_str("1"));
    if (status != 410) { /* whose body is empty */
        add_header(r, "Content-Type", chatroom_str("application/json"));
        if (cr_text_write(r->c, write_message, &words, &r->answer->body) != CHATROOM_OK)
            r->answer->body = chatroom_bytes(NULL, 0);
    }
    log_refused(r, status, type, words.parts[0].bytes ? words.parts[0] : chatroom_str(""));
}

static void fail_with(const struct reply *r, uint16_t status, const char *type, const char *sentence)
{
    fail(r, status, type, (struct words){{chatroom_str(sentence)}});
}

/* ---- who may ---- */

static bool is_loopback(chatroom_span ip)
{
    static const char v4[] = "127.", mapped[] = "::ffff:127.";

    return chatroom_span_equal(ip, chatroom_str("::1")) || ip.size == 0 ||
           (ip.size > 4 && memcmp(ip.bytes, v4, 4) == 0) || (ip.size > 11 && memcmp(ip.bytes, mapped, 11) == 0);
}

static void fail_verdict(const struct reply *r, const struct cr_signed *found)
{
    switch (found->verdict) {
    case CHATROOM_SIGV4_UNSIGNED:
        fail_with(r, 403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        break;
    case CHATROOM_SIGV4_MALFORMED:
        fail_with(r, 403, "IncompleteSignatureException", "The signature is not in a form that can be checked.");
        break;
    case CHATROOM_SIGV4_UNKNOWN_KEY:
        fail_with(r, 403, "UnrecognizedClientException", "The security token included in the request is invalid.");
        break;
    case CHATROOM_SIGV4_SKEWED:
        fail_with(r, 403, "InvalidSignatureException",
                  "Signature expired or not yet current: the date of the request is too far from the server's.");
        break;
    case CHATROOM_SIGV4_SCOPE:
        fail_with(r, 403, "InvalidSignatureException",
                  "Credential should be scoped to this API's region, to the service execute-api and to the date of "
                  "the request.");
        break;
    default:
        fail(r, 403, "InvalidSignatureException",
             (struct words){{chatroom_str("The request signature we calculated does not match the signature you "
                                          "provided. Check your AWS Secret Access Key and signing method.\n\n"),
                             chatroom_bytes(found->explanation, found->explained)}});
    }
}

/* "METHOD/@connections/ID", as policies name it. */
static chatroom_span resource_of(const struct reply *r, char *buffer, size_t capacity)
{
    const chatroom_span parts[] = {r->request->method, chatroom_str("/@connections/"),
                                   chatroom_bytes(r->goal->id, r->goal->id_size)};
    size_t size = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].size > capacity - size)
            return chatroom_bytes(NULL, 0);
        memcpy(buffer + size, parts[i].bytes, parts[i].size);
        size += parts[i].size;
    }
    return chatroom_bytes(buffer, size);
}

static bool may(const struct reply *r, const struct cr_signer *signer)
{
    static const char action[] = "execute-api:ManageConnections";
    char resource_text[256], arn_text[1024];
    chatroom_span resource = resource_of(r, resource_text, sizeof resource_text), arn = {NULL, 0};

    if (resource.size > 0 && cr_signer_may(r->c, signer, action, resource))
        return true;
    (void)chatroom_event_method_arn(&r->c->api, resource, arn_text, sizeof arn_text, &arn);
    fail(r, 403, "AccessDeniedException",
         (struct words){{chatroom_str("User: "), signer->access_key,
                         chatroom_str(" is not authorized to perform: execute-api:ManageConnections on resource: "),
                         arn}});
    return false;
}

/* A body that was not read cannot be verified: such a request is let through to hear that, and no more. */
static bool is_allowed(const struct reply *r)
{
    const struct chatroom_http_request *request = r->request;
    const struct chatroom_sigv4_request as_signed = {.method = request->method,
                                                     .target = request->head.target,
                                                     .headers = request->head.headers,
                                                     .header_count = request->head.header_count,
                                                     .body = request->body};
    struct cr_signed found;

    cr_signers_verify(r->c, &as_signed, &found);
    r->c->management->access_key = found.access_key.bytes ? found.access_key : chatroom_str("");
    if (found.verdict == CHATROOM_SIGV4_UNSIGNED && r->c->management->unsigned_loopback &&
        is_loopback(request->head.source_ip))
        return true;
    if (found.verdict == CHATROOM_SIGV4_GOOD)
        return may(r, found.signer);
    if (request->cut && found.verdict == CHATROOM_SIGV4_MISMATCH)
        return true;
    fail_verdict(r, &found);
    return false;
}

/* ---- the verbs ---- */

static void fail_result(const struct reply *r, int result)
{
    if (result == CHATROOM_EGONE)
        fail_with(r, 410, "GoneException", "");
    else if (result == CHATROOM_EAGAIN)
        fail_with(r, 429, "LimitExceededException", "The client does not read what was sent to it before.");
    else
        fail_with(r, 500, "InternalServerErrorException", "Internal server error");
}

static void post(const struct reply *r)
{
    int result;

    if (!chatroom_utf8_valid(r->request->body)) {
        fail_with(r, 400, "BadRequestException", "The payload is not valid UTF-8.");
        return;
    }
    result = cr_call_post(r->c, chatroom_bytes(r->goal->id, r->goal->id_size), r->request->body);
    if (result != CHATROOM_OK)
        fail_result(r, result);
    else
        log_done(r, CHATROOM_LOG_DEBUG);
}

static void write_info(chatroom *c, const void *what, struct chatroom_json *json)
{
    const struct chatroom_connection_info *info = what;
    char connected[CR_ISO_SIZE + 1], active[CR_ISO_SIZE + 1];

    (void)c;
    cr_iso(info->connected_at_ms, connected);
    cr_iso(info->last_active_ms, active);
    chatroom_json_open(json, '{');
    chatroom_json_name(json, "connectedAt");
    chatroom_json_string(json, chatroom_str(connected));
    chatroom_json_name(json, "identity");
    chatroom_json_open(json, '{');
    chatroom_json_name(json, "sourceIp");
    chatroom_json_string(json, info->source_ip);
    if (info->user_agent.size > 0) {
        chatroom_json_name(json, "userAgent");
        chatroom_json_string(json, info->user_agent);
    }
    chatroom_json_close(json, '}');
    chatroom_json_name(json, "lastActiveAt");
    chatroom_json_string(json, chatroom_str(active));
    chatroom_json_close(json, '}');
}

static void get(const struct reply *r)
{
    struct chatroom_connection_info info;
    int result = cr_call_get(r->c, chatroom_bytes(r->goal->id, r->goal->id_size), &info);

    if (result == CHATROOM_OK)
        result = cr_text_write(r->c, write_info, &info, &r->answer->body);
    if (result != CHATROOM_OK) {
        fail_result(r, result);
        return;
    }
    add_header(r, "Content-Type", chatroom_str("application/json"));
    log_done(r, CHATROOM_LOG_DEBUG);
}

static void delete (const struct reply *r)
{
    int result = cr_call_disconnect(r->c, chatroom_bytes(r->goal->id, r->goal->id_size), 1000,
                                    chatroom_str("Connection Closed Normally"));

    if (result != CHATROOM_OK) {
        fail_result(r, result);
        return;
    }
    r->answer->status = 204;
    log_done(r, CHATROOM_LOG_INFO);
}

typedef void verb_fn(const struct reply *r);

static verb_fn *find_verb(chatroom_span method)
{
    static const struct {
        const char *method;
        verb_fn *verb;
    } verbs[] = {{"POST", post}, {"GET", get}, {"DELETE", delete}};

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (chatroom_span_equal(method, chatroom_str(verbs[i].method)))
            return verbs[i].verb;
    return NULL;
}

/* ---- all together ---- */

static void fail_no_method(const struct reply *r)
{
    fail(r, 404, "NotFoundException",
         (struct words){{chatroom_str("No method found matching route "),
                         chatroom_str(r->goal->target == CONNECTION ? "@connections/{connectionId}" : "@connections"),
                         chatroom_str(" for http method "), r->request->method}});
}

/* Of who may: strangers cannot use it up. */
static bool is_too_fast(chatroom *c)
{
    struct cr_management *m = c->management;

    return m->per_second > 0 && !cr_bucket_take(&m->throttle, c->now.mono_ns, 1, 1000000000u / m->per_second, m->burst);
}

static void manage_connection(const struct reply *r)
{
    chatroom_span id = chatroom_bytes(r->goal->id, r->goal->id_size);
    verb_fn *verb = r->goal->target == CONNECTION ? find_verb(r->request->method) : NULL;

    if (!is_allowed(r))
        return;
    if (is_too_fast(r->c))
        fail_with(r, 429, "LimitExceededException", "Too Many Requests");
    else if (r->request->cut)
        fail_with(r, 413, "PayloadTooLargeException", "The payload is larger than 131072 bytes.");
    else if (!verb)
        fail_no_method(r);
    else if (!cr_id_is_valid(id))
        fail(r, 400, "BadRequestException", (struct words){{chatroom_str("Invalid connectionId: "), id}});
    else
        verb(r);
}

static void give_metrics(const struct reply *r)
{
    if (!chatroom_span_equal(r->request->method, chatroom_str("GET")) &&
        !chatroom_span_equal(r->request->method, chatroom_str("HEAD"))) {
        r->answer->status = 405;
        add_header(r, "Allow", chatroom_str("GET, HEAD"));
    } else if (cr_metrics_text(r->c, &r->answer->body) == CHATROOM_OK) {
        add_header(r, "Content-Type", chatroom_str("text/plain; version=0.0.4; charset=utf-8"));
    } else {
        r->answer->status = 503;
    }
}

void chatroom_transport_http(chatroom_transport_port *port, const struct chatroom_http_request *request,
                             struct chatroom_http_answer *ret_answer)
{
    chatroom *c = port->c;
    struct goal goal = find_goal(c, &request->head);
    const struct reply r = {c, request, &goal, ret_answer};

    *ret_answer = (struct chatroom_http_answer){.status = 404};
    if (goal.target == NOTHING)
        return;
    ret_answer->status = 200;
    ret_answer->headers = c->management->headers;
    cr_id_next(&c->ids, c->management->request_id);
    c->management->access_key = chatroom_str("");
    add_header(&r, "x-amzn-RequestId", chatroom_bytes(c->management->request_id, CR_ID_SIZE));
    if (goal.target == METRICS)
        give_metrics(&r);
    else if (goal.target == ELSEWHERE)
        fail_with(&r, 403, "ForbiddenException", "Forbidden");
    else
        manage_connection(&r);
}
