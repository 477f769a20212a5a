/* Epilogues in a kernel of their own, on every device: each width, each layout, with the channel along the lanes and shared by
 * them. */
#include "codegen_case.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "evaluate.h"
#include "on_devices.h"

TestSuite(codegen_epilogue, .timeout = 120);

/* x [ROWS][COLUMNS]; the channel is the column, or the row where it is uniform along the lanes. */
enum { ROWS = 6, COLUMNS = 48, COUNT = ROWS * COLUMNS };

static const char kernel_text[] = "__kernel void apply(__global const float *x, __global float *y EPILOGUE_PARAMS)\n"
                                  "{\n"
                                  "    const int i = (int)get_global_id(0) * WIDTH, channel = UNIFORM ? i / 48 : i % 48;\n"
                                  "    if (WIDTH == 1) y[i] = EPILOGUE1(x[i], (size_t)i, channel);\n"
                                  "    if (WIDTH == 4) vstore4(EPILOGUE4(vload4(0, x + i), (size_t)i, channel), 0, y + i);\n"
                                  "    if (WIDTH == 8) vstore8(EPILOGUE8(vload8(0, x + i), (size_t)i, channel), 0, y + i);\n"
                                  "    if (WIDTH == 16) vstore16(EPILOGUE16(vload16(0, x + i), (size_t)i, channel), 0, y + i);\n"
                                  "}\n";

typedef struct fixture {
    codegen_case c;
    value_id anchor;
    epilogue e;
    bool uniform;
    evaluation oracle;
} fixture;

static fixture *current;

static void run_width(socle_device *device, const fixture *f, int width, const char *prelude)
{
    char options[64];
    step_list steps = {0};
    bound_steps *bound = NULL;
    socle_span spans[EPILOGUE_MAX_OPERANDS + 2];
    step_arg args[EPILOGUE_MAX_OPERANDS + 2];
    float x[COUNT], y[COUNT];
    const size_t global = COUNT / (size_t)width, local = 0;
    const int count = f->e.operand_count + 2;
    snprintf(options, sizeof(options), "-DWIDTH=%d -DUNIFORM=%d", width, f->uniform);
    char *whole = memory_format("%s%s", prelude, kernel_text);
    const program_spec spec = {.prelude = whole, .options = options};
    for (int i = 0; i < count; i++) {
        const value_id v = i == 0 ? f->e.input : i == 1 ? f->e.output : f->e.operands[i - 2];
        const graph_type *type = &f->c.graph->values[v].type;
        socle_buffer *buffer;
        uint8_t bytes[COUNT * sizeof(float)];
        cr_assert_eq(socle_buffer_create(device, graph_type_bytes(type), &buffer), SOCLE_OK);
        spans[i] = socle_buffer_span(buffer);
        args[i] = ARG_OPERAND(i);
        if (i != 1) {
            evaluate_narrow(type->dtype, evaluation_get(&f->oracle, v), bytes, graph_type_count(type));
            cr_assert_eq(socle_buffer_write(spans[i], bytes), SOCLE_OK);
        }
    }
    cr_assert_eq(step_launch(&steps, "test", &spec, "apply", args, count, 1, &global, &local, 0, 0), SOCLE_OK);
    cr_assert_eq(steps_bind(device, &steps, spans, count, &bound), SOCLE_OK, "%s: %s", whole, socle_error_message());
    cr_assert_eq(steps_enqueue(bound, NULL), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_read(spans[1], y), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(socle_buffer_read(spans[0], x), SOCLE_OK);
    for (int i = 0; i < COUNT; i++) {
        const double expected = evaluation_get(&f->oracle, f->e.output)[i];
        cr_assert(fabs(y[i] - expected) <= 1e-5 * (1 + fabs(expected)), "width %d, element %d: %g instead of %g", width, i,
                  (double)y[i], expected);
    }
    steps_release(bound);
    step_list_finish(&steps);
    for (int i = 0; i < count; i++)
        socle_buffer_destroy(spans[i].buffer);
    memory_free(whole);
}

static void check_device(socle_device *device)
{
    char *prelude = NULL;
    cr_assert_eq(codegen_epilogue_text(current->c.graph, &current->e, current->uniform, &prelude), SOCLE_OK);
    for (int width = 1; width <= 16; width *= width == 1 ? 4 : 2)
        run_width(device, current, width, prelude);
    memory_free(prelude);
}

static void start(fixture *f, bool uniform)
{
    *f = (fixture){.uniform = uniform};
    case_start(&f->c);
    f->anchor = case_input(&f->c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(ROWS, COLUMNS));
    f->e = (epilogue){.input = f->anchor, .output = f->anchor};
}

/* Adds all nodes and runs. */
static void check(fixture *f)
{
    for (int n = 0; n < f->c.graph->node_count; n++)
        cr_assert(codegen_epilogue_add(f->c.graph, &f->e, n, f->uniform ? 0 : 1), "%s", graph_node_label(f->c.graph, n));
    evaluation_start(&f->oracle, f->c.graph);
    for (int i = 0; i < f->c.graph->input_count; i++)
        evaluation_set(&f->oracle, f->c.graph->inputs[i], f->c.content[i]);
    cr_assert(evaluation_run(&f->oracle), "%s", f->oracle.error);
    current = f;
    socle_context *context = test_context("");
    test_each_device(context, check_device);
    socle_context_destroy(context);
    evaluation_finish(&f->oracle);
    case_finish(&f->c);
}

Test(codegen_epilogue, bias_activation_and_residual)
{
    for (int uniform = 0; uniform < 2; uniform++) {
        fixture f;
        start(&f, uniform);
        const value_id bias = uniform ? case_input(&f.c, SOCLE_FLOAT32, -1, 1, CASE_DIMS(ROWS, 1))
                                      : case_input(&f.c, SOCLE_FLOAT32, -1, 1, CASE_DIMS(COLUMNS));
        const value_id residual = case_input(&f.c, SOCLE_FLOAT32, -1, 1, CASE_DIMS(ROWS, COLUMNS));
        const value_id scale = case_input(&f.c, SOCLE_FLOAT32, -1, 1, CASE_DIMS(1));
        const value_id biased = CASE_BINARY(&f.c, "Add", f.anchor, bias);
        const value_id active = case_node(&f.c, "LeakyRelu", 1, &biased, 1, &ATTRIBUTE_FLOAT("alpha", 0.25));
        const value_id scaled = CASE_BINARY(&f.c, "Mul", active, scale);
        CASE_BINARY(&f.c, "Sub", residual,
                    CASE_BINARY(&f.c, "Add", scaled, graph_constant_scalar(f.c.graph, SOCLE_FLOAT32, 0.5)));
        check(&f);
    }
}

Test(codegen_epilogue, operands_of_other_types_and_a_value_used_twice)
{
    fixture f;
    start(&f, false);
    const value_id bias = case_input(&f.c, SOCLE_FLOAT32, -1, 1, CASE_DIMS(1, COLUMNS));
    const value_id squared = CASE_BINARY(&f.c, "Mul", f.anchor, f.anchor);
    const value_id mask = case_input(&f.c, SOCLE_BOOL, 0, 2, CASE_DIMS(ROWS, COLUMNS));
    case_node(&f.c, "Where", 3, (const value_id[]){mask, squared, bias}, 0, NULL);
    check(&f);
}
