/* Shapes of operators that move, repeat or drop elements. */
#include "infer.h"
#include "operators.h"
#include "slice.h"

#include <string.h>

socle_status infer_transpose(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t perm[SOCLE_MAX_RANK];
    bool taken[SOCLE_MAX_RANK];
    *out = *x;
    if (x->rank < 0)
        return SOCLE_OK;
    const graph_attribute *given = node_attribute(infer->node, "perm");
    if (given == NULL) {
        for (int d = 0; d < x->rank; d++)
            out->dims[d] = x->dims[x->rank - 1 - d];
        return SOCLE_OK;
    }
    if (given->count != x->rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "perm has %d entries for %s", given->count, infer_type_text(infer, x));
    node_ints(infer->node, "perm", perm, SOCLE_MAX_RANK);
    socle_status status = infer_axes(infer, perm, x->rank, x->rank, taken);
    for (int d = 0; status == SOCLE_OK && d < x->rank; d++)
        out->dims[d] = x->dims[perm[d] < 0 ? perm[d] + x->rank : perm[d]];
    return status;
}

/* The sum, or the largest number: later checks refuse what is too large. */
static int64_t dim_plus(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* Adds the input's extent along the axis to the output's and unifies the others. */
static socle_status join(graph_infer *infer, int index, int axis, graph_type *out)
{
    const graph_type *x = infer_input(infer, index);
    if (x->dtype != out->dtype)
        return infer_fail(infer, SOCLE_TYPE_MISMATCH, "input %d is %s, input 0 %s", index, socle_dtype_name(x->dtype),
                          socle_dtype_name(out->dtype));
    if (x->rank != out->rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d is %s, input 0 %s", index, infer_type_text(infer, x),
                          infer_type_text(infer, out));
    for (int d = 0; d < out->rank; d++) {
        if (d == axis)
            out->dims[d] = out->dims[d] == 0                    ? x->dims[d]
                           : x->dims[d] == 0                    ? out->dims[d]
                           : out->dims[d] > 0 && x->dims[d] > 0 ? dim_plus(out->dims[d], x->dims[d])
                                                                : DIM_UNKNOWN;
        else if (!dim_unify(out->dims[d], x->dims[d], &out->dims[d]))
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "input %d is %s, which does not fit dimension %d of %s", index,
                              infer_type_text(infer, x), d, infer_type_text(infer, out));
    }
    return SOCLE_OK;
}

socle_status infer_concat(graph_infer *infer)
{
    graph_type *out = &infer->outputs[0];
    int axis;
    if (node_attribute(infer->node, "axis") == NULL)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "the attribute axis is missing");
    for (int i = 0; i < infer->node->input_count; i++)
        if (infer_input(infer, i)->rank < 0)
            return infer_nothing(infer, infer_input(infer, 0)->dtype);
    *out = *infer_input(infer, 0);
    socle_status status = infer_axis(infer, node_int(infer->node, "axis", 0), out->rank, &axis);
    for (int i = 1; status == SOCLE_OK && i < infer->node->input_count; i++)
        status = join(infer, i, axis, out);
    return status;
}

socle_status infer_split(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    const int parts = infer->node->output_count;
    int64_t sizes[64];
    int axis;
    if (x->rank < 0)
        return infer_nothing(infer, x->dtype);
    socle_status status = infer_axis(infer, node_int(infer->node, "axis", 0), x->rank, &axis);
    if (status != SOCLE_OK)
        return status;
    const int64_t extent = x->dims[axis];
    const bool given = infer_input_value(infer, 1) != GRAPH_NONE;
    const int known = given ? infer_ints(infer, 1, sizes, 64) : -1;
    if (known >= 0 && known != parts)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%d sizes for %d outputs", known, parts);
    const int64_t chunk = extent < 0 ? DIM_UNKNOWN : ceil_div(extent, parts);
    int64_t sum = 0;
    for (int i = 0; i < parts; i++) {
        infer->outputs[i] = *x;
        if (known >= 0)
            infer->outputs[i].dims[axis] = sizes[i];
        else if (given || extent < 0)
            infer->outputs[i].dims[axis] = DIM_UNKNOWN;
        else /* equal parts, the last one smaller */
            infer->outputs[i].dims[axis] = extent - sum < chunk ? extent - sum : chunk;
        sum = dim_plus(sum, infer->outputs[i].dims[axis]);
        if (known >= 0 && sizes[i] < 0)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "size %d is %lld", i, (long long)sizes[i]);
    }
    if (known >= 0 && extent >= 0 && sum != extent)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "the sizes sum to %lld, dimension %d of %s is %lld", (long long)sum, axis,
                          infer_type_text(infer, x), (long long)extent);
    return SOCLE_OK;
}

/* ---- Slice ---- */

