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

#endif
