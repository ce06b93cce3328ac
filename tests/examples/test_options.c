#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS_MOST 40

/* Reads a command line of words ended by NULL, as main() would. */
static bool read_words(const char *const *words, struct options *ret_options, struct chatroom_error *ret_error)
{
    char *argv[WORDS_MOST + 2] = {(char *)"chatroomd"};
    int argc = 1;

    for (; words[argc - 1]; argc++) {
        assert_true(argc <= WORDS_MOST);
        argv[argc] = (char *)words[argc - 1];
    }
    return options_read(argc, argv, ret_options, ret_error);
}

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static struct options accepted(const char *const *words)
{
    struct options o;
    struct chatroom_error error;

    if (!read_words(words, &o, &error))
        fail_msg("refused: %s", error.text);
    return o;
}

static void refused(const char *const *words, const char *sentence)
{
    struct options o;
    struct chatroom_error error;

    if (read_words(words, &o, &error)) {
        options_fini(&o);
        fail_msg("accepted, instead of: %s", sentence);
    }
    assert_string_equal(error.text, sentence);
    assert_int_equal(error.code, CHATROOM_EINVAL);
}

/* ---- a file of the test's own -------------------------------------------------------------------------------------
 */

static char path[] = "/tmp/chatroomd-options-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text, size_t size)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static struct options file_accepted(const char *text)
{
    write_file(text, strlen(text));
    return accepted(WORDS("--config", path));
}

