#include "metrics.h"

#include "text.h"

static const struct {
    const char *name, *help;
    size_t offset;
} metrics[] = {
    {"chatroom_connect_count_total", "Connections that were opening and asked the $connect integration.",
     offsetof(struct chatroom_counters, connects)},
    {"chatroom_message_count_total", "Messages from clients and to them.",
     offsetof(struct chatroom_counters, messages)},
    {"chatroom_integration_error_total", "Integrations that answered 4xx or 5xx, or refused.",
     offsetof(struct chatroom_counters, integration_errors)},
    {"chatroom_client_error_total", "Events that were refused before their integration was asked.",
     offsetof(struct chatroom_counters, client_errors)},
    {"chatroom_execution_error_total", "Integrations that could not be asked, or did not answer.",
     offsetof(struct chatroom_counters, execution_errors)},
    {"chatroom_integration_latency_ms_sum", "Milliseconds that integrations took, in all.",
     offsetof(struct chatroom_counters, latency_ms)},
    {"chatroom_integration_latency_ms_count", "Integrations that were waited for.",
     offsetof(struct chatroom_counters, latencies)},
};

static void put(struct chatroom_json *text, const char *literal)
{
    chatroom_json_literal(text, chatroom_str(literal));
}

static void put_number(struct chatroom_json *text, uint64_t number)
{
    text->comma = false;
    chatroom_json_number(text, number < INT64_MAX ? (int64_t)number : INT64_MAX);
    put(text, "\n");
}

/* Inside quotes, where a quote, a backslash and a newline are escaped. */
static void put_label(struct chatroom_json *text, const char *name, chatroom_span value)
{
    put(text, name);
    put(text, "=\"");
    for (size_t i = 0; i < value.size; i++) {
        char octet = value.bytes[i];

        if (octet == '"' || octet == '\\')
            put(text, "\\");
        chatroom_json_literal(text, octet == '\n' ? chatroom_str("\\n") : chatroom_bytes(&value.bytes[i], 1));
    }
    put(text, "\"");
}

/* route NULL: of the stage. */
static void put_sample(const chatroom *c, size_t metric, const struct cr_route *route, struct chatroom_json *text)
{
    const struct chatroom_counters *counters = route ? &route->counters : &c->counters;
    uint64_t value;

    put(text, metrics[metric].name);
    put_label(text, "{api", c->api.id);
    put_label(text, ",stage", c->api.stage);
    if (route)
        put_label(text, ",route", chatroom_bytes(route->key, route->key_size));
    put(text, "} ");
    memcpy(&value, (const char *)counters + metrics[metric].offset, sizeof value);
    put_number(text, value);
}

static void put_metric(const chatroom *c, size_t metric, struct chatroom_json *text)
{
    put(text, "# HELP ");
    put(text, metrics[metric].name);
    put(text, " ");
    put(text, metrics[metric].help);
    put(text, "\n# TYPE ");
    put(text, metrics[metric].name);
    put(text, " counter\n");
    put_sample(c, metric, NULL, text);
    for (struct cr_map_node *node = cr_map_first(&c->routes); node; node = cr_map_next(node))
        put_sample(c, metric, CR_CONTAINER(node, const struct cr_route, node), text);
}

static void put_gauge(struct chatroom_json *text, const char *head, size_t value)
{
    put(text, head);
    put_number(text, value);
}

static void write_all(chatroom *c, const void *what, struct chatroom_json *text)
{
    (void)what;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        put_metric(c, i, text);
    put_gauge(text,
              "# HELP chatroom_connections Connections that are open.\n# TYPE chatroom_connections gauge\n"
              "chatroom_connections ",
              c->open_count);
    put_gauge(text, "# HELP chatroom_rooms Rooms that there are.\n# TYPE chatroom_rooms gauge\nchatroom_rooms ",
              chatroom_room_count(c));
}

int cr_metrics_text(chatroom *c, chatroom_span *ret_text)
{
    return cr_text_write(c, write_all, NULL, ret_text);
}
