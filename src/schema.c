#include "schema.h"

#include "character.h"
#include "number.h"

const char *const cr_type_words[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

int cr_property_order(chatroom_span a, chatroom_span b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size > 0 ? memcmp(a.bytes, b.bytes, a.size) : 0;
}

struct cr_property *cr_property_find(struct cr_property *properties, size_t count, chatroom_span name)
{
    size_t from = 0, to = count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = cr_property_order(name, properties[middle].name);

        if (order == 0)
            return &properties[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

/* ---- checking ---- */

/* Calls itself for what is inside: as deep as the schema is, and that is JSON. */
struct check {
    const struct cr_schemas *all;
    struct chatroom_error *error;
};

static bool check_value(const struct check *c, uint32_t number, const struct chatroom_json_value *value,
                        const struct cr_place *place);

static bool fail_with(const struct check *c, const struct cr_place *place, struct cr_sentence *sentence)
{
    cr_place_end(place, sentence, c->error, CHATROOM_EINVAL);
    return false;
}

/* keyword and its value are the schema's. */
static bool fail(const struct check *c, const struct cr_place *place, const char *what, chatroom_span limit)
{
    struct cr_sentence sentence = {0};

    cr_sentence_add(&sentence, what);
    cr_sentence_quote(&sentence, limit);
    return fail_with(c, place, &sentence);
}

static bool fail_number(const struct check *c, const struct cr_place *place, const char *what, uint64_t limit)
{
    struct cr_sentence sentence = {0};

    cr_sentence_add(&sentence, what);
    cr_sentence_number(&sentence, limit);
    return fail_with(c, place, &sentence);
}

static bool fail_name(const struct check *c, const struct cr_place *place, const char *what, chatroom_span name)
{
    chatroom_span front = cr_character_front(name, CR_NAME_SHOWN);
    struct cr_sentence sentence = {0};

    cr_sentence_add(&sentence, what);
    cr_sentence_add(&sentence, " \"");
    cr_sentence_quote(&sentence, front);
    cr_sentence_add(&sentence, front.size < name.size ? "...\"" : "\"");
    return fail_with(c, place, &sentence);
}

/* ---- types and enum */

static unsigned types_of(const struct chatroom_json_value *value)
{
    switch (value->type) {
    case CHATROOM_JSON_NULL:
        return CR_NULL;
    case CHATROOM_JSON_FALSE:
    case CHATROOM_JSON_TRUE:
        return CR_BOOLEAN;
    case CHATROOM_JSON_NUMBER:
        return cr_number_is_integer(value->raw) ? CR_NUMBER | CR_INTEGER : CR_NUMBER;
    case CHATROOM_JSON_STRING:
        return CR_STRING;
    case CHATROOM_JSON_ARRAY:
        return CR_ARRAY;
    default:
        return CR_OBJECT;
    }
}

static void add_types(struct cr_sentence *sentence, unsigned types)
{
    bool first = true;

    for (unsigned i = 0; i < CR_TYPES; i++) {
        if (!(types >> i & 1))
            continue;
        if (!first)
            cr_sentence_add(sentence, " or ");
        cr_sentence_add(sentence, cr_type_words[i]);
        first = false;
    }
}

static bool check_type(const struct check *c, const struct cr_schema *schema, const struct chatroom_json_value *value,
                       const struct cr_place *place)
{
    struct cr_sentence sentence = {0};
    unsigned types;

    if (schema->types == 0)
        return true;
    types = types_of(value);
    if (types & schema->types)
        return true;
    cr_sentence_add(&sentence, "Expected ");
    add_types(&sentence, schema->types);
    cr_sentence_add(&sentence, ", found ");
    add_types(&sentence, types & CR_NUMBER ? CR_NUMBER : types);
    return fail_with(c, place, &sentence);
}

static bool is_choice(const struct cr_choice *choice, const struct chatroom_json_value *value)
{
    if (choice->type != value->type)
        return false;
    if (value->type == CHATROOM_JSON_STRING)
        return chatroom_json_is_text(value, choice->text);
    return value->type != CHATROOM_JSON_NUMBER || cr_number_compare(value->raw, choice->text) == 0;
}

static bool check_choice(const struct check *c, const struct cr_schema *schema, const struct chatroom_json_value *value,
                         const struct cr_place *place)
{
    for (uint32_t i = 0; i < schema->choice_count; i++)
        if (is_choice(&c->all->choices[schema->first_choice + i], value))
            return true;
    if (schema->choice_count > 0)
        return fail(c, place, "None of the values of enum", chatroom_bytes(NULL, 0));
    return true;
}

/* ---- strings and numbers */

/* An escape is one, and so are the two of a surrogate pair. */
static size_t code_points(const struct chatroom_json_value *string)
{
    const char *at = string->raw.bytes + 1, *end = string->raw.bytes + string->raw.size - 1;
    size_t count = 0;

    for (; at < end; at++) {
        if (*at == '\\') {
            bool first_half = at[1] == 'u' && (at[2] | 0x20) == 'd' && memchr("89abAB", at[3], 6); /* of D800 to DBFF */

            at += at[1] != 'u' ? 1 : first_half ? 11 : 5;
        }
        count += !cr_character_continues(*at);
    }
    return count;
}

static bool check_string(const struct check *c, const struct cr_schema *schema, const struct chatroom_json_value *value,
                         const struct cr_place *place)
{
    size_t length;

    if (schema->min_length == 0 && schema->max_length == UINT32_MAX)
        return true;
    length = code_points(value);
    if (length < schema->min_length)
        return fail_number(c, place, "Shorter than minLength ", schema->min_length);
    if (length > schema->max_length)
        return fail_number(c, place, "Longer than maxLength ", schema->max_length);
    return true;
}

static bool check_number(const struct check *c, const struct cr_schema *schema, const struct chatroom_json_value *value,
                         const struct cr_place *place)
{
    if (schema->minimum.size > 0) {
        int order = cr_number_compare(value->raw, schema->minimum);

        if (order < 0 || (order == 0 && schema->above_minimum))
            return fail(c, place, order < 0 ? "Below minimum " : "Not above minimum ", schema->minimum);
    }
    if (schema->maximum.size > 0) {
        int order = cr_number_compare(value->raw, schema->maximum);

        if (order > 0 || (order == 0 && schema->below_maximum))
            return fail(c, place, order > 0 ? "Above maximum " : "Not below maximum ", schema->maximum);
    }
    return true;
}

/* ---- arrays and objects */

/* NOLINTBEGIN(misc-no-recursion): a value is no deeper than JSON may be, CHATROOM_JSON_DEPTH */
static bool check_array(const struct check *c, const struct cr_schema *schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct cr_place inner = {place, {NULL, 0}, 0};
    struct chatroom_json_member element;

    for (; chatroom_json_next(&walk, &element); inner.index++) {
        if (inner.index == schema->max_items)
            return fail_number(c, place, "More elements than maxItems ", schema->max_items);
        if (!check_value(c, schema->items, &element.value, &inner))
            return false;
    }
    if (inner.index < schema->min_items)
        return fail_number(c, place, "Fewer elements than minItems ", schema->min_items);
    return true;
}

/* Which of an object's properties came, a bit each. */
struct seen {
    uint64_t bits[CHATROOM_MODEL_NAMES / 64];
};

/* True the first time. */
static bool see(struct seen *seen, size_t n)
{
    uint64_t bit = UINT64_C(1) << (n & 63);
    bool first = !(seen->bits[n / 64] & bit);

    seen->bits[n / 64] |= bit;
    return first;
}

/* NULL: the schema does not speak of it. The longest name comes last; what is longer than it needs no decoding to its
 * end. */
static const struct cr_property *property_of(const struct check *c, const struct cr_schema *schema,
                                             const struct chatroom_json_member *member)
{
    struct chatroom_json_value quoted = {CHATROOM_JSON_STRING, true, {member->name.bytes - 1, member->name.size + 2}};
    char buffer[CR_NAME_MOST];
    struct chatroom_json decoded = chatroom_json_on(buffer, sizeof buffer);
    chatroom_span name = member->name;

    if (schema->property_count == 0)
        return NULL;
    if (member->name_escaped) {
        chatroom_json_decoded(&decoded, &quoted);
        if (!chatroom_json_done(&decoded, &name))
            return NULL;
    }
    return cr_property_find(c->all->properties + schema->first_property, schema->property_count, name);
}

static bool check_member(const struct check *c, const struct cr_schema *schema,
                         const struct chatroom_json_member *member, const struct cr_place *place, struct seen *seen)
{
    const struct cr_property *property = property_of(c, schema, member);
    uint32_t wanted = property ? property->schema : CR_NOTHING;
    struct cr_place inner = {place, member->name, 0};

    if (property && !see(seen, (size_t)(property - c->all->properties) - schema->first_property))
        return fail_name(c, place, "There are two of", property->name);
    if (wanted == CR_NOTHING)
        wanted = schema->additional;
    if (wanted == CR_NOTHING)
        return fail_name(c, place, "There may not be", member->name);
    return check_value(c, wanted, &member->value, &inner);
}

static bool check_object(const struct check *c, const struct cr_schema *schema, const struct chatroom_json_value *value,
                         const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member member;
    struct seen seen = {{0}};

    while (chatroom_json_next(&walk, &member))
        if (!check_member(c, schema, &member, place, &seen))
            return false;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct cr_property *property = &c->all->properties[schema->first_property + i];

        if (property->required && see(&seen, i))
            return fail_name(c, place, "Missing is", property->name);
    }
    return true;
}

static bool check_value(const struct check *c, uint32_t number, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    const struct cr_schema *schema;

    if (number == CR_ANYTHING)
        return true;
    schema = &c->all->schemas[number];
    if (!check_type(c, schema, value, place) || !check_choice(c, schema, value, place))
        return false;
    switch (value->type) {
    case CHATROOM_JSON_STRING:
        return check_string(c, schema, value, place);
    case CHATROOM_JSON_NUMBER:
        return check_number(c, schema, value, place);
    case CHATROOM_JSON_ARRAY:
        return check_array(c, schema, value, place);
    case CHATROOM_JSON_OBJECT:
        return check_object(c, schema, value, place);
    default:
        return true;
    }
}
/* NOLINTEND(misc-no-recursion) */

int cr_schema_check(const struct cr_schemas *all, const struct chatroom_json_value *value, struct chatroom_error *error)
{
    struct check c = {all, error};
    struct cr_place place = {NULL, {NULL, 0}, 0};

    return check_value(&c, 0, value, &place) ? CHATROOM_OK : CHATROOM_EINVAL;
}
