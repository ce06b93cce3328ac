/*
 * Hostile peers over real sockets, on a chatroomd of their own: what they cost the server's memory, and everybody else.
 *
 *     test_hostile small|whole [PATTERN]
 */
#include "scene.h"

#include <stdlib.h>
#include <sys/resource.h>

#define BASELINE_MS 1500

static bool whole;

size_t size_of(size_t small, size_t q)
{
    return whole ? q : small;
}

void scene_begin(struct scene *scene, bool memory, const char *const *options, bool regulars)
{
    const struct timespec while_ = {BASELINE_MS / 1000, BASELINE_MS % 1000 * 1000000};

    memset(scene, 0, sizeof *scene);
    target_init(&scene->target, memory, options);
    target_start(&scene->target);
    if (regulars) {
        scene->regulars = regulars_new(scene->target.port);
        regulars_begin(scene->regulars);
        nanosleep(&while_, NULL);
        scene->before = regulars_p99(scene->regulars);
    }
    scene->memory = target_memory(&scene->target);
}

void scene_end(struct scene *scene)
{
    assert_true(target_alive(&scene->target));
    if (scene->regulars)
        regulars_free(scene->regulars);
    target_fini(&scene->target);
}

size_t scene_growth(const struct scene *scene)
{
    size_t now = target_memory(&scene->target);

    return measures_memory() && now > scene->memory ? now - scene->memory : 0;
}

void try_thrice(bool (*scenario)(void))
{
    for (int i = 0; i < 3; i++)
        if (scenario())
            return;
    fail_msg("others had to wait, three times");
}

static void append(struct CMUnitTest *all, size_t *count, const struct CMUnitTest *tests, size_t more)
{
    memcpy(all + *count, tests, more * sizeof *tests);
    *count += more;
}

int main(int argc, char **argv)
{
    struct CMUnitTest all[64];
    struct rlimit files;
    size_t count = 0;

    if (argc < 2 || (strcmp(argv[1], "small") != 0 && strcmp(argv[1], "whole") != 0)) {
        fprintf(stderr, "usage: test_hostile small|whole [PATTERN]\n");
        return 2;
    }
    whole = strcmp(argv[1], "whole") == 0;
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    append(all, &count, frames_tests, frames_count);
    append(all, &count, slow_tests, slow_count);
    append(all, &count, many_tests, many_count);
    return _cmocka_run_group_tests("hostile peers", all, count, NULL, NULL);
}
