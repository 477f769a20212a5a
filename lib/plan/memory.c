/* Places the plan's buffers in one arena: intervals that live at the same time get bytes of their own, others share.
 * Greedy by size, largest first, each at the lowest gap that fits: "Efficient Memory Management for Deep Neural Net
 * Inference", Pisarchyk and Lee, 2020, section 5.1 (within a few percent of the lower bound on the networks there). */
#include "plan.h"

typedef struct placed_order {
    const memory_interval *intervals;
    int index;
} placed_order;

static int larger_first(const void *a, const void *b)
{
    const placed_order *x = a, *y = b;
    size_t size_x = x->intervals[x->index].size_bytes, size_y = y->intervals[y->index].size_bytes;
    if (size_x != size_y)
        return size_x > size_y ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static bool live_together(const memory_interval *a, const memory_interval *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset where `interval` fits among placed[0..count), which stand in order of their offsets. */
static size_t lowest_gap(const memory_interval *intervals, const int *placed, int count, const memory_interval *interval)
{
    size_t offset = 0;
    for (int i = 0; i < count; i++) {
        const memory_interval *other = &intervals[placed[i]];
        if (!live_together(other, interval))
            continue;
        if (other->offset_bytes >= offset + interval->size_bytes)
            break;
        size_t end = other->offset_bytes + other->size_bytes;
        if (end > offset)
            offset = end;
    }
    return offset;
}

static void insert_by_offset(const memory_interval *intervals, int *placed, int count, int index)
{
    int at = count;
    for (; at > 0 && intervals[placed[at - 1]].offset_bytes > intervals[index].offset_bytes; at--)
        placed[at] = placed[at - 1];
    placed[at] = index;
}

bool memory_plan(memory_interval *intervals, int count, size_t alignment, size_t *arena_bytes)
{
    placed_order *order = memory_alloc_array((size_t)count, sizeof(*order));
    int *placed = memory_alloc_array((size_t)count, sizeof(*placed));
    size_t end = 0;

    if (order != NULL && placed != NULL) {
        for (int i = 0; i < count; i++) {
            order[i] = (placed_order){intervals, i};
            intervals[i].size_bytes = (size_t)round_up((int64_t)intervals[i].size_bytes, (int64_t)alignment);
        }
        qsort(order, (size_t)count, sizeof(*order), larger_first);
        for (int i = 0; i < count; i++) {
            memory_interval *interval = &intervals[order[i].index];
            interval->offset_bytes = lowest_gap(intervals, placed, i, interval);
            insert_by_offset(intervals, placed, i, order[i].index);
            if (interval->offset_bytes + interval->size_bytes > end)
                end = interval->offset_bytes + interval->size_bytes;
        }
        *arena_bytes = end;
    }
    bool done = order != NULL && placed != NULL;
    memory_free(placed);
    memory_free(order);
    return done;
}
