/* date.h: the time as HTTP writes it (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". Integers alone, no locale. */
#ifndef WS_DATE_H
#define WS_DATE_H

#include <stdint.h>

#define WS_DATE_SIZE 29

/* Unix time in milliseconds. What is before 1970 or after 9999 becomes the first or the last that can be written. */
void ws_date(int64_t wall_ms, char ret_text[WS_DATE_SIZE + 1]);

#endif
