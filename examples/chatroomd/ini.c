#include "ini.h"

#include <string.h>

struct reader {
    ini_fn *hear;
    void *arg;
    int line;
    const char *complaint;
    char name[INI_LINE_BYTES]; /* of the entry above, for the lines that go on with it; "" where there is none */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static char *trim(char *text)
{
    size_t size;

    while (is_blank(*text))
        text++;
    size = strlen(text);
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

/* Of a text that does not begin with one. */
static void cut_comment(char *text)
{
    for (char *at = strchr(text, ';'); at; at = strchr(at + 1, ';'))
        if (is_blank(at[-1])) {
            *at = '\0';
            return;
        }
}

static bool complain(struct reader *r, const char *complaint)
{
    r->complaint = complaint;
    return false;
}

static bool take_section(struct reader *r, char *text)
{
    size_t size = strlen(text);

    r->name[0] = '\0';
    if (text[size - 1] != ']')
        return complain(r, "begins a section, but does not end it with ]");
    text[size - 1] = '\0';
    return r->hear(r->arg, r->line, trim(text + 1), NULL);
}

static bool take_entry(struct reader *r, char *text)
{
    char *sign = strpbrk(text, "=:"), *name;

    if (!sign || sign == text)
        return complain(r, "is neither \"name = value\" nor a comment");
    *sign = '\0';
    name = trim(text); /* of a line, which is no longer than what it is copied to */
    memcpy(r->name, name, strlen(name) + 1);
    return r->hear(r->arg, r->line, r->name, trim(sign + 1));
}

static bool take_line(struct reader *r, char *line)
{
    bool goes_on = is_blank(*line) && r->name[0];
    char *text = line;

    while (is_blank(*text))
        text++;
    if (*text == '#' || *text == ';')
        return true;
    cut_comment(text);
    text = trim(text);
    if (*text == '\0')
        return true;
    if (goes_on)
        return r->hear(r->arg, r->line, r->name, text);
    return *text == '[' ? take_section(r, text) : take_entry(r, text);
}

/* fgets() does not say how much it read. Behind it there is nothing but what was there before, which is no NUL. */
static bool next(char line[INI_LINE_BYTES], FILE *stream, size_t *ret_length)
{
    memset(line, '\n', INI_LINE_BYTES);
    if (!fgets(line, INI_LINE_BYTES, stream))
        return false;
    *ret_length = (size_t)((char *)memrchr(line, '\0', INI_LINE_BYTES) - line);
    return true;
}

static bool read_into(char line[INI_LINE_BYTES], struct reader *r, FILE *stream)
{
    size_t length;

    while (next(line, stream, &length)) {
        r->line++;
        if (strlen(line) != length || (line[length - 1] != '\n' && !feof(stream)))
            return complain(r, "is too long, or holds a NUL");
        if (r->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
            memmove(line, line + 3, length - 2);
        if (!take_line(r, line))
            return false;
    }
    if (ferror(stream))
        return complain(r, "cannot be read, nor what comes after it");
    return true;
}

/* T42: a line may hold a secret. */
static bool read_lines(struct reader *r, FILE *stream)
{
    char line[INI_LINE_BYTES];
    bool ok = read_into(line, r, stream);

    explicit_bzero(line, sizeof line);
    return ok;
}

bool ini_read(FILE *stream, ini_fn *hear, void *arg, int *ret_line, const char **ret_complaint)
{
    struct reader r = {.hear = hear, .arg = arg};
    bool ok = read_lines(&r, stream);

    *ret_line = r.line;
    *ret_complaint = r.complaint;
    return ok;
}
