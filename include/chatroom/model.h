/*
 * model.h: request models: does a message have the shape that a route wants? JSON Schema, draft 4, the part of it that
 * API Gateway's models are written in.
 *
 * Understood are type (one or a list), enum, properties, required, additionalProperties, items, minItems, maxItems,
 * minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, pattern is not; $schema, id, title,
 * description and default say nothing. Any other keyword is refused when the model is made, rather than passed over.
 *
 * A model never changes: any thread.
 */
#ifndef CHATROOM_MODEL_H
#define CHATROOM_MODEL_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chatroom_model chatroom_model;

/* Copies schema. alloc NULL: malloc() and free(). Errors: EJSON, EINVAL, ENOMEM; error names the keyword and where it
 * stands. */
CHATROOM_API int chatroom_model_new(const struct chatroom_alloc *alloc, chatroom_span schema,
                                    chatroom_model **ret_model, struct chatroom_error *error);
CHATROOM_API void chatroom_model_free(chatroom_model *model); /* NULL is fine */

/* Checks a text. Errors: EJSON; EINVAL error says what is wrong and where, for a log. Does not allocate. */
CHATROOM_API int chatroom_model_check(const chatroom_model *model, chatroom_span text, struct chatroom_error *error);

#ifdef __cplusplus
}
#endif

#endif
