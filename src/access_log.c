#include "access_log.h"

#include "access.h"
#include "keys.h"
#include "text.h"

enum { LINE_MOST = 16384 };

static const uint64_t ms_ns = 1000000;

int chatroom_access_log(chatroom *c, const char *format, chatroom_access_fn *write, void *arg,
                        struct chatroom_error *error)
{
    struct cr_access *access;
    int result;

    if (c->started || !format || !write)
        return chatroom_error_set(error, CHATROOM_EINVAL, "An access log has a format and who writes it.");
    result = cr_access_compile(&c->alloc, chatroom_str(format), &access, error);
    if (result != CHATROOM_OK)
        return result;
    cr_access_free(c->access);
    c->access = access;
    c->write_access = write;
    c->write_access_arg = arg;
    return CHATROOM_OK;
}

void cr_access_log_free(chatroom *c)
{
    cr_access_free(c->access);
}

/* What HTTP would have called the end of a request, also where no HTTP was spoken. */
static uint16_t status_of(const chatroom_request *request)
{
    switch (request->ticket.status) {
    case CHATROOM_OK:
        return request->status > 0 ? request->status : 200;
    case CHATROOM_EACCES:
        return 403;
    case CHATROOM_EBODY:
    case CHATROOM_EREFUSED:
    case CHATROOM_EJSON:
    case CHATROOM_EAMBIGUOUS:
    case CHATROOM_ETYPE:
        return 400;
    case CHATROOM_ELIMIT:
    case CHATROOM_EAGAIN:
        return 429;
    case CHATROOM_ETIMEDOUT:
        return 504;
    default:
        return 500;
    }
}

/* API Gateway's names of its own answers. */
static const char *response_type(int result, uint16_t status)
{
    switch (result) {
    case CHATROOM_EACCES:
        return "ACCESS_DENIED";
    case CHATROOM_EBODY:
        return "BAD_REQUEST_BODY";
    case CHATROOM_ELIMIT:
        return "THROTTLED";
    case CHATROOM_ETIMEDOUT:
        return "INTEGRATION_TIMEOUT";
    case CHATROOM_EFAILED:
        return "INTEGRATION_FAILURE";
    default:
        return status == 401 ? "UNAUTHORIZED" : status < 500 ? "DEFAULT_4XX" : "DEFAULT_5XX";
    }
}

static void describe_error(const chatroom_request *request, struct cr_access_facts *facts)
{
    int result = request->ticket.status;

    if (result == CHATROOM_OK)
        return;
    facts->error_message = chatroom_str(cr_text_sentence((uint16_t)facts->status));
    facts->error_response_type = chatroom_str(response_type(result, (uint16_t)facts->status));
    if (result == CHATROOM_EBODY)
        facts->error_validation = request->detail;
    else if (request->asked)
        facts->integration_error = request->detail;
}

static struct cr_access_facts describe(const chatroom_request *request)
{
    bool connect = request->info.event == CHATROOM_CONNECT;
    struct cr_access_facts facts = cr_access_facts(&request->info);

    facts.status = connect && request->ticket.status != CHATROOM_OK ? request->status : status_of(request);
    facts.response_latency_ms = (int64_t)((request->c->now.mono_ns - request->begun_ns) / ms_ns);
    if (request->asked) {
        facts.integration_latency_ms = request->integration_ms;
        facts.integration_status = request->status > 0 ? request->status : CR_ACCESS_NONE;
    }
    if (request->authorized) {
        facts.authorizer_latency_ms = request->authorizer_ms;
        facts.authorizer_status = request->authorizer_status;
    }
    if (request->key)
        facts.api_key_id = request->key->id;
    describe_error(request, &facts);
    return facts;
}

void cr_access_log(const chatroom_request *request)
{
    const chatroom *c = request->c;
    char line[LINE_MOST];
    struct cr_access_facts facts;
    chatroom_span text;

    if (!c->access || !request->connection)
        return;
    facts = describe(request);
    (void)cr_access_write(c->access, &facts, line, sizeof line, &text); /* cut, if it is longer */
    c->write_access(c->write_access_arg, text);
}
