#include "options.h"

#include "listener.h"
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>

void chatroom_ws_epoll_aws(struct chatroom_ws_epoll_options *options)
{
    options->frame_bytes = 32768;
    options->idle_ms = 600000;
    options->life_ms = 7200000;
    options->ping_ms = 0;
}

static int complain(struct chatroom_error *error, const char *format, const char *what)
{
    char text[sizeof error->text];

    snprintf(text, sizeof text, format, what);
    return chatroom_error_set(error, CHATROOM_EINVAL, text);
}

/* ---- checking ------------------------------------------------------------------------------------------------------
 */

static int check_numbers(const struct chatroom_ws_epoll_options *o, struct chatroom_error *error)
{
    const struct {
        const char *name;
        uint64_t value;
    } needed[] = {
        {"message_bytes", o->message_bytes},
        {"head_bytes", o->head_bytes},
        {"target_bytes", o->target_bytes},
        {"queue_bytes", o->queue_bytes},
        {"queue_soft_ms", o->queue_soft_ms},
        {"queue_soft_bytes", o->queue_soft_bytes},
        {"handshake_ms", o->handshake_ms},
        {"message_ms", o->message_ms},
        {"close_ms", o->close_ms},
        {"write_ms", o->write_ms},
        {"output_bytes", o->output_bytes},
        {"opening_most", o->opening_most},
        {"pong_ms", o->ping_ms ? o->pong_ms : 1},
        {"connects_burst", o->connects_per_second ? o->connects_burst : 1},
        {"keep_alive_ms", o->keep_alive_ms},
        {"body_bytes", o->body_bytes},
        {"input_bytes", o->input_bytes},
        {"address_connects_burst", o->address_connects_per_second ? o->address_connects_burst : 1},
    };

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (needed[i].value == 0)
            return complain(error, "%s must not be 0.", needed[i].name);
    if (o->queue_bytes > WS_QUEUE_MOST)
        return complain(error, "%s must be less than 1 GiB.", "queue_bytes");
    return CHATROOM_OK;
}

static int check_origins(const struct chatroom_ws_epoll_options *o, struct chatroom_error *error)
{
    if (o->origin_count > 0 && !o->origins)
        return complain(error, "%s is NULL, but its count is not 0.", "origins");
    for (size_t i = 0; i < o->origin_count; i++) {
        if (!o->origins[i])
            return complain(error, "One of %s is NULL.", "origins");
        if (strcmp(o->origins[i], "*") == 0 && o->origin_count == 1)
            continue;
        if (!ws_origin_valid(o->origins[i]))
            return complain(error, "\"%s\" is not an origin like \"https://chat.example\".", o->origins[i]);
    }
    return CHATROOM_OK;
}

static int check_addresses(const char *name, const char *const *texts, size_t count, struct chatroom_error *error)
{
    union ws_socket_address address;

    if (count > 0 && !texts)
        return complain(error, "%s is NULL, but its count is not 0.", name);
    for (size_t i = 0; i < count; i++) {
        if (!texts[i])
            return complain(error, "One of %s is NULL.", name);
        if (ws_listen_parse(texts[i], &address) == 0)
            return complain(error,
                            "\"%s\" is not an address like \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/x.sock\".",
                            texts[i]);
    }
    return CHATROOM_OK;
}

static int check_listen(const struct chatroom_ws_epoll_options *o, struct chatroom_error *error)
{
    int rc;

    if (o->listen_count == 0 || !o->listen)
        return complain(error, "There is no address to listen on%s.", "");
    if (o->http_apart && o->http_listen_count == 0)
        return complain(error, "http_apart needs an address in %s.", "http_listen");
    rc = check_addresses("listen", o->listen, o->listen_count, error);
    return rc ? rc : check_addresses("http_listen", o->http_listen, o->http_listen_count, error);
}

static int check_files(const struct chatroom_ws_epoll_options *o, struct chatroom_error *error)
{
    if (o->file_count > 0 && !o->files)
        return complain(error, "%s is NULL, but its count is not 0.", "files");
    for (size_t i = 0; i < o->file_count; i++) {
        const struct chatroom_ws_file *file = &o->files[i];
        size_t size = file->headers ? strlen(file->headers) : 0;

        if (!file->path || file->path[0] != '/')
            return complain(error, "The path of a file must begin with \"/\"%s.", "");
        if (file->size > WS_QUEUE_MOST)
            return complain(error, "The file \"%s\" is too long.", file->path);
        if (size > WS_FILE_FIELDS_MOST || (size > 0 && (size < 2 || strcmp(file->headers + size - 2, "\r\n") != 0)))
            return complain(error, "The headers of \"%s\" are too long or do not end with CRLF.", file->path);
    }
    return CHATROOM_OK;
}

/* ---- copying -------------------------------------------------------------------------------------------------------
 */

static void free_texts(const char *const *texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free((char *)(uintptr_t)texts[i]); /* ours, so they are not really const */
    free((void *)(uintptr_t)texts);
}

static const char *const *copy_texts(const char *const *texts, size_t count)
{
    const char **copy = calloc(count + 1, sizeof *copy);

    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(texts[i]);
        if (!copy[i]) {
            free_texts(copy, i);
            return NULL;
        }
    }
    return copy;
}

/* NULL stays NULL. False: out of memory. */
static bool copy_text(const char *text, const char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return !text || *ret_copy;
}

static int copy_all(const struct chatroom_ws_epoll_options *from, struct chatroom_ws_epoll_options *to)
{
    bool listen = (to->listen = copy_texts(from->listen, from->listen_count)) != NULL;
    bool http_listen = (to->http_listen = copy_texts(from->http_listen, from->http_listen_count)) != NULL;
    bool origins = (to->origins = copy_texts(from->origins, from->origin_count)) != NULL;
    bool health = copy_text(from->health_path, &to->health_path);
    bool upgrade = copy_text(from->upgrade_path, &to->upgrade_path);

    if (listen && http_listen && origins && health && upgrade)
        return CHATROOM_OK;
    ws_options_fini(to);
    return CHATROOM_ENOMEM;
}

int ws_options_copy(const struct chatroom_ws_epoll_options *options, struct chatroom_ws_epoll_options *ret_options,
                    struct chatroom_error *error)
{
    struct chatroom_ws_epoll_options o = CHATROOM_WS_EPOLL_OPTIONS;
    int rc;

    if (options->size == 0)
        return complain(error, "The options must begin as %s.", "CHATROOM_WS_EPOLL_OPTIONS");
    /* An older program knows fewer of them: the rest is as it would be by default. */
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    if (o.threads > WS_THREADS_MOST)
        return complain(error, "threads must not be more than %s.", "64");
    rc = check_numbers(&o, error);
    if (!rc)
        rc = check_listen(&o, error);
    if (!rc)
        rc = check_origins(&o, error);
    if (!rc)
        rc = check_files(&o, error);
    if (rc)
        return rc;
    if (o.frame_bytes == 0)
        o.frame_bytes = o.message_bytes;
    if (o.message_frames == 0)
        o.message_frames = 64 + o.message_bytes / 64;
    *ret_options = o;
    if (copy_all(&o, ret_options))
        return chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    return CHATROOM_OK;
}

void ws_options_fini(struct chatroom_ws_epoll_options *options)
{
    free_texts(options->listen, options->listen_count);
    free_texts(options->http_listen, options->http_listen_count);
    free_texts(options->origins, options->origin_count);
    free((char *)(uintptr_t)options->health_path);
    free((char *)(uintptr_t)options->upgrade_path);
}
