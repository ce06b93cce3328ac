#include "schema.h"

#include "character.h"
#include "memory.h"
#include "number.h"

/* A schema that is being read: what was understood of it goes to the ends of three lists. */
struct chatroom_model {
    struct chatroom_alloc alloc;
    char *text;    /* the schema, which names and numbers point into */
    char *decoded; /* and those that had escapes into this: as large as the text */
    size_t text_size, decoded_size;
    struct cr_schemas all;
    size_t schema_count, schema_capacity;
    size_t property_count, property_capacity;
    size_t choice_count, choice_capacity;
};

struct reader {
    struct chatroom_model *model;
    struct chatroom_error *error;
};

/* Every reading function returns CHATROOM_OK, or an error that it has told. */
static int read_schema(struct reader *r, const struct chatroom_json_value *value, const struct cr_place *place,
                       uint32_t *ret_schema);

static int no_memory(struct reader *r)
{
    return chatroom_error_set(r->error, CHATROOM_ENOMEM, chatroom_strerror(CHATROOM_ENOMEM));
}

static int refuse(struct reader *r, const struct cr_place *place, const char *what)
{
    struct cr_sentence sentence = {0};

    cr_sentence_add(&sentence, what);
    return cr_place_end(place, &sentence, r->error, CHATROOM_EINVAL);
}

static int refuse_name(struct reader *r, const struct cr_place *place, const char *what, chatroom_span name)
{
    chatroom_span front = cr_character_front(name, CR_NAME_SHOWN);
    struct cr_sentence sentence = {0};

    cr_sentence_add(&sentence, what);
    cr_sentence_add(&sentence, " \"");
    cr_sentence_quote(&sentence, front);
    cr_sentence_add(&sentence, front.size < name.size ? "...\"" : "\"");
    return cr_place_end(place, &sentence, r->error, CHATROOM_EINVAL);
}

/* The text of a string for as long as the model lives. Once for each of the schema's, or there is no room. */
static chatroom_span text_of(struct reader *r, const struct chatroom_json_value *string)
{
    struct chatroom_model *model = r->model;
    chatroom_span text = {NULL, 0};

    (void)chatroom_json_text(string, model->decoded + model->decoded_size, &text);
    if (string->escaped)
        model->decoded_size += text.size;
    return text;
}

static struct chatroom_json_value quoted(const struct chatroom_json_member *member)
{
    struct chatroom_json_value name = {CHATROOM_JSON_STRING, member->name_escaped, {NULL, 0}};

    name.raw = chatroom_bytes(member->name.bytes - 1, member->name.size + 2);
    return name;
}

/* ---- keywords ---- */

static struct cr_schema *schema_at(const struct reader *r, uint32_t number)
{
    return &r->model->all.schemas[number];
}

typedef int read_fn(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                    const struct cr_place *place);

static int read_nothing(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    (void)r;
    (void)schema;
    (void)value;
    (void)place;
    return CHATROOM_OK;
}

static unsigned type_of(const struct chatroom_json_value *word)
{
    for (unsigned i = 0; i < CR_TYPES; i++)
        if (chatroom_json_is_text(word, chatroom_str(cr_type_words[i])))
            return 1U << i;
    return 0;
}

static int add_type(struct reader *r, uint32_t schema, const struct chatroom_json_value *word,
                    const struct cr_place *place)
{
    unsigned type = type_of(word);

    if (type == 0)
        return refuse(r, place, "A type is none of null, boolean, integer, number, string, array and object");
    if (schema_at(r, schema)->types & type)
        return refuse(r, place, "A type stands twice");
    schema_at(r, schema)->types |= type;
    return CHATROOM_OK;
}

static int read_type(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                     const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member word;
    int result = CHATROOM_OK;

    if (value->type != CHATROOM_JSON_ARRAY)
        return add_type(r, schema, value, place);
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &word))
        result = add_type(r, schema, &word.value, place);
    if (result == CHATROOM_OK && schema_at(r, schema)->types == 0)
        return refuse(r, place, "There is no type in the list");
    return result;
}

