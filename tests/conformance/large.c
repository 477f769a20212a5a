/* Operands with elements more than 2^31 elements, or 2^32 bytes, from their beginning, by every solver and by generated kernels
 * on every device: a few elements of a large buffer, the rest of which is not written, so that no memory stands behind it. What a
 * device's largest allocation does not allow is tried as far apart as it does, and skipped where that is not beyond 2^31 bytes.
 */
#include "../support/conv_case.h"
#include "../support/reference_solver.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Elements of an operand of which `operands` must fit into every device. */
static int64_t most_elements(socle_dtype dtype, int operands)
{
    const uint64_t wanted = ((uint64_t)1 << 31) + ((uint64_t)1 << 24), size = socle_dtype_size_bytes(dtype);
    socle_context *context = solver_case_context();
    uint64_t most = wanted * size;
    for (int i = 0; i < socle_device_count(context); i++) {
        const socle_device *device = socle_device_at(context, i);
        const uint64_t share = device->info.memory_bytes / (uint64_t)(operands + 1);
        if (device->info.status == SOCLE_DEVICE_OK && most > device->capabilities.max_allocation_bytes)
            most = device->capabilities.max_allocation_bytes;
        if (device->info.status == SOCLE_DEVICE_OK && most > share)
            most = share;
    }
    if (most <= ((uint64_t)1 << 31) + ((uint64_t)1 << 20))
        cr_skip_test("the devices here allow no %d buffers beyond 2^31 bytes", operands);
    return (int64_t)(most / size) - 4096;
}

static void check(const problem *p, const problem *spread, solver_reference reference,
                  int64_t (*place)(const solver_case *c, int operand, int64_t i))
{
    const solver_case c = {.p = p, .spread = spread, .reference = reference, .place = place, .seed = 1};
    solver_case_check(&c);
}

/* ---- products ---- */

enum { BATCHES = 3 };

static int64_t product_place(const solver_case *c, int operand, int64_t i)
{
    const gemm_problem *small = &c->p->gemm, *g = &c->spread->gemm;
    const int64_t from = operand == 0 ? small->stride_a[0] : small->stride_b[0];
    return operand > 1 ? i : i / from * (operand == 0 ? g->stride_a[0] : g->stride_b[0]) + i % from;
}

/* odd: strides that are no multiples of vectors. */
static void check_product(socle_dtype dtype, int transposed, int64_t odd)
{
    const int64_t stride = (most_elements(dtype, 1) / (BATCHES - 1) - 4096) / 16 * 16 + odd;
    problem p = {.kind = PROBLEM_GEMM,
                 .dtype = dtype,
                 .gemm = {.m = 12,
                          .n = 20,
                          .k = 36,
                          .transpose_a = transposed & 1,
                          .transpose_b = transposed & 2,
                          .alpha = 1,
                          .batch_rank = 1,
                          .batch = {BATCHES},
                          .stride_a = {12 * 36},
                          .stride_b = {36 * 20}}};
    if (dtype == SOCLE_UINT8) {
        p.gemm.b_dtype = SOCLE_INT8;
        p.gemm.c_dtype = SOCLE_INT32;
    }
    problem far_a = p, far_b = p;
    far_a.gemm.stride_a[0] = far_b.gemm.stride_b[0] = stride;
    check(&p, &far_a, reference_gemm, product_place);
    check(&p, &far_b, reference_gemm, product_place);
}

Test(large, batches_of_products_may_lie_far_apart)
{
    check_product(SOCLE_FLOAT32, 1, 1);
    check_product(SOCLE_FLOAT32, 2, 0);
    check_product(SOCLE_BFLOAT16, 2, 0);
    check_product(SOCLE_UINT8, 1, 0);
    check_product(SOCLE_UINT8, 2, 1);
}

/* ---- convolution and pooling: strides and dilations so large that few pixels of a large image are read ---- */

static int64_t x_operand(const problem *p)
{
    return p->kind == PROBLEM_CONV_WEIGHT ? 1 : 0;
}

