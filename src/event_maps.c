#include "event_maps.h"

#include "loose.h"
#include "query.h"
#include "token.h"

#include <chatroom/event.h>

/* Names and values, of which several may have the same name. */
struct pairs {
    const struct chatroom_header *at;
    size_t count;
    bool encoded; /* as a query is; else as headers are */
};

static bool one_of(chatroom_span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cr_same_word(name, chatroom_str(names[i])))
            return true;
    return false;
}

static struct pairs headers_of(const struct chatroom_request_info *info)
{
    return (struct pairs){info->head->headers, info->head->header_count, false};
}

/* ---- one name ---- */

static bool same_name(const struct pairs *pairs, size_t a, size_t b)
{
    return pairs->encoded ? cr_query_same(pairs->at[a].name, pairs->at[b].name)
                          : cr_same_word(pairs->at[a].name, pairs->at[b].name);
}

static bool stood_before(const struct pairs *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (same_name(pairs, i, n))
            return true;
    return false;
}

static void add_text(struct cr_loose *loose, chatroom_span text, bool encoded)
{
    char octet;

    if (!encoded)
        cr_loose_add(loose, text);
    else
        while (cr_query_octet(&text, &octet))
            cr_loose_octet(loose, octet);
}

static void write_value(struct chatroom_json *json, const struct pairs *pairs, size_t n)
{
    struct cr_loose loose;

    cr_loose_open(&loose, json);
    add_text(&loose, pairs->at[n].value, pairs->encoded);
    cr_loose_close(&loose);
}

static void write_all_values(struct chatroom_json *json, const struct pairs *pairs, size_t n)
{
    chatroom_json_open(json, '[');
    for (size_t i = n; i < pairs->count; i++)
        if (same_name(pairs, n, i))
            write_value(json, pairs, i);
    chatroom_json_close(json, ']');
}

static void write_last_value(struct chatroom_json *json, const struct pairs *pairs, size_t n)
{
    size_t last = n;

    for (size_t i = n + 1; i < pairs->count; i++)
        if (same_name(pairs, n, i))
            last = i;
    write_value(json, pairs, last);
}

/* The n-th name, with all its values. Nothing if it stood before. */
static void write_pair(struct chatroom_json *json, const struct pairs *pairs, size_t n, bool multi)
{
    struct cr_loose loose;

    if (stood_before(pairs, n))
        return;
    cr_loose_open(&loose, json);
    add_text(&loose, pairs->at[n].name, pairs->encoded);
    cr_loose_close_name(&loose);
    if (multi)
        write_all_values(json, pairs, n);
    else
        write_last_value(json, pairs, n);
}

/* ---- headers that a gateway adds ---- */

static const char forwarded_for[] = "X-Forwarded-For", trace_id[] = "X-Amzn-Trace-Id",
                  content_length[] = "content-length";

static bool sent(const struct pairs *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (cr_same_word(headers->at[i].name, chatroom_str(name)))
            return true;
    return false;
}

/* Opens a member of a map: its value, a string, comes next. */
static void open_added(struct chatroom_json *json, const char *name, bool multi, struct cr_loose *loose)
{
    chatroom_json_name(json, name);
    if (multi)
        chatroom_json_open(json, '[');
    cr_loose_open(loose, json);
}

static void close_added(struct cr_loose *loose, bool multi)
{
    cr_loose_close(loose);
    if (multi)
        chatroom_json_close(loose->json, ']');
}

static void write_added(struct chatroom_json *json, const char *name, bool multi, chatroom_span value)
{
    struct cr_loose loose;

    open_added(json, name, multi, &loose);
    cr_loose_add(&loose, value);
    close_added(&loose, multi);
}

static void add_hop(struct cr_loose *loose, chatroom_span address, bool *any)
{
    if (address.size == 0)
        return;
    if (*any)
        cr_loose_add(loose, chatroom_str(", "));
    cr_loose_add(loose, address);
    *any = true;
}

/* As a proxy does it: whom the client says that it speaks for, then the client. */
static void write_forwarded_for(struct chatroom_json *json, const struct chatroom_request_info *info, bool multi)
{
    struct pairs headers = headers_of(info);
    struct cr_loose loose;
    bool any = false;

    open_added(json, forwarded_for, multi, &loose);
    for (size_t i = 0; i < headers.count; i++)
        if (cr_same_word(headers.at[i].name, chatroom_str(forwarded_for)))
            add_hop(&loose, headers.at[i].value, &any);
    add_hop(&loose, info->source_ip, &any);
    close_added(&loose, multi);
}

