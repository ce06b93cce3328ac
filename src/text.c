#include "text.h"

#include "memory.h"

/* Writes into the instance's scratch, again with more of it if the text did not fit. */
int cr_text_write(chatroom *c, cr_text_fn *write, const void *what, chatroom_span *ret_text)
{
    for (;;) {
        struct chatroom_json json = chatroom_json_on(c->scratch, c->scratch_size);
        char *bigger;

        write(c, what, &json);
        if (chatroom_json_done(&json, ret_text))
            return CHATROOM_OK;
        bigger = cr_resize(&c->alloc, c->scratch, c->scratch_size, json.size * 2);
        if (!bigger)
            return CHATROOM_ENOMEM;
        c->scratch = bigger;
        c->scratch_size = json.size * 2;
    }
}

static void write_entry(chatroom *c, const void *what, struct chatroom_json *json)
{
    c->write_entry(c->write_entry_arg, what, json);
}

static void write_refusal(chatroom *c, const void *what, struct chatroom_json *json)
{
    c->write_refusal(c->write_refusal_arg, what, json);
}

chatroom_frame *cr_text_entry(chatroom *c, const struct chatroom_entry *entry)
{
    chatroom_span text;

    if (cr_text_write(c, write_entry, entry, &text) != CHATROOM_OK)
        return NULL;
    return chatroom_frame_new(&c->alloc, CHATROOM_TEXT_MESSAGE, text, c->config.limits.frame_bytes);
}

int cr_text_refusal(chatroom *c, const struct chatroom_refusal *refusal, chatroom_span *ret_text)
{
    return cr_text_write(c, write_refusal, refusal, ret_text);
}

void cr_text_payload(void *arg, const struct chatroom_entry *entry, struct chatroom_json *json)
{
    (void)arg;
    chatroom_json_raw(json, entry->payload);
}

static const char *gateway_sentence(const struct chatroom_refusal *refusal)
{
    switch (refusal->result) {
    case CHATROOM_EACCES:
        return "Forbidden";
    case CHATROOM_ETIMEDOUT:
        return "Endpoint request timed out";
    case CHATROOM_ELIMIT:
    case CHATROOM_EAGAIN:
        return "Too Many Requests";
    case CHATROOM_EREFUSED:
        return refusal->sentence;
    default:
        return "Internal server error";
    }
}

static void put_string(struct chatroom_json *json, const char *before, chatroom_span text)
{
    chatroom_json_literal(json, chatroom_str(before));
    json->comma = false;
    chatroom_json_string(json, text);
}

static void put_detail(struct chatroom_json *json, chatroom_span detail)
{
    if (detail.size > 0)
        put_string(json, ", \"detail\":", detail);
    chatroom_json_literal(json, chatroom_str("}"));
}

/* This one has blanks in other places, and names the message. */
static void write_bad_body(const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    put_string(json, "{\"message\" : ", chatroom_str("Bad request body"));
    put_string(json, ", \"connectionId\": ", refusal->connection_id);
    put_string(json, ", \"messageId\": ", refusal->message_id);
    put_detail(json, refusal->detail);
}

static void write_error(struct chatroom_json *json, const char *sentence, chatroom_span connection_id,
                        chatroom_span request_id, chatroom_span detail)
{
    put_string(json, "{\"message\": ", chatroom_str(sentence));
    put_string(json, ", \"connectionId\":", connection_id);
    put_string(json, ", \"requestId\":", request_id);
    put_detail(json, detail);
}

/* The layout, spaces included, is what clients of API Gateway have been seen to get. */
void cr_text_gateway_refusal(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    (void)arg;
    if (refusal->result == CHATROOM_EBODY)
        write_bad_body(refusal, json);
    else
        write_error(json, gateway_sentence(refusal), refusal->connection_id, refusal->request_id, refusal->detail);
}

/* ---- errors of HTTP ---- */

static const struct {
    uint16_t status;
    const char *type, *sentence;
} errors[] = {
    {400, "BadRequestException", "Bad Request"},
    {401, "UnauthorizedException", "Unauthorized"},
    {403, "ForbiddenException", "Forbidden"},
    {404, "NotFoundException", "Not Found"},
    {410, "GoneException", "Gone"},
    {413, "PayloadTooLargeException", "Payload Too Large"},
    {429, "LimitExceededException", "Too Many Requests"},
    {503, "ServiceUnavailableException", "Service Unavailable"},
    {504, "GatewayTimeoutException", "Endpoint request timed out"},
};

static size_t find_error(uint16_t status)
{
    size_t at = 0;

    while (at < sizeof errors / sizeof *errors && errors[at].status != status)
        at++;
    return at;
}

const char *cr_text_error_type(uint16_t status)
{
    size_t at = find_error(status);

    if (at < sizeof errors / sizeof *errors)
        return errors[at].type;
    return status < 400 ? "" : status < 500 ? "BadRequestException" : "InternalServerErrorException";
}

const char *cr_text_sentence(uint16_t status)
{
    size_t at = find_error(status);

    if (at < sizeof errors / sizeof *errors)
        return errors[at].sentence;
    return status < 500 ? "Refused" : "Internal server error";
}

struct http_error {
    uint16_t status;
    chatroom_span connection_id, request_id;
};

static void write_status(chatroom *c, const void *what, struct chatroom_json *json)
{
    const struct http_error *error = what;

    (void)c;
    write_error(json, cr_text_sentence(error->status), error->connection_id, error->request_id,
                chatroom_bytes(NULL, 0));
}

chatroom_span cr_text_status(chatroom *c, uint16_t status, chatroom_span connection_id, chatroom_span request_id)
{
    const struct http_error error = {status, connection_id, request_id};
    chatroom_span text = {NULL, 0};

    return cr_text_write(c, write_status, &error, &text) == CHATROOM_OK ? text : chatroom_bytes(NULL, 0);
}