int64_t slice_extent(int64_t dim, int64_t start, int64_t end, int64_t step, int64_t *first)
{
    const int64_t low = step < 0 ? -1 : 0, high = step < 0 ? dim - 1 : dim;
    if (first != NULL)
        *first = 0;
    if (dim == 0)
        return 0;
    start = start < 0 ? start + dim : start;
    end = end < 0 && end >= -dim ? end + dim : end;
    start = start < 0 ? 0 : (start > high ? high : start);
    end = end < low ? low : (end > dim ? dim : end);
    if (first != NULL)
        *first = start;
    if (step > 0)
        return end > start ? ceil_div(end - start, step) : 0;
    return start > end ? (start - end - 1) / -step + 1 : 0;
}

socle_status infer_slice(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t starts[SOCLE_MAX_RANK], ends[SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK], steps[SOCLE_MAX_RANK];
    bool sliced[SOCLE_MAX_RANK];
    *out = *x;
    if (x->rank < 0)
        return SOCLE_OK;
    const int start_count = infer_ints(infer, 1, starts, SOCLE_MAX_RANK), end_count = infer_ints(infer, 2, ends, SOCLE_MAX_RANK);
    const bool has_axes = infer_input_value(infer, 3) != GRAPH_NONE, has_steps = infer_input_value(infer, 4) != GRAPH_NONE;
    int count = has_axes ? infer_ints(infer, 3, axes, SOCLE_MAX_RANK) : (int)infer_input(infer, 1)->dims[0];
    if (count < 0 || count > x->rank) {
        infer_unknown_dims(out, x->rank);
        return SOCLE_OK;
    }
    for (int i = 0; i < count && !has_axes; i++)
        axes[i] = i;
    socle_status status = infer_axes(infer, axes, count, x->rank, sliced);
    if (status != SOCLE_OK)
        return status;
    const int step_count = has_steps ? infer_ints(infer, 4, steps, SOCLE_MAX_RANK) : count;
    const bool known = start_count == count && end_count == count && step_count == count;
    for (int i = 0; i < count; i++) {
        const int axis = (int)(axes[i] < 0 ? axes[i] + x->rank : axes[i]);
        const int64_t step = has_steps && known ? steps[i] : 1;
        if (step == 0)
            return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "step %d is 0", i);
        if (!known || x->dims[axis] < 0) /* the whole of an unknown dimension is that dimension */
            out->dims[axis] = known && step == 1 && starts[i] == 0 && ends[i] >= INT32_MAX ? x->dims[axis] : DIM_UNKNOWN;
        else
            out->dims[axis] = slice_extent(x->dims[axis], starts[i], ends[i], step, NULL);
    }
    return SOCLE_OK;
}

/* ---- Pad, Expand, Tile ---- */

static socle_status check_mode(const graph_infer *infer, const char *const *modes, size_t count, const char *mode)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(mode, modes[i]) == 0)
            return SOCLE_OK;
    return infer_fail(infer, SOCLE_UNSUPPORTED, "unknown mode '%s'", mode);
}

/* The element that a mirrored, repeated or wrapped border takes must exist. */
static socle_status check_border(const graph_infer *infer, const char *mode, int64_t dim, int64_t begin, int64_t end)
{
    const int64_t most = begin > end ? begin : end;
    const int64_t available = strcmp(mode, "reflect") == 0 ? dim - 1 : dim;
    if (most > 0 && (strcmp(mode, "reflect") == 0 || strcmp(mode, "wrap") == 0) && most > available)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s of %lld elements around a dimension of %lld", mode, (long long)most,
                          (long long)dim);
    if (most > 0 && dim == 0 && strcmp(mode, "edge") == 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "an empty dimension has no edge to repeat");
    return SOCLE_OK;
}

socle_status infer_pad(graph_infer *infer)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    const char *mode = node_string(infer->node, "mode", "constant");
    int64_t pads[2 * SOCLE_MAX_RANK], axes[SOCLE_MAX_RANK];
    bool padded[SOCLE_MAX_RANK];
    *out = *x;
    socle_status status = check_mode(infer, modes, COUNT_OF(modes), mode);
    if (status != SOCLE_OK || x->rank < 0)
        return status;
    const bool has_axes = infer_input_value(infer, 3) != GRAPH_NONE;
    const int count = has_axes ? infer_ints(infer, 3, axes, SOCLE_MAX_RANK) : x->rank;
    const int pad_count = infer_ints(infer, 1, pads, 2 * SOCLE_MAX_RANK);
    if (count < 0 || pad_count < 0) {
        infer_unknown_dims(out, x->rank);
        return SOCLE_OK;
    }
    if (pad_count != 2 * count)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%d pads for %d axes: two each are needed", pad_count, count);
    for (int i = 0; i < count && !has_axes; i++)
        axes[i] = i;
    status = infer_axes(infer, axes, count, x->rank, padded);
    for (int i = 0; status == SOCLE_OK && i < count; i++) {
        const int axis = (int)(axes[i] < 0 ? axes[i] + x->rank : axes[i]);
        const int64_t sum = dim_plus(pads[i], pads[count + i]);
        if (x->dims[axis] < 0) {
            out->dims[axis] = sum == 0 ? x->dims[axis] : DIM_UNKNOWN;
            continue;
        }
        out->dims[axis] = dim_plus(x->dims[axis], sum);
        if (out->dims[axis] < 0)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "pads of %lld for a dimension of %lld", (long long)sum,
                              (long long)x->dims[axis]);
        status = check_border(infer, mode, x->dims[axis], pads[i], pads[count + i]);
    }
    return status;
}