static void file_refused(const char *text, const char *tail)
{
    char sentence[256];

    write_file(text, strlen(text));
    snprintf(sentence, sizeof sentence, "%s:%s", path, tail);
    refused(WORDS("--config", path), sentence);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------
 */

static void options__nothing_given_means_the_defaults(void **state)
{
    struct options o = accepted(WORDS(NULL));

    (void)state;
    assert_int_equal(o.wish, OPTIONS_RUN);
    assert_int_equal(o.listen.count, 1);
    assert_string_equal(o.listen.items[0], "127.0.0.1:8080");
    assert_string_equal(o.data, "./chatroom-data");
    assert_string_equal(o.stage, "development");
    assert_int_equal(o.mode, CHATROOM_CHAT_FULL);
    assert_int_equal(o.durability, CHATROOM_DURABLE_COMMIT);
    assert_int_equal(o.verify, OPTIONS_VERIFY_QUICK);
    assert_int_equal(o.reserve_mib, 64);
    assert_int_equal(o.log_level, CHATROOM_LOG_INFO);
    assert_false(o.verify_store);
    assert_false(o.memory || o.keep_empty_rooms || o.no_rate_limits || o.aws);
    assert_int_equal(o.threads, 0);
    assert_null(o.config);
    options_fini(&o);
}

static void options__every_flag_is_heard(void **state)
{
    struct options o = accepted(WORDS("--listen", "[::1]:0", "--listen=unix:/run/x.sock", "--origin",
                                      "https://chat.example", "--data", "/srv/chat", "--stage", "prod_1", "--mode",
                                      "both", "--keep-empty-rooms", "--no-rate-limits", "--profile", "aws", "--threads",
                                      "64", "--durability", "async", "--reserve", "1048576", "--log-level", "debug"));

    (void)state;
    assert_int_equal(o.listen.count, 2);
    assert_string_equal(o.listen.items[0], "[::1]:0");
    assert_string_equal(o.listen.items[1], "unix:/run/x.sock");
    assert_int_equal(o.origins.count, 1);
    assert_string_equal(o.origins.items[0], "https://chat.example");
    assert_string_equal(o.data, "/srv/chat");
    assert_string_equal(o.stage, "prod_1");
    assert_int_equal(o.mode, CHATROOM_CHAT_BOTH);
    assert_int_equal(o.durability, CHATROOM_DURABLE_ASYNC);
    assert_int_equal(o.log_level, CHATROOM_LOG_DEBUG);
    assert_true(o.keep_empty_rooms && o.no_rate_limits && o.aws && !o.memory);
    assert_int_equal(o.threads, 64);
    assert_int_equal(o.reserve_mib, 1048576);
    options_fini(&o);
    o = accepted(WORDS("--memory", "--mode=simple", "--log-level=warn"));
    assert_true(o.memory);
    assert_int_equal(o.mode, CHATROOM_CHAT_SIMPLE);
    assert_int_equal(o.log_level, CHATROOM_LOG_WARN);
    options_fini(&o);
    o = accepted(WORDS("--durability=none", "--log-level=error", "--profile=default"));
    assert_int_equal(o.durability, CHATROOM_DURABLE_NONE);
    assert_int_equal(o.log_level, CHATROOM_LOG_ERROR);
    assert_false(o.aws);
    options_fini(&o);
}

static void options__checks_are_the_command_lines(void **state)
{
    struct options o;

    (void)state;
    o = accepted(WORDS("--verify-store", "--verify", "full"));
    assert_true(o.verify_store && o.verify == OPTIONS_VERIFY_FULL);
    options_fini(&o);
    o = accepted(WORDS("--verify=off"));
    assert_int_equal(o.verify, OPTIONS_VERIFY_OFF);
    options_fini(&o);
    o = accepted(WORDS("--check"));
    assert_true(o.check && o.wish == OPTIONS_RUN);
    options_fini(&o);
    o = accepted(WORDS("--memory"));
    assert_false(o.check);
    options_fini(&o);
}

static void options__help_and_version_are_wishes(void **state)
{
    struct options o = accepted(WORDS("--version", "--nonsense"));

    (void)state;
    assert_int_equal(o.wish, OPTIONS_VERSION);
    options_fini(&o);
    o = accepted(WORDS("--config", "/does/not/exist", "--help"));
    assert_int_equal(o.wish, OPTIONS_HELP);
    options_fini(&o);
}

static void options__an_unknown_flag_is_refused_by_name(void **state)
{
    (void)state;
    refused(WORDS("--nonsense"), "--nonsense is no option");
    refused(WORDS("--memory", "--nonsense=3"), "--nonsense=3 is no option");
    refused(WORDS("-x"), "-x is no option: options begin with --");
    refused(WORDS("extra"), "\"extra\" is not expected: every argument belongs to an option");
    refused(WORDS("--stage"), "--stage needs a value");
    refused(WORDS("--memory=yes"), "--memory=yes takes no value");
}

static void options__a_bad_value_is_refused_with_its_option(void **state)
{
    static const char *const addresses[] = {
        "",
        "8080",
        ":8080",
        "localhost:8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "1.2.3:80",
        "::1:8080",
        "[::1]",
        "[::1:80",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "unix:",
        "[1.2.3.4]:1",
        "127.0.0.1:80x",
        "[::1%lo]:80",
        "127.0.0.1:000080",
        "256.0.0.1:8080",
        "[::1]8080",
    };

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        refused(WORDS("--listen", addresses[i]),
                "--listen: needs ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH");
    refused(WORDS("--data", ""), "--data: needs a path");
    refused(WORDS("--config", ""), "--config: needs a path");
    refused(WORDS("--stage", ""), "--stage: needs 1 to 128 letters, digits, _ or -");
    refused(WORDS("--stage", "a/b"), "--stage: needs 1 to 128 letters, digits, _ or -");
    refused(WORDS("--mode", "half"), "--mode: \"half\" is none of simple, full, both");
    refused(WORDS("--mode", ""), "--mode: \"\" is none of simple, full, both");
    refused(WORDS("--profile", "AWS"), "--profile: \"AWS\" is none of default, aws");
    refused(WORDS("--durability", "yes"), "--durability: \"yes\" is none of commit, async, none");
    refused(WORDS("--log-level", "7"), "--log-level: \"7\" is none of error, warn, info, debug");
    refused(WORDS("--config", "/does/not/exist"), "--config: cannot read /does/not/exist: No such file or directory");
    refused(WORDS("--config", "/"), "--config: cannot read /: Is a directory");
}

static void options__an_origin_is_scheme_and_host(void **state)
{
    static const char *const bad[] = {"", "chat.example", "https://", "://x", "https://x/", "https://x y", "null"};
    struct options o = accepted(WORDS("--origin", "http://a:8080", "--origin", "https://[::1]"));

    (void)state;
    assert_int_equal(o.origins.count, 2);
    options_fini(&o);
    o = accepted(WORDS("--origin", "*"));
    assert_int_equal(o.origins.count, 1);
    options_fini(&o);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(WORDS("--origin", bad[i]), "--origin: needs SCHEME://HOST, such as https://chat.example, or * for any");
    refused(WORDS("--origin", "*", "--origin", "https://x"), "--origin: * means any already; it stands alone");
    file_refused("origin = https://x/\n", "1: origin: needs SCHEME://HOST, such as https://chat.example, or * for any");
}

static void options__a_socket_path_must_fit(void **state)
{
    char address[5 + 108 + 1] = "unix:";
    struct options o;

    (void)state;
    memset(address + 5, 'p', 107);
    o = accepted(WORDS("--listen", address));
    options_fini(&o);
    memset(address + 5, 'p', 108);
    refused(WORDS("--listen", address), "--listen: names a local socket whose path is longer than 107 bytes");
}

static void options__contradictions_are_refused(void **state)
{
    (void)state;
    refused(WORDS("--memory", "--data", "x"),
            "--memory: contradicts data: the one keeps nothing, the other says where to keep it");
    refused(WORDS("--durability", "commit", "--memory"), "--memory: contradicts durability: memory is never durable");
    refused(WORDS("--verify", "off", "--memory"), "--memory: contradicts verify: memory is not on a disk");
    refused(WORDS("--reserve", "64", "--memory"), "--memory: contradicts reserve: memory is not on a disk");
    refused(WORDS("--reserve", "1048577"), "--reserve: needs a number from 0 to 1048576");
    refused(WORDS("--verify-store", "--memory"), "--memory: contradicts verify-store: memory is not on a disk");
    refused(WORDS("--verify", "yes"), "--verify: \"yes\" is none of quick, full, off");
    refused(WORDS("--mode", "simple", "--keep-empty-rooms"),
            "--keep-empty-rooms: contradicts mode: there are no rooms in simple mode");
    refused(WORDS("--mode", "simple", "--mode", "full"), "--mode: is given twice");
    refused(WORDS("--memory", "--memory"), "--memory: is given twice");
}

static void options__seventeen_addresses_are_too_many(void **state)
{
    const char *words[2 * 17 + 1] = {NULL};
    struct options o;

    (void)state;
    for (size_t i = 0; i < 32; i++)
        words[i] = i % 2 ? "127.0.0.1:0" : "--listen";
    o = accepted(words);
    assert_int_equal(o.listen.count, 16);
    options_fini(&o);
    words[32] = "--listen";
    words[33] = "127.0.0.1:0";
    refused(words, "--listen: is given more than 16 times");
}

static void options__the_file_takes_the_same_names(void **state)
{
    struct options o = file_accepted("# a comment\n"
                                     "; another\n"
                                     "\n"
                                     "listen = 127.0.0.1:1\n"
                                     "listen = [::1]:2\n"
                                     "data = /srv/chat   ; where\n"
                                     "stage=prod\n"
                                     "mode : both\n"
                                     "keep-empty-rooms = yes\n"
                                     "no-rate-limits = on\n"
                                     "threads = 2\n"
                                     "memory = no\n"
                                     "profile = aws\n"
                                     "durability = none\n"
                                     "log-level = warn");

    (void)state;
    assert_int_equal(o.listen.count, 2);
    assert_string_equal(o.listen.items[1], "[::1]:2");
    assert_string_equal(o.data, "/srv/chat");
    assert_string_equal(o.stage, "prod");
    assert_int_equal(o.mode, CHATROOM_CHAT_BOTH);
    assert_int_equal(o.durability, CHATROOM_DURABLE_NONE);
    assert_int_equal(o.log_level, CHATROOM_LOG_WARN);
    assert_true(o.keep_empty_rooms && o.no_rate_limits && o.aws && !o.memory);
    assert_int_equal(o.threads, 2);
    assert_string_equal(o.config, path);
    options_fini(&o);
}

static void options__flags_win_over_the_file(void **state)
{
    static const char text[] = "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2\nmemory = yes\nstage = a\nmode = simple\n";
    struct options o;

    (void)state;
    write_file(text, strlen(text));
    o = accepted(WORDS("--listen", "127.0.0.1:3", "--config", path, "--data", "x", "--stage", "b", "--mode", "full"));
    assert_int_equal(o.listen.count, 1);
    assert_string_equal(o.listen.items[0], "127.0.0.1:3");
    assert_string_equal(o.data, "x");
    assert_false(o.memory);
    assert_string_equal(o.stage, "b");
    assert_int_equal(o.mode, CHATROOM_CHAT_FULL);
    options_fini(&o);
    write_file("data = x\ndurability = async\n", 28);
    o = accepted(WORDS("--memory", "--config", path));
    assert_true(o.memory);
    options_fini(&o);
}

static void options__a_bad_value_in_the_file_is_refused_with_its_line(void **state)
{
    (void)state;
    file_refused("\n\nstage = a b\n", "3: stage: needs 1 to 128 letters, digits, _ or -");
    file_refused("# x\nmode = half\nstage = a b\n", "2: mode: \"half\" is none of simple, full, both");
    file_refused("memory = maybe\n", "1: memory: \"maybe\" is none of yes, true, on, 1, no, false, off, 0");
    file_refused("keep-empty-rooms =\n", "1: keep-empty-rooms: \"\" is none of yes, true, on, 1, no, false, off, 0");
    file_refused("no-rate-limits = 2\n", "1: no-rate-limits: \"2\" is none of yes, true, on, 1, no, false, off, 0");
    file_refused("\nlisten = 8080\n",
                 "2: listen: needs ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH");
    file_refused("data =\n", "1: data: needs a path");
    file_refused("threads = 65\n", "1: threads: needs a number from 0 to 64");
    file_refused("threads = two\n", "1: threads: needs a number from 0 to 64");
    file_refused("threads = -1\n", "1: threads: needs a number from 0 to 64");
    file_refused("threads = 1x\n", "1: threads: needs a number from 0 to 64");
    file_refused("threads =\n", "1: threads: needs a number from 0 to 64");
    file_refused("profile = big\n", "1: profile: \"big\" is none of default, aws");
    file_refused("durability = full\n", "1: durability: \"full\" is none of commit, async, none");
    file_refused("log-level = loud\n", "1: log-level: \"loud\" is none of error, warn, info, debug");
    file_refused("mode = full\n\nmode = full\n", "3: mode: is given twice");
    file_refused("mode = full\nnonsense = 1\n", "2: nonsense: is no option");
    file_refused("config = x\n", "1: config: is no option");
    file_refused("help = yes\n", "1: help: is no option");
    file_refused("[server]\nmode = full\n", "1: [server]: is no section");
    file_refused("mode = full\nmemory\n", "2: this line: is neither \"name = value\" nor a comment");
    file_refused("data = x\nmode = full\nmemory = yes\nstage = a\n",
                 "3: memory: contradicts data: the one keeps nothing, the other says where to keep it");
    file_refused("mode = simple\nkeep-empty-rooms = yes\nstage = a\n",
                 "2: keep-empty-rooms: contradicts mode: there are no rooms in simple mode");
}

static void options__a_line_too_long_or_with_a_nul_is_refused(void **state)
{
    char text[5000] = "mode = full\ndata = ", sentence[256];

    (void)state;
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 1);
    file_refused(text, "2: this line: is too long, or holds a NUL");
    write_file("mode = full\nstage = a\0b\nmemory = yes\n", 37);
    snprintf(sentence, sizeof sentence, "%s:2: this line: is too long, or holds a NUL", path);
    refused(WORDS("--config", path), sentence);
    write_file("mode = full\nstage = a\0b", 23);
    refused(WORDS("--config", path), sentence);
}

