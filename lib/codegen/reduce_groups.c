/* Reductions on GPUs: the work-items of a group share the reduced elements of one output (rows) or of some neighbouring outputs
 * (columns, so that neighbouring work-items read neighbouring elements), and fold their sums as a tree in local memory. */
#include "kernels.h"

#include <stdio.h>

typedef struct sharing {
    int outputs, shares; /* per group: outputs next to each other, work-items of one output */
} sharing;

static int power_of_two_up_to(int64_t most)
{
    int power = 1;
    while ((int64_t)power * 2 <= most)
        power *= 2;
    return power;
}

static sharing choose_sharing(const writer *w, const kernel_target *target, bool rows)
{
    const int most = target->max_group < 256 ? power_of_two_up_to(target->max_group) : 256;
    const int64_t elements = w->reduced_elements, outputs = w->output_elements;
    if (target->blocks || elements <= 1)
        return (sharing){1, 1};
    if (rows && elements >= 64)
        return (sharing){1, power_of_two_up_to(elements / 2 < most ? elements / 2 : most)};
    const int side_by_side = power_of_two_up_to(outputs < 32 ? outputs : outputs < 64 || most < 64 ? 32 : 64);
    const int64_t useful = elements / 16 < most / side_by_side ? elements / 16 : most / side_by_side;
    const bool plenty = outputs > (int64_t)target->compute_units * 4096;
    return (sharing){side_by_side < most ? side_by_side : most, plenty || useful < 2 ? 1 : power_of_two_up_to(useful)};
}

static void write_place(const writer *w, sharing s, text *out)
{
    const char *type = writer_index_type(w);
    if (w->output_elements > 1 || s.shares > 1)
        add_indented(out, 1, "const int local_id = (int)get_local_id(0);\n");
    if (s.shares > 1)
        add_indented(out, 1, "const int share = local_id / %d;\n", s.outputs);
    if (w->output_elements == 1)
        return;
    add_indented(out, 1, "const %s output = (%s)get_group_id(0) * %d + local_id %% %d;\n", type, type, s.outputs, s.outputs);
    write_digits(w, 0, w->kept_count, "output", 1, out);
}

/* The loop over the work-item's elements, in two levels where it is long. */
static bool write_loop(writer *w, const accumulator *accumulators, int count, sharing s, int indent, text *out)
{
    const char *type = writer_index_type(w);
    const long long elements = (long long)w->reduced_elements, part = (long long)LEVEL_TERMS * s.shares;
    const bool levels = ceil_div(w->reduced_elements, s.shares) > LEVEL_TERMS;
    const char *start = s.shares > 1 ? "share" : "0";
    char name[28], total[28];
    if (levels) {
        add_indented(out, indent++, "for (%s start = %s; start < %lld; start += %lld) {\n", type, start, elements, part);
        for (int k = 0; k < count; k++) {
            snprintf(name, sizeof(name), "part%d", k);
            accumulator_declare(w, &accumulators[k], name, 1, 1, indent, out);
        }
        add_indented(out, indent++, "for (%s element = start; element < min(start + %lld, (%s)%lld); element += %d) {\n", type,
                     part, type, elements, s.shares);
    } else if (elements > 1) {
        add_indented(out, indent++, "for (%s element = %s; element < %lld; element += %d) {\n", type, start, elements, s.shares);
    }
    write_digits(w, w->kept_count, w->digit_count, "element", indent, out);
    w->hoisted_indent = w->body_indent = indent;
    for (int k = 0; k < count; k++) {
        snprintf(name, sizeof(name), levels ? "part%d[0]" : "total%d[0]", k);
        if (!accumulator_take(w, &accumulators[k], name, 1, false))
            return false;
    }
    move_text(&w->hoisted, out);
    if (levels || elements > 1)
        add_indented(out, --indent, "}\n");
    for (int k = 0; k < count && levels; k++) {
        snprintf(name, sizeof(name), "part%d", k);
        snprintf(total, sizeof(total), "total%d", k);
        accumulator_merge(w, &accumulators[k], total, name, 1, 1, indent, out);
    }
    if (levels)
        add_indented(out, --indent, "}\n");
    return true;
}