socle_status infer_expand(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *shape = infer_input(infer, 1);
    graph_type *out = &infer->outputs[0];
    dim_value dims[DIM_VALUES_MAX];
    graph_type target = {.dtype = x->dtype};
    *out = (graph_type){.dtype = x->dtype, .rank = -1};
    target.rank = graph_dim_values(infer->graph, infer_input_value(infer, 1), dims, DIM_VALUES_MAX);
    if (target.rank < 0 && shape->rank == 1 && shape->dims[0] >= 0 && shape->dims[0] <= SOCLE_MAX_RANK) {
        infer_unknown_dims(out, (int)(shape->dims[0] > x->rank ? shape->dims[0] : x->rank));
        return SOCLE_OK;
    }
    if (target.rank < 0 || x->rank < 0)
        return SOCLE_OK;
    if (target.rank > SOCLE_MAX_RANK)
        return infer_fail(infer, SOCLE_UNSUPPORTED, "a shape of more than %d dimensions", SOCLE_MAX_RANK);
    for (int d = 0; d < target.rank; d++) {
        if (dims[d].known && dims[d].value < 0)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of the shape is %lld", d, (long long)dims[d].value);
        target.dims[d] = dims[d].value;
    }
    if (!graph_broadcast(x, &target, out))
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%s does not expand to %s", infer_type_text(infer, x),
                          infer_type_text(infer, &target));
    return SOCLE_OK;
}

socle_status infer_tile(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t repeats[SOCLE_MAX_RANK];
    *out = *x;
    if (x->rank < 0)
        return SOCLE_OK;
    const int count = infer_ints(infer, 1, repeats, SOCLE_MAX_RANK);
    if (count < 0) {
        infer_unknown_dims(out, x->rank);
        return SOCLE_OK;
    }
    if (count != x->rank)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "%d repeats for %s", count, infer_type_text(infer, x));
    for (int d = 0; d < count; d++) {
        if (repeats[d] < 0)
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "repeat %d is %lld", d, (long long)repeats[d]);
        if (x->dims[d] > 0 && repeats[d] > INT64_MAX / x->dims[d])
            return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %d of %s, %lld times, is more than 2^63", d,
                              infer_type_text(infer, x), (long long)repeats[d]);
        out->dims[d] = dim_times(x->dims[d], repeats[d]);
    }
    return SOCLE_OK;
}

/* ---- DepthToSpace, SpaceToDepth, Trilu ---- */

static socle_status block_of(const graph_infer *infer, int64_t *block)
{
    const graph_type *x = infer_input(infer, 0);
    *block = node_int(infer->node, "blocksize", 0);
    if (*block < 1 || *block > INT32_MAX)
        return infer_fail(infer, SOCLE_INVALID_ARGUMENT, "blocksize %lld", (long long)*block);
    if (x->rank >= 0 && x->rank != 4)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes [N, C, H, W], not %s", infer_type_text(infer, x));
    return SOCLE_OK;
}

/* dim / factor where it is known to divide. */
static socle_status divide(const graph_infer *infer, int64_t dim, int64_t factor, int64_t *out)
{
    if (dim >= 0 && dim % factor != 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "dimension %lld is no multiple of %lld", (long long)dim,
                          (long long)factor);
    *out = dim < 0 ? (factor == 1 ? dim : DIM_UNKNOWN) : dim / factor;
    return SOCLE_OK;
}

socle_status infer_depth_to_space(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t block;
    socle_status status = block_of(infer, &block);
    *out = *x;
    if (status != SOCLE_OK || x->rank < 0)
        return status;
    out->dims[2] = dim_times(x->dims[2], block);
    out->dims[3] = dim_times(x->dims[3], block);
    return divide(infer, x->dims[1], block * block, &out->dims[1]);
}

socle_status infer_space_to_depth(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0);
    graph_type *out = &infer->outputs[0];
    int64_t block;
    socle_status status = block_of(infer, &block);
    *out = *x;
    if (status != SOCLE_OK || x->rank < 0)
        return status;
    out->dims[1] = dim_times(x->dims[1], block * block);
    status = divide(infer, x->dims[2], block, &out->dims[2]);
    return status == SOCLE_OK ? divide(infer, x->dims[3], block, &out->dims[3]) : status;
}

socle_status infer_trilu(graph_infer *infer)
{
    if (infer_input(infer, 0)->rank >= 0 && infer_input(infer, 0)->rank < 2)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "it takes matrices, not %s",
                          infer_type_text(infer, infer_input(infer, 0)));
    return infer_same(infer);
}
