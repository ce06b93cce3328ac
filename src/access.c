#include "access.h"

#include "character.h"
#include "memory.h"
#include "sentence.h"

/* ---- compiling ---- */

/* A piece of text, or a variable and the key it may have. */
struct part {
    const struct cr_variable *variable; /* NULL: the text */
    uint16_t from, size;                /* in the texts */
};

struct cr_access {
    struct chatroom_alloc alloc;
    size_t block_size, count;
    const char *texts; /* behind the parts */
    struct part parts[];
};

/* Goes over the format twice: to count the parts, and to note them. */
struct compiler {
    chatroom_span format;
    size_t at;
    struct part *parts; /* NULL: they are counted */
    size_t count;
    char *texts;
    size_t used;
    const char *wrong; /* what is, and where */
    size_t wrong_at;
};

static bool fail_at(struct compiler *c, size_t at, const char *what)
{
    c->wrong = what;
    c->wrong_at = at;
    return false;
}

static bool sees(const struct compiler *c, char wanted)
{
    return c->at < c->format.size && c->format.bytes[c->at] == wanted;
}

static bool take(struct compiler *c, char wanted)
{
    if (!sees(c, wanted))
        return false;
    c->at++;
    return true;
}

static void keep(struct compiler *c, chatroom_span text)
{
    if (c->texts && text.size > 0)
        memcpy(c->texts + c->used, text.bytes, text.size);
    c->used += text.size;
}

static bool emit(struct compiler *c, const struct cr_variable *variable, size_t from)
{
    struct part part = {variable, (uint16_t)from, (uint16_t)(c->used - from)};

    if (c->parts)
        c->parts[c->count] = part;
    c->count++;
    return true;
}

static bool starts_with(chatroom_span text, const char *start)
{
    size_t size = strlen(start);

    return text.size >= size && memcmp(text.bytes, start, size) == 0;
}

static bool is_letter(chatroom_span text, size_t at)
{
    char octet = at < text.size ? text.bytes[at] : '\0';

    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
           octet == '_';
}

/* A name without braces: a '.' at its end is the text's. */
static chatroom_span take_bare(struct compiler *c)
{
    size_t from = c->at;

    while (is_letter(c->format, c->at) || (sees(c, '.') && is_letter(c->format, c->at + 1)))
        c->at++;
    return chatroom_bytes(c->format.bytes + from, c->at - from);
}

static bool take_braced(struct compiler *c, chatroom_span *ret_name)
{
    const char *from = c->format.bytes + c->at, *end = memchr(from, '}', c->format.size - c->at);

    if (!end)
        return fail_at(c, c->at - 1, "A brace is not closed");
    *ret_name = chatroom_bytes(from, (size_t)(end - from));
    c->at += ret_name->size + 1;
    return true;
}

static bool compile_variable(struct compiler *c)
{
    static const char context[] = "context.";
    size_t start = c->at++, from = c->used;
    const struct cr_variable *variable;
    chatroom_span name, key;

    if (c->at == c->format.size)
        return fail_at(c, start, "A \"$\" has no variable behind it (\\$ is a dollar sign)");
    if (!take(c, '{'))
        name = take_bare(c);
    else if (!take_braced(c, &name))
        return false;
    if (!starts_with(name, context))
        return fail_at(c, start, "A variable does not begin with $context. (\\$ is a dollar sign)");
    name = chatroom_bytes(name.bytes + strlen(context), name.size - strlen(context));
    variable = cr_variable_find(name, &key);
    if (!variable)
        return fail_at(c, start, "There is no such variable");
    keep(c, key);
    return emit(c, variable, from);
}

static bool compile_text(struct compiler *c)
{
    size_t from = c->used;

    while (c->at < c->format.size && !sees(c, '$')) {
        if (sees(c, '\\') && c->at + 1 < c->format.size && c->format.bytes[c->at + 1] == '$')
            c->at++;
        keep(c, chatroom_bytes(c->format.bytes + c->at++, 1));
    }
    return emit(c, NULL, from);
}

static bool compile(struct compiler *c)
{
    c->at = c->count = c->used = 0;
    while (c->at < c->format.size)
        if (!(sees(c, '$') ? compile_variable(c) : compile_text(c)))
            return false;
    return true;
}

static bool check_format(struct compiler *c)
{
    chatroom_span format = c->format;

    if (format.size == 0)
        return fail_at(c, 0, "The format is empty");
    if (format.size > CR_ACCESS_MOST)
        return fail_at(c, CR_ACCESS_MOST, "The format is longer than 3072 bytes");
    for (size_t at = 0, size; at < format.size; at += size) {
        size = cr_character_size(chatroom_bytes(format.bytes + at, format.size - at));
        if (size == 0)
            return fail_at(c, at, "The format is not UTF-8");
        if ((unsigned char)format.bytes[at] < 0x20)
            return fail_at(c, at, "The format holds a control character");
    }
    return true;
}

static struct cr_access *new_access(const struct chatroom_alloc *alloc, const struct compiler *counted)
{
    size_t parts_size = counted->count * sizeof(struct part);
    size_t size = sizeof(struct cr_access) + parts_size + counted->used;
    struct cr_access *access = cr_new(alloc, size);

    if (access) {
        access->alloc = *alloc;
        access->block_size = size;
        access->count = counted->count;
        access->texts = (char *)access->parts + parts_size;
    }
    return access;
}

int cr_access_compile(const struct chatroom_alloc *alloc, chatroom_span format, struct cr_access **ret_access,
                      struct chatroom_error *error)
{
    struct compiler c = {.format = format};
    struct cr_access *access;

    if (!check_format(&c) || !compile(&c))
        return cr_sentence_refuse(error, CHATROOM_EINVAL, c.wrong, format, c.wrong_at);
    access = new_access(alloc, &c);
    if (!access)
        return chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    c.parts = access->parts;
    c.texts = (char *)access->parts + access->count * sizeof(struct part);
    compile(&c);
    *ret_access = access;
    return CHATROOM_OK;
}

void cr_access_free(struct cr_access *access)
{
    if (access) {
        struct chatroom_alloc alloc = access->alloc;

        cr_free(&alloc, access, access->block_size);
    }
}

/* ---- writing ---- */

/* What did not fit is left away, and with it the character that it would cut through. */
static chatroom_span cut(const struct chatroom_json *out)
{
    size_t size = out->capacity, start = size;

    while (start > 0 && cr_character_continues(out->bytes[start - 1]))
        start--;
    if (start > 0)
        start--;
    if (cr_character_size(chatroom_bytes(out->bytes + start, size - start)) == 0)
        size = start;
    return chatroom_bytes(out->bytes, size);
}

bool cr_access_write(const struct cr_access *access, const struct cr_access_facts *facts, char *buffer, size_t capacity,
                     chatroom_span *ret_line)
{
    struct chatroom_json out = chatroom_json_on(buffer, capacity);

    for (size_t i = 0; i < access->count; i++) {
        const struct part *part = &access->parts[i];
        chatroom_span text = chatroom_bytes(access->texts + part->from, part->size);

        if (part->variable)
            cr_variable_write(&out, part->variable, text, facts);
        else
            chatroom_json_literal(&out, text);
    }
    if (chatroom_json_done(&out, ret_line))
        return true;
    *ret_line = cut(&out);
    return false;
}
