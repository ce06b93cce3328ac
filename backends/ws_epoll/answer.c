#include "answer.h"

#include "date.h"
#include "head.h"

#include <stdio.h>

#define OWN_MOST 512 /* what is written of our own, without answer->fields */

static const char *phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    /* Of the core's choice; the phrase carries no meaning. */
    return status < 300 ? "Success" : status < 400 ? "Redirection" : status < 500 ? "Client Error" : "Server Error";
}

bool ws_answer_has_body(unsigned status)
{
    return status != 204 && status != 304;
}

unsigned ws_answer_status(unsigned status)
{
    return status >= 200 && status <= 599 ? status : 500;
}

/* Does it belong to the message or the connection, and so to us? */
static bool is_ours(chatroom_span name)
{
    static const char *const ours[] = {"Content-Length", "Transfer-Encoding", "Trailer", "Connection",
                                       "Keep-Alive",     "Upgrade",           "Date",    "X-Content-Type-Options"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (ws_same_word(name, chatroom_str(ours[i])))
            return true;
    return false;
}

static bool is_value(chatroom_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.bytes[i] == '\r' || text.bytes[i] == '\n' || text.bytes[i] == '\0')
            return false;
    return true;
}

static bool is_fit(const struct chatroom_header *header)
{
    return ws_is_token(header->name) && is_value(header->value) && !is_ours(header->name);
}

size_t ws_answer_most(const struct ws_answer *answer)
{
    size_t size = OWN_MOST + (answer->fields ? strlen(answer->fields) : 0);

    for (size_t i = 0; i < answer->header_count; i++)
        size += answer->headers[i].name.size + answer->headers[i].value.size + strlen(": \r\n");
    return size;
}

static char *put(char *at, chatroom_span text)
{
    if (text.size > 0)
        memcpy(at, text.bytes, text.size);
    return at + text.size;
}

static char *put_text(char *at, const char *text)
{
    return put(at, chatroom_str(text));
}

static char *put_header(char *at, const struct chatroom_header *header)
{
    at = put_text(put(at, header->name), ": ");
    return put_text(put(at, header->value), "\r\n");
}

static char *put_own(char *at, const struct ws_answer *answer, int64_t wall_ms)
{
    char date[WS_DATE_SIZE + 1];

    ws_date(wall_ms, date);
    if (ws_answer_has_body(answer->status))
        at += snprintf(at, OWN_MOST / 4, "Content-Length: %zu\r\n", answer->body.size);
    at += snprintf(at, OWN_MOST / 4, "X-Content-Type-Options: nosniff\r\nDate: %s\r\n", date);
    if (answer->close)
        at = put_text(at, answer->status == 426 ? "Connection: close, Upgrade\r\n" : "Connection: close\r\n");
    return put_text(at, "\r\n");
}

size_t ws_answer_write(const struct ws_answer *answer, int64_t wall_ms, char *ret_text)
{
    char *at =
        ret_text + snprintf(ret_text, OWN_MOST / 4, "HTTP/1.1 %u %s\r\n", answer->status, phrase(answer->status));

    at = put_text(at, answer->fields ? answer->fields : "");
    for (size_t i = 0; i < answer->header_count; i++)
        if (is_fit(&answer->headers[i]))
            at = put_header(at, &answer->headers[i]);
    return (size_t)(put_own(at, answer, wall_ms) - ret_text);
}