static int add_choice(struct reader *r, const struct chatroom_json_value *value, const struct cr_place *place)
{
    struct chatroom_model *model = r->model;
    struct cr_choice choice = {value->type, value->raw};
    struct cr_choice *choices;

    if (value->type == CHATROOM_JSON_ARRAY || value->type == CHATROOM_JSON_OBJECT)
        return refuse(r, place, "An enum may not hold arrays or objects");
    if (value->type == CHATROOM_JSON_STRING)
        choice.text = text_of(r, value);
    choices = cr_reserve(&model->alloc, model->all.choices, &model->choice_capacity, model->choice_count + 1,
                         sizeof *choices);
    if (!choices)
        return no_memory(r);
    model->all.choices = choices;
    choices[model->choice_count++] = choice;
    return CHATROOM_OK;
}

static int read_enum(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                     const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member choice;
    int result = CHATROOM_OK;

    schema_at(r, schema)->first_choice = (uint32_t)r->model->choice_count;
    while (value->type == CHATROOM_JSON_ARRAY && result == CHATROOM_OK && chatroom_json_next(&walk, &choice))
        result = add_choice(r, &choice.value, place);
    schema_at(r, schema)->choice_count = (uint32_t)r->model->choice_count - schema_at(r, schema)->first_choice;
    if (result == CHATROOM_OK && schema_at(r, schema)->choice_count == 0)
        return refuse(r, place, "An enum is a list of at least one value");
    return result;
}

/* Digits alone, nine of them at most. */
static int read_count(struct reader *r, const struct chatroom_json_value *value, const struct cr_place *place,
                      uint32_t *ret_count)
{
    uint32_t count = 0;
    bool good = value->type == CHATROOM_JSON_NUMBER && value->raw.size <= 9;

    for (size_t i = 0; good && i < value->raw.size; i++) {
        good = value->raw.bytes[i] >= '0' && value->raw.bytes[i] <= '9';
        count = count * 10 + (uint32_t)(value->raw.bytes[i] - '0');
    }
    if (!good)
        return refuse(r, place, "This is a whole number from 0 to 999999999, in digits");
    *ret_count = count;
    return CHATROOM_OK;
}

static int read_min_items(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                          const struct cr_place *place)
{
    return read_count(r, value, place, &schema_at(r, schema)->min_items);
}

static int read_max_items(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                          const struct cr_place *place)
{
    return read_count(r, value, place, &schema_at(r, schema)->max_items);
}

static int read_min_length(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                           const struct cr_place *place)
{
    return read_count(r, value, place, &schema_at(r, schema)->min_length);
}

static int read_max_length(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                           const struct cr_place *place)
{
    return read_count(r, value, place, &schema_at(r, schema)->max_length);
}

static int read_limit(struct reader *r, const struct chatroom_json_value *value, const struct cr_place *place,
                      chatroom_span *ret_limit)
{
    if (value->type != CHATROOM_JSON_NUMBER)
        return refuse(r, place, "This is a number");
    *ret_limit = value->raw;
    return CHATROOM_OK;
}

static int read_minimum(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    return read_limit(r, value, place, &schema_at(r, schema)->minimum);
}

static int read_maximum(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    return read_limit(r, value, place, &schema_at(r, schema)->maximum);
}

static int read_exclusive(struct reader *r, const struct chatroom_json_value *value, const struct cr_place *place,
                          bool *ret_exclusive)
{
    if (value->type != CHATROOM_JSON_TRUE && value->type != CHATROOM_JSON_FALSE)
        return refuse(r, place, "This is true or false, as draft 4 has it");
    *ret_exclusive = value->type == CHATROOM_JSON_TRUE;
    return CHATROOM_OK;
}

static int read_exclusive_minimum(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                                  const struct cr_place *place)
{
    return read_exclusive(r, value, place, &schema_at(r, schema)->above_minimum);
}

static int read_exclusive_maximum(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                                  const struct cr_place *place)
{
    return read_exclusive(r, value, place, &schema_at(r, schema)->below_maximum);
}

static int read_items(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                      const struct cr_place *place)
{
    uint32_t items;
    int result;

    if (value->type == CHATROOM_JSON_ARRAY)
        return refuse(r, place, "A list of schemas is not supported: items is one for all elements");
    result = read_schema(r, value, place, &items);
    if (result == CHATROOM_OK)
        schema_at(r, schema)->items = items;
    return result;
}

