/*
 * fuzz.h: what every fuzz target has. It receives any bytes, and ends the process if what it tests breaks a promise.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The name that libFuzzer calls. bytes is a block of exactly that size. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define REQUIRE(promise)                                                          \
    do {                                                                          \
        if (!(promise)) {                                                         \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise); \
            abort();                                                              \
        }                                                                         \
    } while (0)

/* Each of these bytes, which are on their way to a peer or a disk, was written: under the memory sanitizer (T39). */
#if defined __has_feature
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define REQUIRE_WRITTEN(bytes, size) __msan_check_mem_is_initialized((bytes), (size))
#endif
#endif
#ifndef REQUIRE_WRITTEN
#define REQUIRE_WRITTEN(bytes, size) ((void)(bytes), (void)(size))
#endif

#endif
