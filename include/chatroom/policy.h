/*
 * policy.h: IAM policy documents, as far as an API needs them: Effect, Action, Resource.
 *
 * Pure; no allocation. Any thread.
 */
#ifndef CHATROOM_POLICY_H
#define CHATROOM_POLICY_H

#include <chatroom/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum chatroom_policy_effect {
    CHATROOM_POLICY_NONE, /* no statement speaks of it, which denies as well */
    CHATROOM_POLICY_ALLOW,
    CHATROOM_POLICY_DENY, /* explicitly: wins over every Allow */
};

/* Bytes of an Action or a Resource. */
#define CHATROOM_POLICY_PATTERN_MOST 512

/*
 * Whether document, JSON text, is a policy that can be evaluated: an object with Statement, one or a list, of Effect,
 * Action and Resource, the latter two one string or a list of at least one; Version (2012-10-17 or 2008-10-17), Id and
 * Sid may be there. Errors: EJSON it is not JSON; EINVAL it has another shape, an element that would be passed over
 * (Condition, NotAction, …) or stands twice, a variable ("${"), which nothing here fills in, or a pattern that is too
 * long. Fills error, which may be NULL, with one sentence.
 */
CHATROOM_API int chatroom_policy_check(chatroom_span document, struct chatroom_error *error);

/*
 * Evaluates a document that was found good; the document must not have changed since. '*' stands for any run of
 * characters, '/' and ':' as well, and '?' for one, over the whole text; actions are compared without case. Takes time
 * in proportion to the sizes of the document and of what is asked for, multiplied.
 */
CHATROOM_API enum chatroom_policy_effect chatroom_policy_evaluate(chatroom_span document, chatroom_span action,
                                                                  chatroom_span resource);

#ifdef __cplusplus
}
#endif

#endif