static int read_additional(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                           const struct cr_place *place)
{
    uint32_t additional = value->type == CHATROOM_JSON_TRUE ? CR_ANYTHING : CR_NOTHING;
    int result = CHATROOM_OK;

    if (value->type != CHATROOM_JSON_TRUE && value->type != CHATROOM_JSON_FALSE)
        result = read_schema(r, value, place, &additional);
    if (result == CHATROOM_OK)
        schema_at(r, schema)->additional = additional;
    return result;
}

/* ---- names ---- */

static struct cr_property *property_named(const struct reader *r, uint32_t schema, chatroom_span name)
{
    const struct cr_schema *s = schema_at(r, schema);

    if (s->property_count == 0)
        return NULL;
    return cr_property_find(r->model->all.properties + s->first_property, s->property_count, name);
}

/* Keeps those of the schema in order; they are the last of all, as long as it has no others inside. */
static int add_property(struct reader *r, uint32_t schema, chatroom_span name, const struct cr_place *place)
{
    struct chatroom_model *model = r->model;
    struct cr_schema *s = schema_at(r, schema);
    struct cr_property property = {name, CR_NOTHING, false}, *properties;
    size_t at = model->property_count;

    if (name.size > CR_NAME_MOST)
        return refuse(r, place, "A name is longer than 512 bytes");
    if (s->property_count == CHATROOM_MODEL_NAMES)
        return refuse(r, place, "There are more than 256 names");
    properties =
        cr_reserve(&model->alloc, model->all.properties, &model->property_capacity, at + 1, sizeof *properties);
    if (!properties)
        return no_memory(r);
    model->all.properties = properties;
    for (; at > s->first_property && cr_property_order(name, properties[at - 1].name) < 0; at--)
        properties[at] = properties[at - 1];
    properties[at] = property;
    model->property_count++;
    s->property_count++;
    return CHATROOM_OK;
}

static int add_declared(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member member;
    int result = CHATROOM_OK;

    if (value->type == CHATROOM_JSON_NONE)
        return CHATROOM_OK;
    if (value->type != CHATROOM_JSON_OBJECT)
        return refuse(r, place, "This is an object: a schema for each name");
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &member)) {
        struct chatroom_json_value string = quoted(&member);
        chatroom_span name = text_of(r, &string);

        result = property_named(r, schema, name) ? refuse_name(r, place, "There are two of", name)
                                                 : add_property(r, schema, name, place);
    }
    return result;
}

static int require_name(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    struct cr_property *property;
    chatroom_span name;
    int result = CHATROOM_OK;

    if (value->type != CHATROOM_JSON_STRING)
        return refuse(r, place, "This is a list of names");
    name = text_of(r, value);
    if (!property_named(r, schema, name))
        result = add_property(r, schema, name, place);
    if (result != CHATROOM_OK)
        return result;
    property = property_named(r, schema, name);
    if (property->required)
        return refuse_name(r, place, "There are two of", name);
    property->required = true;
    return CHATROOM_OK;
}

static int add_required(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                        const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member member;
    int result = CHATROOM_OK;

    if (value->type == CHATROOM_JSON_NONE)
        return CHATROOM_OK;
    if (value->type != CHATROOM_JSON_ARRAY)
        return refuse(r, place, "This is a list of names");
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &member))
        result = require_name(r, schema, &member.value, place);
    return result;
}

typedef int add_fn(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                   const struct cr_place *place);

static int add_names_of(struct reader *r, uint32_t schema, chatroom_span object, const char *keyword, add_fn *add,
                        const struct cr_place *place)
{
    struct cr_place inner = {place, chatroom_str(keyword), 0};
    struct chatroom_json_value value;

    if (chatroom_json_get(object, inner.name, &value) != CHATROOM_OK)
        return refuse_name(r, place, "There are two of", inner.name);
    return add(r, schema, &value, &inner);
}

