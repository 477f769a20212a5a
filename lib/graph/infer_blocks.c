/* Shapes of the operators on images in blocks of channels: those of the plain operators, in and out of blocks. */
#include "infer.h"
#include "operators.h"

graph_type graph_type_in_blocks(const graph_type *type)
{
    graph_type out = *type;
    out.dims[1] = type->dims[1] / GRAPH_BLOCK_CHANNELS;
    out.dims[out.rank++] = GRAPH_BLOCK_CHANNELS;
    return out;
}

graph_type graph_type_out_of_blocks(const graph_type *type)
{
    graph_type out = *type;
    out.rank--;
    out.dims[1] = dim_times(type->dims[1], type->dims[out.rank]);
    return out;
}

/* The plain rule sees the plain type where the input's is stored. */
static socle_status infer_in_blocks(graph_infer *infer, bool input_in_blocks, socle_status (*infer_plain)(graph_infer *))
{
    graph_type *stored = &infer->graph->values[infer_input_value(infer, 0)].type, *out = &infer->outputs[0];
    const graph_type given = *stored;
    if (input_in_blocks && given.rank > 3)
        *stored = graph_type_out_of_blocks(&given);
    const socle_status status = infer_plain(infer);
    *stored = given;
    if (status != SOCLE_OK)
        return status;
    if (out->rank < 3 || out->dims[1] < 0 || out->dims[1] % GRAPH_BLOCK_CHANNELS != 0)
        return infer_fail(infer, SOCLE_SHAPE_MISMATCH, "its result %s has no whole blocks of channels",
                          infer_type_text(infer, out));
    *out = graph_type_in_blocks(out);
    return SOCLE_OK;
}

socle_status infer_conv_in_blocks(graph_infer *infer)
{
    const graph_type *x = infer_input(infer, 0), *w = infer_input(infer, 1);
    return infer_in_blocks(infer, x->rank == w->rank + 1, infer_conv);
}

socle_status infer_conv_integer_in_blocks(graph_infer *infer)
{
    return infer_in_blocks(infer, true, infer_conv_integer);
}

socle_status infer_pool_in_blocks(graph_infer *infer)
{
    return infer_in_blocks(infer, true, infer_pool);
}
