/* clf.h: a time as the common log format writes it, in UTC: "29/Nov/2023:08:04:01 +0000". */
#ifndef CR_CLF_H
#define CR_CLF_H

#include <stdint.h>

#define CR_CLF_SIZE 26

/*
 * Unix time in milliseconds, with a NUL behind it. The form has four digits for the year: a time outside the years 0 to
 * 9999 is written as the nearest second that it can say.
 */
void cr_clf(int64_t time_ms, char ret_text[CR_CLF_SIZE + 1]);

#endif
