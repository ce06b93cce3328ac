/*
 * expression.h: selection expressions, as API Gateway has them: what of a message selects its route.
 *
 *     $request.body.action                     one member
 *     ${request.body.svc}/${request.body.op}   several, with text between them
 *     fixed   \$default                        text alone
 *
 * A variable is "$" PATH or "${" PATH "}"; a path is request.body, and from there .name, ['any name'] or [n], nested as
 * deep as one likes. A bare name consists of letters, digits, '_' and '-'; between quotes \' and \\ stand for ' and \.
 * Without braces a variable takes the longest run that its path may have. \$ is a dollar sign. A path that leads
 * nowhere is the empty string, and what comes out is not evaluated again.
 *
 * An expression never changes: any thread.
 */
#ifndef CR_EXPRESSION_H
#define CR_EXPRESSION_H

#include <chatroom/base.h>

#define CR_EXPRESSION_MOST 1024 /* bytes of an expression */

struct cr_expression;

/*
 * Copies text, and alloc, which stays the caller's to keep usable. *ret_expression is free'd with cr_expression_free().
 * Errors: EINVAL (error says what is wrong, and at which character), ENOMEM; then *ret_expression is left alone.
 */
int cr_expression_compile(const struct chatroom_alloc *alloc, chatroom_span text, struct cr_expression **ret_expression,
                          struct chatroom_error *error);
void cr_expression_free(struct cr_expression *expression); /* NULL is fine */

/*
 * Writes what body, which is valid JSON, makes of the expression; *ret_value points into buffer. Does not allocate.
 *
 * A string is its text, true, false and numbers are as they came, null is empty. An array is "[a, b]", its elements by
 * the same rules. An object is its JSON without the spaces between its tokens.
 *
 * Errors: ETOOBIG it takes more than capacity; EAMBIGUOUS a name that is read stands twice in its object. Then
 * *ret_value is left alone, and buffer may have been written to.
 */
int cr_expression_evaluate(const struct cr_expression *expression, chatroom_span body, char *buffer, size_t capacity,
                           chatroom_span *ret_value);

/* True when it is one variable that names one member of the body. *ret_name is the expression's, with a NUL behind it.
 */
bool cr_expression_is_member(const struct cr_expression *expression, chatroom_span *ret_name);

/* True when it has no variables: every message gives the same, valid JSON or not. */
bool cr_expression_is_static(const struct cr_expression *expression);

#endif
