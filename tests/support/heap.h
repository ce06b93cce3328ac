/*
 * heap.h: an allocator for tests: it counts its blocks, knows their sizes and can run out. Any thread allocates.
 */
#ifndef HEAP_H
#define HEAP_H

#include <chatroom/base.h>

#include <stdatomic.h>

struct heap {
    _Atomic size_t blocks;     /* not freed */
    _Atomic uint64_t asked;    /* allocations and growths so far, failed ones included */
    _Atomic uint64_t fail_at;  /* the first that fails, counted as asked; 0: none */
    _Atomic uint64_t fail_for; /* so many in a row; UINT64_MAX: all from there */
    _Atomic uint64_t failed;   /* so many did */
};

/* Aborts when a block is given back with another size than it was asked for with. */
struct chatroom_alloc heap_alloc(struct heap *heap);

/* From now on the n-th allocation fails (1 is the next), and the count - 1 after it. */
void heap_fail(struct heap *heap, uint64_t n, uint64_t count);
/* No more failures. */
void heap_heal(struct heap *heap);

#endif
