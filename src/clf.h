/*
 * clf.h: times as people and programs read them, in UTC: as the common log format has it, "29/Nov/2023:08:04:01 +0000",
 * and as ISO 8601 does, "2023-11-29T08:04:01.798Z".
 */
#ifndef CR_CLF_H
#define CR_CLF_H

#include <stdint.h>

#define CR_CLF_SIZE 26
#define CR_ISO_SIZE 24

/*
 * Unix time in milliseconds, with a NUL behind it. The form has four digits for the year: a time outside the years 0 to
 * 9999 is written as the nearest second that it can say.
 */
void cr_clf(int64_t time_ms, char ret_text[CR_CLF_SIZE + 1]);

/* The same for ISO 8601, to the millisecond. */
void cr_iso(int64_t time_ms, char ret_text[CR_ISO_SIZE + 1]);

#endif
