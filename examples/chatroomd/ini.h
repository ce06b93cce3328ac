/*
 * ini.h: a file of "[section]" and "name = value" lines, read one line after the other.
 *
 * "#" or ";" at the beginning of a line, and ";" after a blank, begin a comment. Blanks around names and values do not
 * count; ":" is as good as "=". A line that begins with a blank is one more value of the name above it. What a section
 * or a name means is the caller's to say.
 */
#ifndef CHATROOMD_INI_H
#define CHATROOMD_INI_H

#include <stdbool.h>
#include <stdio.h>

#define INI_LINE_BYTES 4096 /* of one line, its end included */

/* Hears of a section (value NULL) or an entry, both borrowed; false ends the reading. */
typedef bool ini_fn(void *arg, int line, const char *name, const char *value);

/*
 * Reads to the end of stream, or to the first thing wrong. True when all was heard and none of it answered by false.
 * *ret_complaint is static, about *ret_line: what is wrong with it, or NULL when it was the caller who ended it.
 */
bool ini_read(FILE *stream, ini_fn *hear, void *arg, int *ret_line, const char **ret_complaint);

#endif
