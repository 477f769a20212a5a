/* Generated kernels at small shapes, for oclgrind, which reports races, accesses outside of buffers and divergent barriers:
 * chains with broadcasting, reductions in the shapes for CPUs and GPUs, movements. */
#include "../support/codegen_case.h"

#include <criterion/criterion.h>

static value_id reduce(codegen_case *c, const char *op, value_id x, int64_t axis)
{
    return case_node(c, op, 2, (const value_id[]){x, case_ints(c, 1, &axis)}, 1, &ATTRIBUTE_INT("keepdims", 0));
}

Test(generated, chains_with_broadcasting)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 5, 19));
    const value_id row = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(19)),
                   column = case_input(&c, SOCLE_FLOAT32, 1, 2, CASE_DIMS(5, 1));
    case_output(&c, CASE_UNARY(&c, "Tanh", CASE_BINARY(&c, "Div", CASE_BINARY(&c, "Add", x, row), column)));
    case_check(&c);
    case_finish(&c);
}

Test(generated, reductions_along_rows_columns_and_all)
{
    for (int64_t axis = 0; axis < 2; axis++) {
        codegen_case c;
        case_start(&c);
        const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(21, 37));
        case_output(&c, reduce(&c, axis ? "ReduceSum" : "ReduceMax", CASE_UNARY(&c, "Abs", x), axis));
        case_check(&c);
        case_finish(&c);
    }
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(9, 67));
    case_output(&c, case_node(&c, "ReduceMean", 1, &x, 0, NULL));
    case_check(&c);
    case_finish(&c);
}

Test(generated, movements)
{
    codegen_case c;
    case_start(&c);
    const value_id x = case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 5, 18));
    case_output(&c, case_node(&c, "Transpose", 1, &x, 1, &ATTRIBUTE_INTS("perm", ((const int64_t[]){2, 0, 1}), 3)));
    case_check(&c);
    case_finish(&c);
    case_start(&c);
    const value_id parts[] = {case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 5, 18)),
                              case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(3, 5, 7))};
    case_output(&c, CASE_UNARY(&c, "Neg", case_node(&c, "Concat", 2, parts, 1, &ATTRIBUTE_INT("axis", 2))));
    case_check(&c);
    case_finish(&c);
    case_start(&c);
    const value_id pads[] = {case_input(&c, SOCLE_FLOAT32, -2, 2, CASE_DIMS(4, 19)),
                             case_ints(&c, 4, (const int64_t[]){1, 2, 0, 3})};
    case_output(&c, case_node(&c, "Pad", 2, pads, 0, NULL));
    case_check(&c);
    case_finish(&c);
}
