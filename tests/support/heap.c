#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In front of every block, so that a wrong old_size shows. */
struct head {
    size_t size;
    _Alignas(16) char bytes[];
};

static struct head *head_of(void *memory)
{
    return (struct head *)(void *)((char *)memory - offsetof(struct head, bytes));
}

static bool fails(struct heap *heap)
{
    uint64_t asked = ++heap->asked, fail_at = heap->fail_at;

    if (fail_at == 0 || asked < fail_at || asked - fail_at >= heap->fail_for)
        return false;
    heap->failed++;
    return true;
}

static void *heap_resize(void *arg, void *memory, size_t old_size, size_t size)
{
    struct heap *heap = arg;
    struct head *head = memory ? head_of(memory) : NULL;

    if (old_size != (head ? head->size : 0)) {
        fprintf(stderr, "heap: a block of %zu bytes came back as one of %zu\n", head ? head->size : 0, old_size);
        abort();
    }
    if (size == 0) {
        heap->blocks -= head != NULL;
        if (head)
            memset(head->bytes, 0xa5, head->size); /* who still reads it sees that it is gone */
        free(head);
        return NULL;
    }
    if (fails(heap))
        return NULL;
    heap->blocks += head == NULL;
    head = realloc(head, sizeof *head + size);
    if (!head)
        abort(); /* the test's own memory is out */
    head->size = size;
    return head->bytes;
}

struct chatroom_alloc heap_alloc(struct heap *heap)
{
    return (struct chatroom_alloc){heap_resize, heap};
}

void heap_fail(struct heap *heap, uint64_t n, uint64_t count)
{
    heap->fail_at = heap->asked + n;
    heap->fail_for = count;
}

void heap_heal(struct heap *heap)
{
    heap->fail_at = 0;
}