/* All names of an object come first, side by side, before those of what is inside it. */
static int add_names(struct reader *r, uint32_t schema, chatroom_span object, const struct cr_place *place)
{
    int result = add_names_of(r, schema, object, "properties", add_declared, place);

    return result == CHATROOM_OK ? add_names_of(r, schema, object, "required", add_required, place) : result;
}

/* That of a member of properties, which add_names() has put there. */
static struct cr_property *property_of(const struct reader *r, uint32_t schema,
                                       const struct chatroom_json_member *member)
{
    struct cr_property *property = r->model->all.properties + schema_at(r, schema)->first_property;
    struct chatroom_json_value name = quoted(member);

    while (!chatroom_json_is_text(&name, property->name))
        property++;
    return property;
}

static int read_properties(struct reader *r, uint32_t schema, const struct chatroom_json_value *value,
                           const struct cr_place *place)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member member;

    while (chatroom_json_next(&walk, &member)) {
        struct cr_place inner = {place, member.name, 0};
        uint32_t number;
        int result = read_schema(r, &member.value, &inner, &number);

        if (result != CHATROOM_OK)
            return result;
        property_of(r, schema, &member)->schema = number;
    }
    return CHATROOM_OK;
}

/* ---- schemas ---- */

static const struct keyword {
    const char *name;
    read_fn *read;
} keywords[] = {
    {"type", read_type},
    {"enum", read_enum},
    {"properties", read_properties},
    {"required", read_nothing}, /* add_names() has */
    {"additionalProperties", read_additional},
    {"items", read_items},
    {"minItems", read_min_items},
    {"maxItems", read_max_items},
    {"minLength", read_min_length},
    {"maxLength", read_max_length},
    {"minimum", read_minimum},
    {"maximum", read_maximum},
    {"exclusiveMinimum", read_exclusive_minimum},
    {"exclusiveMaximum", read_exclusive_maximum},
    {"$schema", read_nothing},
    {"id", read_nothing},
    {"title", read_nothing},
    {"description", read_nothing},
    {"default", read_nothing},
};

enum { KEYWORDS = sizeof keywords / sizeof *keywords };

static unsigned keyword_of(const struct chatroom_json_member *member)
{
    struct chatroom_json_value name = quoted(member);
    unsigned i = 0;

    while (i < KEYWORDS && !chatroom_json_is_text(&name, chatroom_str(keywords[i].name)))
        i++;
    return i;
}

static int read_keyword(struct reader *r, uint32_t schema, const struct chatroom_json_member *member,
                        const struct cr_place *place, uint32_t *seen)
{
    unsigned keyword = keyword_of(member);
    struct cr_place inner = {place, member->name, 0};

    if (keyword == KEYWORDS)
        return refuse_name(r, place, "There is no keyword of this kind:", member->name);
    if (*seen >> keyword & 1)
        return refuse_name(r, place, "There are two of", member->name);
    *seen |= UINT32_C(1) << keyword;
    return keywords[keyword].read(r, schema, &member->value, &inner);
}

/* What one keyword says about another. */
static int check_together(struct reader *r, uint32_t schema, const struct cr_place *place)
{
    const struct cr_schema *s = schema_at(r, schema);

    if (s->above_minimum && s->minimum.size == 0)
        return refuse(r, place, "There is exclusiveMinimum without minimum");
    if (s->below_maximum && s->maximum.size == 0)
        return refuse(r, place, "There is exclusiveMaximum without maximum");
    if (s->min_items > s->max_items || s->min_length > s->max_length ||
        (s->minimum.size > 0 && s->maximum.size > 0 && cr_number_compare(s->minimum, s->maximum) > 0))
        return refuse(r, place, "A lower limit is above the upper one");
    return CHATROOM_OK;
}

/* A new one, which lets everything pass. */
static int add_schema(struct reader *r, uint32_t *ret_schema)
{
    struct chatroom_model *model = r->model;
    struct cr_schema any = {0}, *schemas;

    schemas = cr_reserve(&model->alloc, model->all.schemas, &model->schema_capacity, model->schema_count + 1,
                         sizeof *schemas);
    if (!schemas)
        return no_memory(r);
    any.first_property = (uint32_t)model->property_count;
    any.additional = any.items = CR_ANYTHING;
    any.max_items = any.max_length = UINT32_MAX;
    model->all.schemas = schemas;
    schemas[model->schema_count] = any;
    *ret_schema = (uint32_t)model->schema_count++;
    return CHATROOM_OK;
}

