/*
 * model.h: request models: does a message have the shape that a route wants? JSON Schema, draft 4, the part of it that
 * API Gateway's models are written in.
 *
 * Understood are type (one or a list), enum (of strings, numbers, true, false and null), properties, required,
 * additionalProperties, items (one schema for all elements), minItems, maxItems, minLength, maxLength, minimum, maximum,
 * exclusiveMinimum and exclusiveMaximum (true or false, as draft 4 has them). $schema, id, title, description and default say
 * nothing. Any other keyword, like pattern, uniqueItems or $ref, is refused when the model is made, rather than passed over.
 *
 * Lengths are counted in code points. Numbers are compared by their decimal value, however many digits they have, and 1.0 is
 * an integer. A name that properties or required speaks of may not stand twice in a message: readers would not agree on it.
 *
 * A model never changes: any thread.
 */
#ifndef CHATROOM_MODEL_H
#define CHATROOM_MODEL_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHATROOM_MODEL_MOST  65536 /* bytes of a schema */
#define CHATROOM_MODEL_NAMES 256   /* in the properties and required of one object */

typedef struct chatroom_model chatroom_model;

/*
 * Copies schema, and alloc; NULL: malloc() and free(). Errors: EJSON it is not JSON; EINVAL it is no such schema; ETOOBIG;
 * ENOMEM. error says what is wrong, and where: "There is no keyword of this kind: "pattern", at $.properties.a."
 */
CHATROOM_API int chatroom_model_new(const struct chatroom_alloc *alloc, chatroom_span schema, chatroom_model **ret_model,
                                    struct chatroom_error *error);
CHATROOM_API void chatroom_model_free(chatroom_model *model); /* NULL is fine */

/*
 * Checks a text. Errors: EJSON; EINVAL, and error (may be NULL) says for a log what is wrong and where: "Expected string, found
 * number, at $.names[3]." Does not allocate. Takes time in proportion to the text, and to the depth of the schema at most.
 */
CHATROOM_API int chatroom_model_check(const chatroom_model *model, chatroom_span text, struct chatroom_error *error);

#ifdef __cplusplus
}
#endif

#endif
