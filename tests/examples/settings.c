#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/chatroomd-settings-XXXXXX";

int settings_make(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int settings_remove(void **state)
{
    DIR *d = opendir(folder);
    struct dirent *entry;

    (void)state;
    while (d && (entry = readdir(d)))
        if (entry->d_name[0] != '.')
            unlink(settings_path(entry->d_name));
    if (d)
        closedir(d);
    return rmdir(folder);
}

const char *settings_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%.255s", folder, name);
    return path;
}

void settings_write(const char *name, const char *text, mode_t mode)
{
    FILE *f = fopen(settings_path(name), "w");

    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), mode), 0);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

bool settings_read(const char *text, struct options *ret_options, struct chatroom_error *ret_error)
{
    char *argv[] = {(char *)"chatroomd", (char *)"--config", NULL, NULL};

    settings_write("chatroomd.ini", text, 0600);
    argv[2] = (char *)settings_path("chatroomd.ini");
    return options_read(3, argv, ret_options, ret_error);
}

struct options settings_accepted(const char *text)
{
    struct options o;
    struct chatroom_error error;

    if (!settings_read(text, &o, &error))
        fail_msg("refused: %s", error.text);
    return o;
}

void settings_refused(const char *text, const char *tail)
{
    struct options o;
    struct chatroom_error error, wanted;
    char sentence[1024];

    if (settings_read(text, &o, &error)) {
        options_fini(&o);
        fail_msg("accepted, instead of: %s", tail);
    }
    snprintf(sentence, sizeof sentence, "%s:%s", settings_path("chatroomd.ini"), tail);
    chatroom_error_set(&wanted, CHATROOM_EINVAL, sentence); /* cuts as the program does */
    assert_string_equal(error.text, wanted.text);
    assert_int_equal(error.code, CHATROOM_EINVAL);
}
