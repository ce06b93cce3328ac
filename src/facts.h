/*
 * facts.h: what a connection carries from its opening to its $disconnect and shares with others: the host it came for,
 * and what the authorizer left.
 *
 * Most connections of a server have the same, so each is there once, by count; they are found by their bytes.
 */
#ifndef CR_FACTS_H
#define CR_FACTS_H

#include "core.h"
#include "record.h"

/* One more of it. Errors: ENOMEM. */
int cr_facts_get(chatroom *c, chatroom_span domain, chatroom_span path, chatroom_span authorizer,
                 struct cr_facts **ret_facts);
/* One less. NULL is fine. */
void cr_facts_put(chatroom *c, struct cr_facts *facts);

/* Of NULL they are empty. */
chatroom_span cr_facts_domain(const struct cr_facts *facts);
chatroom_span cr_facts_path(const struct cr_facts *facts);
chatroom_span cr_facts_authorizer(const struct cr_facts *facts);

#endif
