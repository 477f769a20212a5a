/* Every allocation of the library: aligned to a cache line, zeroed, counted, and able to fail on demand, so that tests can
 * fail each of them in turn. */
#include "base.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGNMENT 64

/* From here on the kernel's own zero pages are cheaper than writing zeroes that the caller will overwrite. */
#define ZERO_PAGES_FROM_BYTES ((size_t)8 << 20)

static atomic_llong live_count;
static atomic_llong failing_countdown = -1;

void memory_fail_after(int64_t countdown)
{
    atomic_store(&failing_countdown, countdown < 0 ? -1 : countdown);
}

int64_t memory_live_count(void)
{
    return atomic_load(&live_count);
}

/* True for the one allocation that the countdown chose. */
static bool must_fail(void)
{
    if (atomic_load_explicit(&failing_countdown, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub(&failing_countdown, 1) == 0;
}

static void fill_zero(char *bytes, size_t size_bytes)
{
    if (size_bytes >= ZERO_PAGES_FROM_BYTES) {
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        const size_t head = (page - (uintptr_t)bytes % page) % page;
        const size_t middle = (size_bytes - head) / page * page;
        if (madvise(bytes + head, middle, MADV_DONTNEED) == 0) {
            memset(bytes, 0, head);
            memset(bytes + head + middle, 0, size_bytes - head - middle);
            return;
        }
    }
    memset(bytes, 0, size_bytes);
}

static void *allocate(size_t size_bytes)
{
    void *pointer = NULL;
    const int saved_errno = errno;
    if (size_bytes > PTRDIFF_MAX || must_fail() || posix_memalign(&pointer, ALIGNMENT, size_bytes > 0 ? size_bytes : 1)) {
        errno = saved_errno;
        socle_fail(SOCLE_OUT_OF_MEMORY, "out of host memory: %zu bytes asked: free some memory or use smaller batches",
                   size_bytes);
        return NULL;
    }
    atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    return pointer;
}

void *memory_alloc(size_t size_bytes)
{
    void *pointer = allocate(size_bytes);
    if (pointer != NULL)
        fill_zero(pointer, size_bytes);
    return pointer;
}

void *memory_alloc_array(size_t count, size_t element_bytes)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, element_bytes, &size_bytes)) {
        socle_fail(SOCLE_OUT_OF_MEMORY, "out of host memory: %zu elements of %zu bytes asked", count, element_bytes);
        return NULL;
    }
    return memory_alloc(size_bytes);
}

void *memory_resize(void *pointer, size_t old_bytes, size_t new_bytes)
{
    char *resized = allocate(new_bytes);
    if (resized == NULL)
        return NULL;
    const size_t kept = pointer == NULL ? 0 : old_bytes < new_bytes ? old_bytes : new_bytes;
    if (kept > 0)
        memcpy(resized, pointer, kept);
    fill_zero(resized + kept, new_bytes - kept);
    memory_free(pointer);
    return resized;
}

void memory_free(void *pointer)
{
    if (pointer == NULL)
        return;
    atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
    free(pointer);
}

void memory_prefer_large_pages(void *pointer, size_t size_bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), head = (page - (uintptr_t)pointer % page) % page;
    if (head < size_bytes)
        madvise((char *)pointer + head, (size_bytes - head) / page * page, MADV_HUGEPAGE);
#else
    (void)pointer;
    (void)size_bytes;
#endif
}

char *memory_copy_string(const char *text)
{
    if (text == NULL)
        return NULL;
    const size_t size_bytes = strlen(text) + 1;
    char *copy = allocate(size_bytes);
    if (copy != NULL)
        memcpy(copy, text, size_bytes);
    return copy;
}

char *memory_format(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    char *string = NULL;
    if (length < 0)
        socle_fail(SOCLE_INTERNAL, "cannot format \"%s\"", format);
    else
        string = allocate((size_t)length + 1);
    if (string != NULL)
        vsnprintf(string, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return string;
}

bool array_grow(void **items, int *capacity, size_t needed, size_t element_bytes)
{
    size_t grown = *capacity < 8 ? 8 : (size_t)*capacity * 2;
    if (grown < needed)
        grown = needed;
    size_t size_bytes;
    if (grown > INT32_MAX || __builtin_mul_overflow(grown, element_bytes, &size_bytes)) {
        socle_fail(SOCLE_OUT_OF_MEMORY, "out of host memory: %zu elements of %zu bytes asked", grown, element_bytes);
        return false;
    }
    void *resized = memory_resize(*items, (size_t)*capacity * element_bytes, size_bytes);
    if (resized == NULL)
        return false;
    *items = resized;
    *capacity = (int)grown;
    return true;
}
