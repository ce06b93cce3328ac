/*
 * oom.h: put in front of the stores' files in one test: each of their allocations asks it first.
 */
#ifndef OOM_H
#define OOM_H

#include <stdlib.h>

void *oom_malloc(size_t size);
void *oom_calloc(size_t count, size_t size);
void *oom_realloc(void *memory, size_t size);

#define malloc  oom_malloc
#define calloc  oom_calloc
#define realloc oom_realloc

#endif
