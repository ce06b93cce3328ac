#include "expression.h"

#include "memory.h"
#include "plain.h"
#include "sentence.h"

#include <chatroom/utf8.h>

/* What an expression does, one step after the other, with the value in its hand. */
enum action {
    WRITE_TEXT,
    TAKE_BODY,
    TAKE_MEMBER,
    TAKE_ELEMENT,
    WRITE_VALUE,
};

struct step {
    enum action action;
    uint16_t from, size; /* WRITE_TEXT, TAKE_MEMBER: in the texts */
    uint32_t index;      /* TAKE_ELEMENT */
};

struct cr_expression {
    struct chatroom_alloc alloc;
    size_t block_size, count;
    const char *texts; /* behind the steps; a member's name has a NUL behind it */
    struct step steps[];
};

/* ---- compiling ---- */

static const char root[] = "request.body";

enum { INDEX_MOST = 999999 };

/* Goes over the text twice: to count the steps, and to note them. */
struct compiler {
    chatroom_span text;
    size_t at;
    struct step *steps; /* NULL: they are counted */
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

static bool fail(struct compiler *c, const char *what)
{
    return fail_at(c, c->at, what);
}

static bool at_end(const struct compiler *c)
{
    return c->at == c->text.size;
}

static bool sees(const struct compiler *c, char wanted)
{
    return !at_end(c) && c->text.bytes[c->at] == wanted;
}

static bool take(struct compiler *c, char wanted)
{
    if (!sees(c, wanted))
        return false;
    c->at++;
    return true;
}

static bool sees_digit(const struct compiler *c)
{
    return !at_end(c) && c->text.bytes[c->at] >= '0' && c->text.bytes[c->at] <= '9';
}

static bool sees_name(const struct compiler *c)
{
    char letter = at_end(c) ? '\0' : (char)(c->text.bytes[c->at] | 0x20);

    return sees_digit(c) || (letter >= 'a' && letter <= 'z') || sees(c, '_') || sees(c, '-');
}

static void keep(struct compiler *c, char octet)
{
    if (c->texts)
        c->texts[c->used] = octet;
    c->used++;
}

static bool emit(struct compiler *c, enum action action, size_t from, uint32_t index)
{
    struct step step = {action, (uint16_t)from, (uint16_t)(c->used - from), index};

    if (c->steps)
        c->steps[c->count] = step;
    c->count++;
    return true;
}

static bool emit_name(struct compiler *c, size_t from)
{
    emit(c, TAKE_MEMBER, from, 0);
    keep(c, '\0');
    return true;
}

/* Behind the '.'. */
static bool compile_name(struct compiler *c)
{
    size_t from = c->used;

    if (sees(c, '.'))
        return fail_at(c, c->at - 1, "\"..\" is not supported: a path names every step");
    if (sees(c, '*'))
        return fail(c, "Wildcards are not supported");
    if (!sees_name(c))
        return fail_at(c, c->at - 1, "A \".\" has no name behind it (braces end a variable: ${request.body.name})");
    while (sees_name(c))
        keep(c, c->text.bytes[c->at++]);
    return emit_name(c, from);
}

/* Behind the quote that opens it. */
static bool compile_quoted(struct compiler *c, size_t bracket)
{
    size_t from = c->used;

    while (!at_end(c) && !sees(c, '\'')) {
        if (take(c, '\\') && !sees(c, '\'') && !sees(c, '\\'))
            return fail_at(c, c->at - 1, "A name has a bad escape (there are \\' and \\\\)");
        keep(c, c->text.bytes[c->at++]);
    }
    if (!take(c, '\''))
        return fail_at(c, bracket + 1, "A quote is not closed");
    if (c->used == from)
        return fail_at(c, bracket, "A name is empty");
    return emit_name(c, from);
}

static bool compile_index(struct compiler *c)
{
    size_t from = c->at;
    uint32_t index = 0;

    while (sees_digit(c)) {
        index = index * 10 + (uint32_t)(c->text.bytes[c->at++] - '0');
        if (index > INDEX_MOST)
            return fail_at(c, from, "An index is above 999999");
    }
    if (c->at - from > 1 && c->text.bytes[from] == '0')
        return fail_at(c, from, "An index begins with 0");
    return emit(c, TAKE_ELEMENT, c->used, index);
}

static bool refuse_bracket(struct compiler *c)
{
    if (sees(c, '*'))
        return fail(c, "Wildcards are not supported");
    if (sees(c, '?') || sees(c, '('))
        return fail(c, "Filters are not supported");
    if (sees(c, '-'))
        return fail(c, "An index is negative");
    if (sees(c, ':'))
        return fail(c, "Slices are not supported");
    if (sees(c, '"'))
        return fail(c, "A name in brackets stands in single quotes");
    return fail(c, "Brackets hold an index or a name in single quotes");
}

/* Behind the '['. */
static bool compile_bracket(struct compiler *c)
{
    size_t bracket = c->at - 1;

    if (at_end(c))
        return fail_at(c, bracket, "A bracket is not closed");
    if (take(c, '\'')) {
        if (!compile_quoted(c, bracket))
            return false;
    } else if (sees_digit(c)) {
        if (!compile_index(c))
            return false;
    } else {
        return refuse_bracket(c);
    }
    if (take(c, ']'))
        return true;
    if (at_end(c))
        return fail_at(c, bracket, "A bracket is not closed");
    if (sees(c, ',') || sees(c, ':'))
        return fail(c, "Lists and slices are not supported: brackets hold one index or one name");
    return fail(c, "A \"]\" is missing");
}

static bool compile_path(struct compiler *c)
{
    for (;;) {
        if (take(c, '.')) {
            if (!compile_name(c))
                return false;
        } else if (take(c, '[')) {
            if (!compile_bracket(c))
                return false;
        } else {
            return true;
        }
    }
}

static bool take_root(struct compiler *c)
{
    size_t size = sizeof root - 1;

    if (c->text.size - c->at < size || memcmp(c->text.bytes + c->at, root, size) != 0)
        return false;
    c->at += size;
    return !sees_name(c);
}

static bool close_brace(struct compiler *c, size_t brace)
{
    if (take(c, '}'))
        return true;
    if (at_end(c))
        return fail_at(c, brace, "A brace is not closed");
    return fail(c, "A path may not hold this (a name with other characters is written ['name'])");
}

static bool compile_variable(struct compiler *c)
{
    size_t from = c->at++;
    bool braced = take(c, '{');

    if (at_end(c))
        return fail_at(c, from,
                       braced ? "A brace is not closed" : "A \"$\" has no path behind it (\\$ is a dollar sign)");
    if (!take_root(c))
        return fail_at(c, from, "A variable begins with something else than request.body (\\$ is a dollar sign)");
    emit(c, TAKE_BODY, c->used, 0);
    if (!compile_path(c) || (braced && !close_brace(c, from + 1)))
        return false;
    return emit(c, WRITE_VALUE, c->used, 0);
}

static bool compile_text(struct compiler *c)
{
    size_t from = c->used;

    while (!at_end(c) && !sees(c, '$')) {
        if (take(c, '\\') && !sees(c, '$'))
            return fail_at(c, c->at - 1, "A bad escape (there is \\$ alone)");
        keep(c, c->text.bytes[c->at++]);
    }
    return emit(c, WRITE_TEXT, from, 0);
}

static bool compile(struct compiler *c)
{
    c->at = c->count = c->used = 0;
    while (!at_end(c))
        if (!(sees(c, '$') ? compile_variable(c) : compile_text(c)))
            return false;
    return true;
}

/* What no expression may be. */
static bool check_text(struct compiler *c)
{
    struct chatroom_utf8 utf8 = {0};

    if (c->text.size == 0)
        return fail(c, "The expression is empty");
    if (c->text.size > CR_EXPRESSION_MOST)
        return fail_at(c, CR_EXPRESSION_MOST, "The expression is longer than 1024 bytes");
    for (size_t i = 0; i < c->text.size; i++) {
        if (!chatroom_utf8_feed(&utf8, c->text.bytes + i, 1))
            return fail_at(c, i, "The expression is not UTF-8");
        if ((unsigned char)c->text.bytes[i] < 0x20)
            return fail_at(c, i, "The expression holds a control character");
    }
    if (!chatroom_utf8_complete(&utf8))
        return fail_at(c, c->text.size, "The expression is not UTF-8");
    return true;
}

static struct cr_expression *new_expression(const struct chatroom_alloc *alloc, const struct compiler *counted)
{
    size_t steps_size = counted->count * sizeof(struct step);
    size_t size = sizeof(struct cr_expression) + steps_size + counted->used;
    struct cr_expression *expression = cr_new(alloc, size);