static void options__no_file_breaks_the_reader(void **state)
{
    static const char pieces[][8] = {"mode", "=", "\n", " ",      "[",    "]",  "full", ";",
                                     "#",    ":", "\t", "listen", "\xff", "\0", "\r\n"};
    char text[400];
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct options o;
        struct chatroom_error error;
        size_t size = 0;

        for (int i = 0; i < 40; i++) {
            const char *piece;

            seed = seed * 1664525 + 1013904223;
            piece = pieces[(seed >> 16) % 15];
            memcpy(text + size, piece, *piece ? strlen(piece) : 1);
            size += *piece ? strlen(piece) : 1;
        }
        write_file(text, size);
        if (read_words(WORDS("--config", path), &o, &error))
            options_fini(&o);
        else
            assert_true(error.text[0] != '\0' && strlen(error.text) < sizeof error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__nothing_given_means_the_defaults),
        cmocka_unit_test(options__every_flag_is_heard),
        cmocka_unit_test(options__checks_are_the_command_lines),
        cmocka_unit_test(options__help_and_version_are_wishes),
        cmocka_unit_test(options__an_unknown_flag_is_refused_by_name),
        cmocka_unit_test(options__a_bad_value_is_refused_with_its_option),
        cmocka_unit_test(options__an_origin_is_scheme_and_host),
        cmocka_unit_test(options__a_socket_path_must_fit),
        cmocka_unit_test(options__contradictions_are_refused),
        cmocka_unit_test(options__seventeen_addresses_are_too_many),
        cmocka_unit_test(options__the_file_takes_the_same_names),
        cmocka_unit_test(options__flags_win_over_the_file),
        cmocka_unit_test(options__a_bad_value_in_the_file_is_refused_with_its_line),
        cmocka_unit_test(options__a_line_too_long_or_with_a_nul_is_refused),
        cmocka_unit_test(options__no_file_breaks_the_reader),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
