#include "mapping.h"

#include "url.h"

struct sink {
    chatroom_span name;
    struct remote_text *out;
};

/* Headers of the connection, and those by which a server knows whom it deals with. */
static const char *const taken[] = {
    "Host",         "Content-Length", "Transfer-Encoding", "Connection",       "Expect",        "Upgrade",
    "TE",           "Trailer",        "Keep-Alive",        "Proxy-Connection", "Content-Type",  "X-Connection-Id",
    "X-Request-Id", "X-Event-Type",   "X-Route-Key",       "X-Stage",          "X-Domain-Name", "X-Callback-Url",
};

static bool is_taken(chatroom_span name)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (remote_same_word(name, chatroom_str(taken[i])))
            return true;
    return false;
}

static bool take(chatroom_span text, const char *prefix, chatroom_span *ret_rest)
{
    size_t size = strlen(prefix);

    if (text.size <= size || memcmp(text.bytes, prefix, size) != 0)
        return false;
    *ret_rest = chatroom_bytes(text.bytes + size, text.size - size);
    return true;
}

bool remote_mapping_parse(chatroom_span destination, chatroom_span source, struct remote_mapping *ret_mapping)
{
    struct remote_mapping mapping = {.place = REMOTE_IN_HEADER};

    if (take(destination, "integration.request.querystring.", &mapping.name))
        mapping.place = REMOTE_IN_QUERY;
    else if (!take(destination, "integration.request.header.", &mapping.name) || !remote_is_token(mapping.name) ||
             is_taken(mapping.name))
        return false;
    if (!remote_source_parse(source, &mapping.source))
        return false;
    *ret_mapping = mapping;
    return true;
}

static void add_pair(void *arg, chatroom_span value)
{
    struct sink *sink = arg;
    const struct remote_text *url = sink->out;
    bool has_query = url->size > 0 && memchr(url->bytes, '?', url->size);

    remote_text_add_str(sink->out, has_query ? "&" : "?");
    remote_text_add_encoded(sink->out, sink->name);
    remote_text_add_str(sink->out, "=");
    remote_text_add_encoded(sink->out, value);
}

void remote_mapping_add_query(const struct remote_mapping *mapping, const struct chatroom_request_info *info,
                              chatroom_span body, struct remote_text *scratch, struct remote_text *url)
{
    struct sink sink = {mapping->name, url};

    if (mapping->place == REMOTE_IN_QUERY)
        remote_source_each(&mapping->source, info, body, scratch, add_pair, &sink);
}

static bool is_blank(chatroom_span value)
{
    for (size_t i = 0; i < value.size; i++)
        if ((unsigned char)value.bytes[i] > ' ' && value.bytes[i] != 0x7f)
            return false;
    return true;
}

void remote_add_header(struct remote_text *headers, chatroom_span name, chatroom_span value)
{
    remote_text_add(headers, name);
    if (is_blank(value)) {
        remote_text_add_str(headers, ";");
    } else {
        remote_text_add_str(headers, ": ");
        remote_text_add_field(headers, value);
    }
    remote_text_add(headers, chatroom_bytes("", 1));
}

static void add_line(void *arg, chatroom_span value)
{
    struct sink *sink = arg;

    remote_add_header(sink->out, sink->name, value);
}

void remote_mapping_add_headers(const struct remote_mapping *mapping, const struct chatroom_request_info *info,
                                chatroom_span body, struct remote_text *scratch, struct remote_text *headers)
{
    struct sink sink = {mapping->name, headers};

    if (mapping->place == REMOTE_IN_HEADER)
        remote_source_each(&mapping->source, info, body, scratch, add_line, &sink);
}