/* The port that the client asked for, which a host names unless it is the scheme's own. */
static chatroom_span port_of(chatroom_span host, bool secure)
{
    for (size_t i = host.size; i > 0 && host.bytes[i - 1] != ']'; i--)
        if (host.bytes[i - 1] == ':' && i < host.size)
            return chatroom_bytes(host.bytes + i, host.size - i);
    return chatroom_str(secure ? "443" : "80");
}

static void put_hex(char *to, size_t digits, uint64_t number)
{
    for (; digits > 0; digits--, number >>= 4)
        to[digits - 1] = "0123456789abcdef"[number & 15];
}

/* "Root=1-", the time in seconds, '-', and 96 bits that are the same whenever this request is shown. */
static void write_trace_id(struct chatroom_json *json, const struct chatroom_request_info *info, bool multi)
{
    static const uint8_t keys[2][16] = {"trace, low", "trace, high"};
    char text[] = "Root=1-00000000-000000000000000000000000";

    put_hex(text + 7, 8, (uint64_t)(info->time_ms / 1000));
    put_hex(text + 16, 8, chatroom_hash(keys[1], info->request_id.bytes, info->request_id.size));
    put_hex(text + 24, 16, chatroom_hash(keys[0], info->request_id.bytes, info->request_id.size));
    write_added(json, trace_id, multi, chatroom_str(text));
}

static void write_all_added(struct chatroom_json *json, const struct chatroom_request_info *info, bool of_connection,
                            bool multi)
{
    struct pairs headers = headers_of(info);

    if (of_connection && !sent(&headers, content_length))
        write_added(json, content_length, multi, chatroom_str("0"));
    if (!sent(&headers, trace_id))
        write_trace_id(json, info, multi);
    write_forwarded_for(json, info, multi);
    write_added(json, "X-Forwarded-Port", multi, port_of(info->domain_name, info->api->secure));
    write_added(json, "X-Forwarded-Proto", multi, chatroom_str(info->api->secure ? "https" : "http"));
}

/* ---- maps ---- */

/* A client must not say of itself what a gateway says of it. */
static bool is_shown(chatroom_span name, bool of_connection)
{
    static const char *const hidden[] = {forwarded_for, "X-Forwarded-Port", "X-Forwarded-Proto", "Connection",
                                         "Upgrade"};

    return !one_of(name, hidden, of_connection ? 3 : 5);
}

static void write_headers(struct chatroom_json *json, const struct chatroom_request_info *info, bool of_connection,
                          bool multi)
{
    struct pairs headers = headers_of(info);

    chatroom_json_open(json, '{');
    for (size_t i = 0; i < headers.count; i++)
        if (is_shown(headers.at[i].name, of_connection))
            write_pair(json, &headers, i, multi);
    write_all_added(json, info, of_connection, multi);
    chatroom_json_close(json, '}');
}

void cr_maps_write_headers(const struct chatroom_request_info *info, bool of_connection, struct chatroom_json *json)
{
    chatroom_json_name(json, "headers");
    write_headers(json, info, of_connection, false);
    chatroom_json_name(json, "multiValueHeaders");
    write_headers(json, info, of_connection, true);
}

static void write_query(struct chatroom_json *json, const struct pairs *parameters, bool multi)
{
    chatroom_json_open(json, '{');
    for (size_t i = 0; i < parameters->count; i++)
        write_pair(json, parameters, i, multi);
    chatroom_json_close(json, '}');
}

void cr_maps_write_query(const struct chatroom_request_info *info, struct chatroom_json *json)
{
    struct chatroom_header parameters[CHATROOM_EVENT_PARAMETERS_MOST];
    struct pairs pairs = {parameters, 0, true};
    chatroom_span query = cr_query_of(info->head->target);

    while (pairs.count < CHATROOM_EVENT_PARAMETERS_MOST && cr_query_next(&query, &parameters[pairs.count]))
        pairs.count++;
    chatroom_json_name(json, "queryStringParameters");
    write_query(json, &pairs, false);
    chatroom_json_name(json, "multiValueQueryStringParameters");
    write_query(json, &pairs, true);
}

bool cr_maps_has_query(const struct chatroom_request_info *info)
{
    chatroom_span query = cr_query_of(info->head->target);
    struct chatroom_header parameter;

    return cr_query_next(&query, &parameter);
}