static const conv_geometry *geometry(const problem *p)
{
    return p->kind == PROBLEM_POOL ? &p->pool.g : &p->conv.g;
}

static int64_t image_place(const solver_case *c, int operand, int64_t i)
{
    const conv_geometry *small = geometry(c->p), *g = geometry(c->spread);
    const bool in_blocks = c->p->kind == PROBLEM_POOL ? c->p->pool.in_blocks : c->p->conv.layout == CONV_IN_BLOCKS;
    const int64_t lanes = in_blocks ? 16 : 1, pixel = i / lanes, apart = g->stride[0] / small->stride[0];
    const int64_t w = pixel % small->input[1], h = pixel / small->input[1] % small->input[0];
    const int64_t plane = pixel / (small->input[0] * small->input[1]);
    if (operand != x_operand(c->p))
        return i;
    return ((plane * g->input[0] + h * apart) * g->input[1] + w * apart) * lanes + i % lanes;
}

static void check_images(problem p)
{
    problem spread = p;
    const int64_t elements = most_elements(p.dtype, 1);
    conv_geometry *g = p.kind == PROBLEM_POOL ? &spread.pool.g : &spread.conv.g;
    int64_t apart = 1;
    while ((g->batch * g->channels) * ((g->input[0] - 1) * (apart + 1) + 1) * ((g->input[1] - 1) * (apart + 1) + 1) <= elements)
        apart++;
    for (int d = 0; d < 2; d++) {
        g->input[d] = (g->input[d] - 1) * apart + 1;
        g->stride[d] *= apart;
        g->dilation[d] *= apart;
    }
    check(&p, &spread, conv_case_reference, image_place);
}

static problem convolution(problem_kind kind, socle_dtype dtype, int64_t batch, int64_t channels, conv_layout layout)
{
    problem p = {.kind = kind, .dtype = dtype};
    p.conv.g = conv_case_square(batch, channels, 16, 9, 3, 2, 0);
    p.conv.w_constant = true;
    p.conv.layout = layout;
    if (dtype == SOCLE_UINT8) {
        p.conv.w_dtype = SOCLE_INT8;
        p.conv.y_dtype = SOCLE_INT32;
    }
    return p;
}

Test(large, convolutions_read_images_beyond_31_bits)
{
    check_images(convolution(PROBLEM_CONV, SOCLE_FLOAT32, 1, 5, CONV_PLAIN));
    check_images(convolution(PROBLEM_CONV, SOCLE_FLOAT32, 5, 1, CONV_PLAIN));
    check_images(convolution(PROBLEM_CONV, SOCLE_UINT8, 2, 3, CONV_PLAIN));
    check_images(convolution(PROBLEM_CONV_WEIGHT, SOCLE_FLOAT32, 3, 2, CONV_PLAIN));
}

Test(large, convolutions_in_blocks_read_images_beyond_31_bits)
{
    check_images(convolution(PROBLEM_CONV, SOCLE_FLOAT32, 5, 16, CONV_IN_BLOCKS));
    check_images(convolution(PROBLEM_CONV, SOCLE_UINT8, 2, 48, CONV_IN_BLOCKS));
}

static problem pooling(socle_dtype dtype, int64_t batch, int64_t channels, bool maximum, bool in_blocks)
{
    problem p = {.kind = PROBLEM_POOL, .dtype = dtype};
    p.pool.g = conv_case_square(batch, channels, channels, 9, 3, 2, 0);
    p.pool.maximum = maximum;
    p.pool.in_blocks = in_blocks;
    return p;
}

Test(large, pooling_reads_images_beyond_31_bits)
{
    check_images(pooling(SOCLE_FLOAT32, 2, 3, true, false));
    check_images(pooling(SOCLE_FLOAT32, 1, 5, false, false));
    check_images(pooling(SOCLE_UINT8, 1, 5, true, false));
    check_images(pooling(SOCLE_FLOAT32, 5, 16, true, true));
}