    if (expression) {
        expression->alloc = *alloc;
        expression->block_size = size;
        expression->count = counted->count;
        expression->texts = (char *)expression->steps + steps_size;
    }
    return expression;
}

int cr_expression_compile(const struct chatroom_alloc *alloc, chatroom_span text, struct cr_expression **ret_expression,
                          struct chatroom_error *error)
{
    struct compiler c = {.text = text};
    struct cr_expression *expression;

    if (!check_text(&c) || !compile(&c))
        return cr_sentence_refuse(error, CHATROOM_EINVAL, c.wrong, text, c.wrong_at);
    expression = new_expression(alloc, &c);
    if (!expression)
        return chatroom_error_set(error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
    c.steps = expression->steps;
    c.texts = (char *)expression->steps + expression->count * sizeof(struct step);
    compile(&c);
    *ret_expression = expression;
    return CHATROOM_OK;
}

void cr_expression_free(struct cr_expression *expression)
{
    if (expression) {
        struct chatroom_alloc alloc = expression->alloc;

        cr_free(&alloc, expression, expression->block_size);
    }
}

/* ---- evaluating ---- */

static chatroom_span text_of(const struct cr_expression *expression, const struct step *step)
{
    return chatroom_bytes(expression->texts + step->from, step->size);
}

static const struct chatroom_json_value nothing = {CHATROOM_JSON_NONE, false, {NULL, 0}};

static int take_member(struct chatroom_json_value *value, chatroom_span name)
{
    if (value->type == CHATROOM_JSON_OBJECT)
        return chatroom_json_get(value->raw, name, value);
    *value = nothing;
    return CHATROOM_OK;
}

static void take_element(struct chatroom_json_value *value, uint32_t index)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member element;
    bool found = value->type == CHATROOM_JSON_ARRAY;