/* Folds the shares' totals; the sums end in share 0's total. */
static void write_tree(writer *w, const accumulator *accumulators, int count, sharing s, text *out)
{
    char mine[64], other[64], total[28];
    for (int k = 0; k < count; k++) {
        add_indented(out, 1, "__local %s tree%d[%d];\n", compute_name(accumulators[k].type), k, s.outputs * s.shares);
        add_indented(out, 1, "tree%d[local_id] = total%d[0];\n", k, k);
    }
    add_indented(out, 1, "for (int half_of = %d; half_of > 0; half_of /= 2) {\n", s.shares / 2);
    add_indented(out, 2, "barrier(CLK_LOCAL_MEM_FENCE);\n");
    add_indented(out, 2, "if (share < half_of) {\n");
    for (int k = 0; k < count; k++) {
        snprintf(mine, sizeof(mine), "tree%d[local_id]", k);
        snprintf(other, sizeof(other), "tree%d[local_id + half_of * %d]", k, s.outputs);
        char folded[28];
        accumulator_combine(w, &accumulators[k], mine, other, 1, 3, out, folded);
        add_indented(out, 3, "%s = %s;\n", mine, folded);
    }
    add_indented(out, 2, "}\n");
    add_indented(out, 1, "}\n");
    for (int k = 0; k < count; k++) {
        snprintf(total, sizeof(total), "total%d", k);
        add_indented(out, 1, "%s[0] = tree%d[local_id];\n", total, k);
    }
}

static bool write_groups(writer *w, const accumulator *accumulators, int count, sharing s, text *out)
{
    const bool guarded = w->output_elements % s.outputs != 0;
    char name[28];
    write_place(w, s, out);
    for (int k = 0; k < count; k++) {
        snprintf(name, sizeof(name), "total%d", k);
        accumulator_declare(w, &accumulators[k], name, 1, 1, 1, out);
    }
    if (guarded)
        add_indented(out, 1, "if (output < %lld) {\n", (long long)w->output_elements);
    if (w->reduced_elements > 0 && !write_loop(w, accumulators, count, s, 1 + guarded, out))
        return false;
    if (guarded)
        add_indented(out, 1, "}\n");
    if (s.shares > 1)
        write_tree(w, accumulators, count, s, out);
    if (guarded && s.shares > 1)
        add_indented(out, 1, "if (share == 0 && output < %lld) {\n", (long long)w->output_elements);
    else if (guarded)
        add_indented(out, 1, "if (output < %lld) {\n", (long long)w->output_elements);
    else if (s.shares > 1)
        add_indented(out, 1, "if (share == 0) {\n");
    w->memory_count = w->local_count = 0;
    w->hoisted_indent = w->body_indent = 1 + (guarded || s.shares > 1);
    for (int k = 0; k < count; k++) {
        snprintf(name, sizeof(name), "total%d[0]", k);
        if (!accumulator_finish(w, &accumulators[k], name, 1, false))
            return false;
    }
    if (!write_outputs(w))
        return false;
    move_text(&w->hoisted, out);
    if (guarded || s.shares > 1)
        add_indented(out, 1, "}\n");
    return true;
}

bool reduce_groups_write(writer *w, const kernel_target *target, const node_id *reductions, int count, text *out,
                         launch_shape *launch)
{
    accumulator accumulators[REDUCTIONS_MAX];
    bool done;
    if (count > REDUCTIONS_MAX) {
        w->failed = true;
        return false;
    }
    for (int k = 0; k < count; k++)
        accumulators[k] = accumulator_of(w, reductions[k]);
    if (!reduction_settle(w, accumulators, count))
        return false;
    const bool has_row = w->digit_count > w->kept_count, has_column = w->kept_count > 0;
    const int row = has_row ? reduction_cost_along(w, 4, accumulators, count, w->digit_count - 1) : 1 << 20;
    const int column = has_column ? reduction_cost_along(w, 4, accumulators, count, w->kept_count - 1) : 1 << 20;
    const sharing s = choose_sharing(w, target, row <= column);
    w->lane_digit = GRAPH_NONE;
    do {
        text_finish(out);
        writer_begin(w);
        w->width = 1;
        done = write_groups(w, accumulators, count, s, out);
    } while (w->again);
    *launch =
        (launch_shape){(size_t)(ceil_div(w->output_elements, s.outputs) * s.outputs * s.shares), (size_t)(s.outputs * s.shares)};
    return done;
}
