#include "transfer.h"

#include <stdio.h>

enum {
    HEADER_BYTES_MOST = 65536,
};

/* ---- what comes ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct remote_call *call = arg;

    size *= count; /* size is 1 */
    call->too_big = call->too_big || size > call->response_most - call->response.size;
    if (call->too_big)
        return CURL_WRITEFUNC_ERROR;
    remote_text_add(&call->response, chatroom_bytes(bytes, size));
    return call->response.failed ? CURL_WRITEFUNC_ERROR : size;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct remote_call *call = arg;

    (void)bytes;
    size *= count;
    call->too_big = call->too_big || size > HEADER_BYTES_MOST - call->header_bytes;
    if (call->too_big)
        return CURL_WRITEFUNC_ERROR;
    call->header_bytes += size;
    return size;
}

/* ---- what is set ---- */

static bool add_lines(struct curl_slist **list, const struct remote_text *lines)
{
    for (size_t at = 0; at < lines->size; at += strlen(lines->bytes + at) + 1) {
        struct curl_slist *longer = curl_slist_append(*list, lines->bytes + at);

        if (!longer)
            return false;
        *list = longer;
    }
    return true;
}

static CURLcode set_numbers(CURL *easy, const struct remote_transfer_options *options)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_PATH_AS_IS, 1},
        {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms},
        {CURLOPT_TIMEOUT_MS, 0}, /* the loop's: it counts the waiting too */
    };
    CURLcode code = CURLE_OK;

    for (size_t i = 0; code == CURLE_OK && i < sizeof numbers / sizeof *numbers; i++)
        code = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
    return code;
}

static CURLcode set_texts(CURL *easy, const struct remote_call *call, const struct remote_transfer_options *options)
{
    const struct {
        CURLoption option;
        const char *value; /* NULL: as it is */
    } texts[] = {
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_PROXY, ""}, /* none, whatever the environment says */
        {CURLOPT_USERAGENT, "libchatroom/" CHATROOM_VERSION},
        {CURLOPT_CAINFO, options->ca_file},
        {CURLOPT_URL, call->url.bytes},
    };
    CURLcode code = CURLE_OK;

    for (size_t i = 0; code == CURLE_OK && i < sizeof texts / sizeof *texts; i++)
        if (texts[i].value)
            code = curl_easy_setopt(easy, texts[i].option, texts[i].value);
    return code;
}

static CURLcode set_functions(CURL *easy, struct remote_call *call)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);

    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->lines);
    return code;
}

static CURLcode set_body(CURL *easy, const struct remote_call *call)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POST, 1L);

    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.size > 0 ? call->body.bytes : "");
    return code;
}

static CURLcode set_method(CURL *easy, const struct remote_call *call)
{
    CURLcode code;

    if (strcmp(call->method, "HEAD") == 0)
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    code = strcmp(call->method, "GET") == 0 ? curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) : set_body(easy, call);
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method) : code;
}

static int refuse(struct remote_call *call, CURLcode code)
{
    if (code == CURLE_OUT_OF_MEMORY)
        return CHATROOM_ENOMEM;
    call->reason = "bad_request";
    if (call->error[0] == '\0')
        strncpy(call->error, curl_easy_strerror(code), sizeof call->error - 1);
    return CHATROOM_EFAILED;
}

int remote_transfer_begin(struct remote_call *call, const struct remote_transfer_options *options, int64_t wall_ms)
{
    CURLcode code;
    int result = call->kind->sign ? call->kind->sign(call, wall_ms) : CHATROOM_OK;

    if (result)
        return result;
    call->easy = curl_easy_init();
    if (!call->easy || remote_call_failed(call) || !add_lines(&call->lines, &call->headers) ||
        !add_lines(&call->lines, &call->signature))
        return CHATROOM_ENOMEM;
    code = set_functions(call->easy, call);
    if (code == CURLE_OK)
        code = set_numbers(call->easy, options);
    if (code == CURLE_OK)
        code = set_texts(call->easy, call, options);
    if (code == CURLE_OK)
        code = set_method(call->easy, call);
    return code == CURLE_OK ? CHATROOM_OK : refuse(call, code);
}

/* ---- what came ---- */

static void say(struct remote_call *call, int result, const char *reason)
{
    call->result = result;
    call->reason = reason;
}

static void take_failure(struct remote_call *call, CURLcode code)
{
    if (call->error[0] == '\0')
        strncpy(call->error, curl_easy_strerror(code), sizeof call->error - 1);
    if (call->too_big)
        say(call, CHATROOM_EFAILED, "too_big");
    else if (call->response.failed || code == CURLE_OUT_OF_MEMORY)
        say(call, CHATROOM_ENOMEM, "out_of_memory");
    else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_OPERATION_TIMEDOUT)
        say(call, CHATROOM_EFAILED, "unreachable");
    else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        say(call, CHATROOM_EFAILED, "not_trusted");
    else
        say(call, CHATROOM_EFAILED, "broken");
}

void remote_transfer_take(struct remote_call *call, CURLcode code)
{
    struct curl_header *header;
    long status = 0;

    if (code == CURLE_OK)
        code = curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        take_failure(call, code);
        return;
    }
    call->status = (unsigned)status;
    call->function_error =
        curl_easy_header(call->easy, "X-Amz-Function-Error", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
    if (status < 200 || status > 599) {
        snprintf(call->error, sizeof call->error, "HTTP status %ld", status);
        say(call, CHATROOM_EFAILED, "malformed");
        return;
    }
    say(call, CHATROOM_OK, NULL);
}

void remote_transfer_end(struct remote_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->lines);
    call->easy = NULL;
    call->lines = NULL;
}