static int read_schema(struct reader *r, const struct chatroom_json_value *value, const struct cr_place *place,
                       uint32_t *ret_schema)
{
    struct chatroom_json_walk walk = chatroom_json_each(value->raw);
    struct chatroom_json_member member;
    uint32_t seen = 0;
    int result;

    if (value->type != CHATROOM_JSON_OBJECT)
        return refuse(r, place, "A schema is an object");
    result = add_schema(r, ret_schema);
    if (result == CHATROOM_OK)
        result = add_names(r, *ret_schema, value->raw, place);
    while (result == CHATROOM_OK && chatroom_json_next(&walk, &member))
        result = read_keyword(r, *ret_schema, &member, place, &seen);
    return result == CHATROOM_OK ? check_together(r, *ret_schema, place) : result;
}

/* ---- models ---- */

void chatroom_model_free(chatroom_model *model)
{
    struct chatroom_alloc alloc;

    if (!model)
        return;
    alloc = model->alloc;
    cr_free(&alloc, model->text, model->text_size + 1);
    cr_free(&alloc, model->decoded, model->text_size + 1);
    cr_free(&alloc, model->all.schemas, model->schema_capacity * sizeof *model->all.schemas);
    cr_free(&alloc, model->all.properties, model->property_capacity * sizeof *model->all.properties);
    cr_free(&alloc, model->all.choices, model->choice_capacity * sizeof *model->all.choices);
    cr_free(&alloc, model, sizeof *model);
}

static int new_model(const struct chatroom_alloc *alloc, chatroom_span schema, chatroom_model **ret_model)
{
    chatroom_model *model = cr_new(alloc, sizeof *model);

    if (!model)
        return CHATROOM_ENOMEM;
    model->alloc = *alloc;
    model->text_size = schema.size;
    model->text = cr_copy(alloc, schema);
    model->decoded = cr_new(alloc, schema.size + 1);
    if (!model->text || !model->decoded) {
        chatroom_model_free(model);
        return CHATROOM_ENOMEM;
    }
    *ret_model = model;
    return CHATROOM_OK;
}

static int read_model(chatroom_model *model, struct chatroom_error *error)
{
    struct reader r = {model, error};
    struct cr_place place = {NULL, {NULL, 0}, 0};
    struct chatroom_json_value value = chatroom_json_value(chatroom_bytes(model->text, model->text_size));
    uint32_t first = 0;

    return read_schema(&r, &value, &place, &first);
}

int chatroom_model_new(const struct chatroom_alloc *alloc, chatroom_span schema, chatroom_model **ret_model,
                       struct chatroom_error *error)
{
    chatroom_model *model = NULL;
    size_t count;
    int result;

    if (schema.size > CHATROOM_MODEL_MOST)
        return chatroom_error_set(error, CHATROOM_ETOOBIG, "The schema is longer than 65536 bytes.");
    if (chatroom_json_scan(schema, NULL, NULL, 0, &count) != CHATROOM_OK)
        return chatroom_error_set(error, CHATROOM_EJSON, "The schema is not valid JSON.");
    result = new_model(alloc ? alloc : &cr_default_alloc, schema, &model);
    if (result != CHATROOM_OK)
        return chatroom_error_set(error, result, chatroom_strerror(result));
    result = read_model(model, error);
    if (result != CHATROOM_OK) {
        chatroom_model_free(model);
        return result;
    }
    *ret_model = model;
    return CHATROOM_OK;
}

int chatroom_model_check(const chatroom_model *model, chatroom_span text, struct chatroom_error *error)
{
    struct chatroom_json_value value;
    size_t count;

    if (chatroom_json_scan(text, &value, NULL, 0, &count) != CHATROOM_OK)
        return chatroom_error_set(error, CHATROOM_EJSON, chatroom_strerror(CHATROOM_EJSON));
    return cr_schema_check(&model->all, &value, error);
}
