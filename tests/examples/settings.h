/*
 * settings.h: a folder of the test's own with an INI file in it, and what chatroomd makes of it.
 */
#ifndef TEST_SETTINGS_H
#define TEST_SETTINGS_H

#include "options.h"

#include <sys/types.h>

/* A cmocka group's set-up and teardown. */
int settings_make(void **state);
int settings_remove(void **state);

/* "/tmp/chatroomd-settings-XXXXXX/name"; static until the next call. */
const char *settings_path(const char *name);

/* Writes a file of the folder. */
void settings_write(const char *name, const char *text, mode_t mode);

/* Reads text as the folder's chatroomd.ini. */
bool settings_read(const char *text, struct options *ret_options, struct chatroom_error *ret_error);

/* The same, which must be accepted, or refused with "FOLDER/chatroomd.ini:" and tail. */
struct options settings_accepted(const char *text);
void settings_refused(const char *text, const char *tail);

#endif