/* ---- gather: rows at the end of a large table ---- */

static int64_t row_place(const solver_case *c, int operand, int64_t i)
{
    const gather_problem *small = &c->p->gather, *g = &c->spread->gather;
    const int64_t row = i / small->inner % small->axis, outer = i / small->inner / small->axis;
    return operand > 0 ? i : (outer * g->axis + g->axis - small->axis + row) * g->inner + i % g->inner;
}

static void check_gather(socle_dtype dtype, int64_t inner, bool elements, socle_dtype index_dtype)
{
    problem p = {.kind = PROBLEM_GATHER,
                 .dtype = dtype,
                 .gather = {.outer = 2,
                            .axis = 7,
                            .inner = inner,
                            .count = 5,
                            .elements = elements,
                            .index_dtype = index_dtype,
                            .rank = 3,
                            .axis_index = 1,
                            .data_dims = {2, 7, inner},
                            .index_dims = {2, 5, inner}}};
    problem spread = p;
    const int64_t count = most_elements(dtype, 1);
    spread.gather.axis = spread.gather.data_dims[1] = count / (2 * inner);
    check(&p, &spread, reference_gather, row_place);
}

Test(large, gathers_find_rows_beyond_31_bits)
{
    check_gather(SOCLE_UINT8, 1, false, SOCLE_INT64);
    check_gather(SOCLE_UINT8, 37, false, SOCLE_INT32);
    check_gather(SOCLE_FLOAT32, 64, false, SOCLE_INT32);
    check_gather(SOCLE_UINT8, 3, true, SOCLE_INT64);
    check_gather(SOCLE_FLOAT32, 3, true, SOCLE_INT32);
}

/* ---- attention ---- */

static const int64_t *strides_of(const attention_problem *a, int operand)
{
    const int64_t *strides[] = {a->stride_q, a->stride_k, a->stride_v, a->stride_y};
    return strides[operand];
}

static int64_t attention_place(const solver_case *c, int operand, int64_t i)
{
    const int64_t from = strides_of(&c->p->attention, operand)[0], to = strides_of(&c->spread->attention, operand)[0];
    return i / from * to + i % from;
}

Test(large, attention_of_batches_far_apart)
{
    const int64_t elements = most_elements(SOCLE_FLOAT32, 4), heads = 2, queries = 9, keys = 37, size = 5;
    problem p = {.kind = PROBLEM_ATTENTION,
                 .dtype = SOCLE_FLOAT32,
                 .attention = {.batch = BATCHES,
                               .heads = heads,
                               .kv_heads = heads,
                               .queries = queries,
                               .keys = keys,
                               .head = size,
                               .value = size,
                               .stride_q = {heads * queries * size, queries * size, size},
                               .stride_k = {heads * keys * size, keys * size, size},
                               .stride_v = {heads * keys * size, keys * size, size},
                               .stride_y = {heads * queries * size, queries * size, size},
                               .scale = 1}};
    problem spread = p;
    attention_problem *a = &spread.attention;
    a->stride_q[0] = a->stride_k[0] = a->stride_v[0] = a->stride_y[0] = elements / (BATCHES - 1) - 4096;
    check(&p, &spread, reference_attention, attention_place);
}

/* ---- generated kernels ---- */

enum { ROWS = 3, TAKEN = 40 };

static int operand_of(value_id value, void *user)
{
    (void)user;
    return value;
}