    for (uint32_t i = 0; found && i <= index; i++)
        found = chatroom_json_next(&walk, &element);
    *value = found ? element.value : nothing;
}

int cr_expression_evaluate(const struct cr_expression *expression, chatroom_span body, char *buffer, size_t capacity,
                           chatroom_span *ret_value)
{
    struct chatroom_json out = chatroom_json_on(buffer, capacity);
    struct chatroom_json_value value = nothing;
    int result = CHATROOM_OK;

    for (size_t i = 0; i < expression->count && result == CHATROOM_OK; i++) {
        const struct step *step = &expression->steps[i];

        switch (step->action) { /* not reached: any other */
        case WRITE_TEXT:
            chatroom_json_literal(&out, text_of(expression, step));
            break;
        case TAKE_BODY:
            value = chatroom_json_value(body);
            break;
        case TAKE_MEMBER:
            result = take_member(&value, text_of(expression, step));
            break;
        case TAKE_ELEMENT:
            take_element(&value, step->index);
            break;
        case WRITE_VALUE:
            cr_plain_write(&out, &value);
            break;
        }
    }
    if (result != CHATROOM_OK)
        return result;
    return chatroom_json_done(&out, ret_value) ? CHATROOM_OK : CHATROOM_ETOOBIG;
}

bool cr_expression_is_member(const struct cr_expression *expression, chatroom_span *ret_name)
{
    const struct step *steps = expression->steps;

    if (expression->count != 3 || steps[0].action != TAKE_BODY || steps[1].action != TAKE_MEMBER)
        return false;
    *ret_name = text_of(expression, &steps[1]);
    return true;
}

bool cr_expression_is_static(const struct cr_expression *expression)
{
    return expression->count == 1; /* a variable takes two steps at least */
}
