/*
 * integrations.h: binds what the sections say on an instance: routes and where they go, who may do what, what is told.
 */
#ifndef CHATROOMD_INTEGRATIONS_H
#define CHATROOMD_INTEGRATIONS_H

#include "access.h"
#include "options.h"

/* What the instance borrows. It must stay where it is until chatroom_free(). */
struct integrations {
    struct access_log access;
    struct pool pool;
    struct integrations_model *models;
    struct chatroom_variable variables[GATEWAY_VARIABLES_MOST];
};

/* Zeroed ones are fine as well. */
void integrations_fini(struct integrations *in);

/* Before chatroom_new(): what the configuration takes from options. Borrowed until it is used. */
void integrations_configure(struct integrations *in, const struct options *options, struct chatroom_config *config);

/*
 * After it, and after the chat's routes, which a [route] of the same key replaces. log must outlive the instance.
 * Errors: EINVAL with a sentence that names file, line, section and key; EACCES the access log's file; ENOMEM.
 */
int integrations_bind(struct integrations *in, const struct options *options, chatroom *c, struct log *log,
                      struct chatroom_error *error);

/* Says in the log what is bound to what, and what an operator should know of it. No secrets. */
void integrations_say(const struct options *options, struct log *log);

#endif
