/*
 * metrics.h: the counters as Prometheus reads them (text format 0.0.4).
 */
#ifndef CR_METRICS_H
#define CR_METRICS_H

#include "core.h"

/* Borrowed until the next text (text.h). Errors: CHATROOM_ENOMEM. */
int cr_metrics_text(chatroom *c, chatroom_span *ret_text);

#endif
