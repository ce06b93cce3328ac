#include "text.h"

#include "memory.h"

/* Writes into the instance's scratch, again with more of it if the text did not fit. */
typedef void write_fn(chatroom *c, const void *what, struct chatroom_json *json);

static int write_text(chatroom *c, write_fn *write, const void *what, chatroom_span *ret_text)
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

    if (write_text(c, write_entry, entry, &text) != CHATROOM_OK)
        return NULL;
    return chatroom_frame_new(&c->alloc, CHATROOM_TEXT_MESSAGE, text, c->config.limits.frame_bytes);
}

int cr_text_refusal(chatroom *c, const struct chatroom_refusal *refusal, chatroom_span *ret_text)
{
    return write_text(c, write_refusal, refusal, ret_text);
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

/* The layout, spaces included, is what clients of API Gateway have been seen to get. */
void cr_text_gateway_refusal(void *arg, const struct chatroom_refusal *refusal, struct chatroom_json *json)
{
    (void)arg;
    put_string(json, "{\"message\": ", chatroom_str(gateway_sentence(refusal)));
    put_string(json, ", \"connectionId\":", refusal->connection_id);
    put_string(json, ", \"requestId\":", refusal->request_id);
    chatroom_json_literal(json, chatroom_str("}"));
}
