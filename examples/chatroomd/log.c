#include "log.h"

#include <chatroom/utf8.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- escaping --------------------------------------------------------------------------------------------------- */

/* Octets of the character that begins here; 0 if it is not valid UTF-8. */
static size_t character(const char *bytes, size_t size, uint32_t *ret_point)
{
    unsigned char first = (unsigned char)bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t point = length == 1 ? first : first & (0xffu >> (length + 1));

    if (length > size || !chatroom_utf8_valid(chatroom_bytes(bytes, length)))
        return 0;
    for (size_t i = 1; i < length; i++)
        point = point << 6 | ((unsigned char)bytes[i] & 0x3f);
    *ret_point = point;
    return length;
}

/* What a terminal or an editor acts on instead of showing it: controls, invisible and direction-changing characters. */
static bool acts(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x206f) || point == 0xfeff || (point >= 0xfff0 && point <= 0xfffb) ||
           point >= 0xe0000;
}

/* The escaped form of one character, which the caller found at bytes; its size. */
static size_t escape_one(char form[8], const char *bytes, size_t length, uint32_t point)
{
    if (length == 0 || acts(point))
        return (size_t)snprintf(form, 8, "\\u%04x", length && point < 0x10000 ? (unsigned)point : 0xfffdu);
    if (point == '"' || point == '\\') {
        form[0] = '\\';
        form[1] = (char)point;
        return 2;
    }
    memcpy(form, bytes, length);
    return length;
}

size_t log_escape(char *buffer, size_t size, chatroom_span text)
{
    char form[8];
    size_t used = 0, length, form_size;
    uint32_t point = 0;

    for (size_t at = 0; at < text.size; at += length ? length : 1) {
        length = character(text.bytes + at, text.size - at, &point);
        form_size = escape_one(form, text.bytes + at, length, point);
        if (form_size > size - used)
            break;
        memcpy(buffer + used, form, form_size);
        used += form_size;
    }
    return used;
}

/* ---- one line --------------------------------------------------------------------------------------------------- */

struct line {
    char bytes[LOG_LINE_BYTES];
    size_t size;
};

static const char *level_word(enum chatroom_log_level level)
{
    switch (level) {
    case CHATROOM_LOG_ERROR:
        return "error";
    case CHATROOM_LOG_WARN:
        return "warn";
    case CHATROOM_LOG_INFO:
        return "info";
    default:
        return "debug";
    }
}

static void begin(struct line *line, const struct log *log, enum chatroom_log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    char day[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    line->size = 0;
    if (log->journal)
        line->size = (size_t)snprintf(line->bytes, sizeof line->bytes, "<%d>", level);
    line->size += (size_t)snprintf(line->bytes + line->size, sizeof line->bytes - line->size,
                                   "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"event\":\"%.64s\"", day,
                                   (int)(now.tv_nsec / 1000000), level_word(level), event);
}

/* A field that does not fit is left out whole, so that the line stays JSON. */
static void add(struct line *line, const struct chatroom_log_field *field)
{
    char piece[LOG_TEXT_BYTES + 128];
    int head = snprintf(piece, sizeof piece, ",\"%.64s\":", field->key);
    size_t size = (size_t)head;

    if (field->text.bytes) {
        piece[size++] = '"';
        size += log_escape(piece + size, LOG_TEXT_BYTES, field->text);
        piece[size++] = '"';
    } else {
        size += (size_t)snprintf(piece + size, sizeof piece - size, "%lld", (long long)field->number);
    }
    if (size > sizeof line->bytes - 2 - line->size)
        return;
    memcpy(line->bytes + line->size, piece, size);
    line->size += size;
}

static void end(struct line *line)
{
    line->bytes[line->size++] = '}';
    line->bytes[line->size++] = '\n';
}

/* ---- writing without waiting ------------------------------------------------------------------------------------ */

static ssize_t put(const struct log *log, const char *bytes, size_t size)
{
    struct pollfd ready = {.fd = log->fd, .events = POLLOUT};

    if (log->socket)
        return send(log->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* A description shared with others must not be made non-blocking for them: ask first. */
    if (!log->owned && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)))
        return -1;
    return write(log->fd, bytes, size);
}

static bool put_line(struct log *log, const struct line *line)
{
    ssize_t put_size;

    if (log->torn && put(log, "\n", 1) != 1)
        return false;
    log->torn = false;
    put_size = put(log, line->bytes, line->size);
    log->torn = put_size > 0 && (size_t)put_size < line->size;
    return put_size == (ssize_t)line->size;
}

/* Tells how many lines are missing, before the next one that is not. */
static bool put_lost(struct log *log)
{
    struct line line;
    struct chatroom_log_field lost = CHATROOM_NUMBER("lines", log->lost);

    if (log->lost == 0)
        return true;
    begin(&line, log, CHATROOM_LOG_WARN, "log_lost");
    add(&line, &lost);
    end(&line);
    if (!put_line(log, &line))
        return false;
    log->lost = 0;
    return true;
}

static void put_event(struct log *log, const struct line *line)
{
    pthread_mutex_lock(&log->lock);
    if (!put_lost(log) || !put_line(log, line))
        log->lost++;
    pthread_mutex_unlock(&log->lock);
}

void log_event(void *arg, enum chatroom_log_level level, const char *event, const struct chatroom_log_field *fields,
               size_t count)
{
    struct log *log = arg;
    struct line line;

    if (level > log->level)
        return;
    begin(&line, log, level, event);
    for (size_t i = 0; i < count; i++)
        add(&line, &fields[i]);
    end(&line);
    put_event(log, &line);
}

void log_long(struct log *log, enum chatroom_log_level level, const char *event, const char *key, chatroom_span text)
{
    static const size_t behind = 3; /* "}\n */
    struct line line;

    if (level > log->level)
        return;
    begin(&line, log, level, event);
    line.size += (size_t)snprintf(line.bytes + line.size, sizeof line.bytes - line.size, ",\"%.64s\":\"", key);
    line.size += log_escape(line.bytes + line.size, sizeof line.bytes - line.size - behind, text);
    line.bytes[line.size++] = '"';
    end(&line);
    put_event(log, &line);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* JOURNAL_STREAM is "DEVICE:INODE" of the stream; a child with another standard error may have inherited it. */
static bool is_journal(const struct stat *st, const char *journal_stream)
{
    unsigned long long device, inode;

    /* NOLINTNEXTLINE(cert-err34-c): systemd wrote them */
    return journal_stream && sscanf(journal_stream, "%llu:%llu", &device, &inode) == 2 && device == st->st_dev &&
           inode == st->st_ino;
}

void log_init(struct log *log, int fd, enum chatroom_log_level level, const char *journal_stream)
{
    struct stat st;
    char path[64];
    int own;

    memset(log, 0, sizeof *log);
    pthread_mutex_init(&log->lock, NULL);
    log->level = level;
    log->fd = fd;
    if (fstat(fd, &st))
        return;
    log->socket = S_ISSOCK(st.st_mode);
    log->journal = is_journal(&st, journal_stream);
    if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return;
    log->fd = own;
    log->owned = true;
}

void log_fini(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    put_lost(log);
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_destroy(&log->lock);
    if (log->owned)
        close(log->fd);
}