/* All nodes of the graph as one kernel. x: bytes, of which the last TAKEN of each row are known. */
static void run_generated(socle_device *device, const socle_graph *graph, value_id x, value_id y, void *results)
{
    codegen_group group = {.graph = graph};
    step_list steps = {0};
    bound_steps *bound = NULL;
    socle_buffer *buffers[2];
    const graph_type *type = &graph->values[x].type;
    socle_span *spans = calloc((size_t)graph->value_count, sizeof(*spans));
    for (int n = 0; n < graph->node_count; n++)
        cr_assert_eq(codegen_group_add(&group, n), SOCLE_OK);
    cr_assert_eq(codegen_group_finish(&group), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(codegen_emit(&group, device, operand_of, NULL, &steps), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_create(device, graph_type_bytes(type), &buffers[0]), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_create(device, graph_type_bytes(&graph->values[y].type), &buffers[1]), SOCLE_OK);
    for (int row = 0; row < ROWS; row++) {
        uint8_t known[TAKEN];
        for (int i = 0; i < TAKEN; i++)
            known[i] = (uint8_t)(i == TAKEN - 1 ? 255 : 50 * row + i);
        const socle_span span = {buffers[0], (size_t)((row + 1) * type->dims[1] - TAKEN), TAKEN};
        cr_assert_eq(socle_buffer_write(span, known), SOCLE_OK, "%s", socle_error_message());
    }
    spans[x] = socle_buffer_span(buffers[0]);
    spans[y] = socle_buffer_span(buffers[1]);
    cr_assert_eq(steps_bind(device, &steps, spans, graph->value_count, &bound), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(steps_enqueue(bound, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_read(spans[y], results), SOCLE_OK, "%s", socle_error_message());
    steps_release(bound);
    step_list_finish(&steps);
    codegen_group_free(&group);
    for (int i = 0; i < 2; i++)
        socle_buffer_destroy(buffers[i]);
    free(spans);
}

static void check_generated(socle_device *device, int64_t columns)
{
    const graph_type type = {.dtype = SOCLE_UINT8, .rank = 2, .dims = {ROWS, columns}};
    const int64_t start = columns - 2, end = columns - TAKEN - 1, axis = 1, step = -3;
    const char *id = socle_device_get_info(device)->id;
    uint8_t taken[ROWS][TAKEN / 3], largest[ROWS];
    socle_graph *graph = NULL;
    cr_assert_eq(socle_graph_create(NULL, "slice", &graph), SOCLE_OK);
    value_id x = graph_add_input(graph, NULL, &type);
    const value_id slice[] = {x, graph_constant_ints(graph, &start, 1), graph_constant_ints(graph, &end, 1),
                              graph_constant_ints(graph, &axis, 1), graph_constant_ints(graph, &step, 1)};
    value_id y = graph_add(graph, "", "Slice", slice, COUNT_OF(slice), NULL, 0, 1);
    cr_assert_eq(graph_add_output(graph, y, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(graph_type_count(&graph->values[y].type), ROWS * (TAKEN / 3));
    run_generated(device, graph, x, y, taken);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < TAKEN / 3; i++)
            cr_assert_eq(taken[row][i], 50 * row + TAKEN - 2 - 3 * i, "%s: element %d of row %d is %d", id, i, row,
                         taken[row][i]);
    socle_graph_destroy(graph);
    cr_assert_eq(socle_graph_create(NULL, "maximum", &graph), SOCLE_OK);
    x = graph_add_input(graph, NULL, &type);
    const value_id reduced[] = {x, graph_constant_ints(graph, &axis, 1)};
    y = graph_add(graph, "", "ReduceMax", reduced, COUNT_OF(reduced), &ATTRIBUTE_INT("keepdims", 0), 1, 1);
    cr_assert_eq(graph_add_output(graph, y, NULL), SOCLE_OK, "%s", socle_error_message());
    run_generated(device, graph, x, y, largest);
    for (int row = 0; row < ROWS; row++)
        cr_assert_eq(largest[row], 255, "%s: the largest of row %d is %d", id, row, largest[row]);
    socle_graph_destroy(graph);
}

Test(large, generated_kernels_read_beyond_31_bits)
{
    const int64_t columns = most_elements(SOCLE_UINT8, 1) / ROWS;
    socle_context *context = solver_case_context();
    for (int i = 0; i < socle_device_count(context); i++) {
        socle_device *device = socle_device_at(context, i);
        if (socle_device_get_info(device)->status == SOCLE_DEVICE_OK)
            check_generated(device, columns);
    }
}
