/*
 * amz_date.h: the dates of signed requests, as text and as milliseconds of Unix time.
 */
#ifndef CR_AMZ_DATE_H
#define CR_AMZ_DATE_H

#include <chatroom/base.h>

#define CR_AMZ_DATE_SIZE 16 /* "20150830T123600Z" */

/* False: text is not of that form, or no date. */
bool cr_amz_date_parse(chatroom_span text, int64_t *ret_ms);

/* The same for the form that HTTP prefers: "Sun, 30 Aug 2015 12:36:00 GMT" (RFC 9110, 5.6.7); botocore ends it with
 * "-0000". */
bool cr_http_date_parse(chatroom_span text, int64_t *ret_ms);

/* Leaves fractions of a second out. False: it is not in the years 0 to 9999. */
bool cr_amz_date_format(int64_t ms, char ret_text[CR_AMZ_DATE_SIZE]);

#endif
