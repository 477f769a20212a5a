/* Reductions on CPUs, in explicit vectors. Where the reduced elements lie next to each other (rows), the lanes run along them,
 * several vectors at once, and are folded at the end of each row. Where the outputs lie next to each other (columns), each lane
 * is one output, several vectors at once, so that every row brings in whole cache lines. */
#include "kernels.h"

#include <stdio.h>

#define VECTORS 4         /* running at once: hides the latency of an addition */
#define COLUMN_VECTORS 16 /* the next row may lie on another page of memory: this much is read of each */

typedef struct reducer {
    writer *w;
    const kernel_target *target;
    accumulator accumulators[REDUCTIONS_MAX];
    int count;
    /* the loops over reduced digits first..end-1 around the innermost text, which runs inner_terms times itself */
    int first, end;
    int level;     /* the digit whose loop is cut into parts; end: the innermost text's own; GRAPH_NONE: none */
    int64_t chunk; /* its iterations in one part */
    text text;     /* of the kernel, growing */
    int indent;
} reducer;

/* Vectors with accumulators of their own. */
typedef struct piece {
    int number, width, vectors;
    int64_t low, high; /* of the lane digit at a vector's first lane */
} piece;

static void plan_levels(reducer *r, int64_t inner_terms)
{
    int64_t terms = inner_terms;
    r->level = GRAPH_NONE;
    r->chunk = 0;
    if (terms > LEVEL_TERMS) {
        r->level = r->end;
        r->chunk = LEVEL_TERMS;
    }
    for (int i = r->end - 1; i >= r->first && r->level == GRAPH_NONE; i--) {
        if (terms * r->w->extents[i] > LEVEL_TERMS) {
            r->level = i;
            r->chunk = LEVEL_TERMS / terms;
        }
        terms *= r->w->extents[i];
    }
}

static const char *digit_name(const writer *w, int digit)
{
    return w->variables.items[w->digit_variable[digit]].name;
}

/* "total0_1": of reduction 0, piece 1. */
static void accumulator_name(const char *what, int reduction, int piece_number, char name[28])
{
    snprintf(name, 28, "%s%d_%d", what, reduction, piece_number);
}

static void declare(reducer *r, const char *what, const piece *pieces, int count)
{
    char name[28];
    for (int i = 0; i < count; i++)
        for (int k = 0; k < r->count; k++) {
            accumulator_name(what, k, pieces[i].number, name);
            accumulator_declare(r->w, &r->accumulators[k], name, pieces[i].vectors, pieces[i].width, r->indent, &r->text);
        }
}

static void merge_parts(reducer *r, const piece *pieces, int count)
{
    char total[28], part[28];
    for (int i = 0; i < count; i++)
        for (int k = 0; k < r->count; k++) {
            accumulator_name("total", k, pieces[i].number, total);
            accumulator_name("part", k, pieces[i].number, part);
            accumulator_merge(r->w, &r->accumulators[k], total, part, pieces[i].vectors, pieces[i].width, r->indent, &r->text);
        }
}

/* Opens the loops over digits first..end-1. Parts are declared where they begin. */
static void open_loops(reducer *r, const piece *pieces, int count)
{
    const char *type = writer_index_type(r->w);
    for (int i = r->first; i < r->end; i++) {
        const char *name = digit_name(r->w, i);
        const long long extent = (long long)r->w->extents[i];
        if (i == r->level) {
            add_indented(&r->text, r->indent++, "for (%s start = 0; start < %lld; start += %lld) {\n", type, extent,
                         (long long)r->chunk);
            declare(r, "part", pieces, count);
            add_indented(&r->text, r->indent++, "for (%s %s = start; %s < min(start + %lld, (%s)%lld); %s++) {\n", type, name,
                         name, (long long)r->chunk, type, extent, name);
        } else {
            add_indented(&r->text, r->indent++, "for (%s %s = 0; %s < %lld; %s++) {\n", type, name, name, extent, name);
        }
    }
}

static void close_loops(reducer *r, const piece *pieces, int count)
{
    for (int i = r->end - 1; i >= r->first; i--) {
        add_indented(&r->text, --r->indent, "}\n");
        if (i == r->level) {
            merge_parts(r, pieces, count);
            add_indented(&r->text, --r->indent, "}\n");
        }
    }
}

/* The text that takes `vectors` vectors starting at lane position `from` into the accumulators. */
static bool take(reducer *r, const piece *p, int vectors, const char *from, text *out, int indent)
{
    writer *w = r->w;
    const char *type = writer_index_type(w);
    const char *what = r->level == GRAPH_NONE ? "total" : "part";
    index_variable *lane = &w->variables.items[w->digit_variable[w->lane_digit]];
    lane->low = p->low;
    lane->high = p->high;
    w->width = p->width;
    w->body_indent = indent + 1;
    writer_forget_lanes(w);
    if (vectors > 1) {
        add_indented(out, indent, "#pragma unroll\n");
        add_indented(out, indent, "for (int u = 0; u < %d; u++) {\n", vectors);
        add_indented(out, indent + 1, "const %s %s = %s + u * %d;\n", type, lane->name, from, p->width);
    } else {
        add_indented(out, indent, "{\n");
        add_indented(out, indent + 1, "const %s %s = %s;\n", type, lane->name, from);
    }
    for (int k = 0; k < r->count; k++) {
        char name[28], into[40];
        accumulator_name(what, k, p->number, name);
        snprintf(into, sizeof(into), vectors > 1 ? "%s[u]" : "%s[0]", name);
        if (!accumulator_take(w, &r->accumulators[k], into, p->width, true))
            return false;
    }
    move_text(&w->body, out);
    add_indented(out, indent, "}\n");
    return true;
}

/* ---- rows ---- */

/* Lanes begin..end-1 of one row: groups of vectors, single vectors, single elements. */
static bool take_row_lanes(reducer *r, int64_t begin, int64_t end, text *out, int indent)
{
    const char *type = writer_index_type(r->w);
    const int64_t width = r->target->width, step = width * VECTORS;
    const int64_t many = begin + (end - begin) / step * step, single = begin + (end - begin) / width * width;
    const piece vectors = {0, (int)width, VECTORS, begin, end - 1}, scalars = {1, 1, 1, begin, end - 1};
    if (many > begin && r->level == r->end) {
        const long long part = (long long)(r->chunk * step);
        add_indented(out, indent, "for (%s start = %lld; start < %lld; start += %lld) {\n", type, (long long)begin,
                     (long long)many, part);
        reducer inner = *r;
        inner.indent = indent + 1;
        inner.text = (text){0};
        declare(&inner, "part", &vectors, 1);
        move_text(&inner.text, out);
        add_indented(out, indent + 1, "for (%s at = start; at < min(start + %lld, (%s)%lld); at += %lld) {\n", type, part, type,
                     (long long)many, (long long)step);
        if (!take(r, &vectors, VECTORS, "at", out, indent + 2))
            return false;
        add_indented(out, indent + 1, "}\n");
        merge_parts(&inner, &vectors, 1);
        move_text(&inner.text, out);
        add_indented(out, indent, "}\n");
    } else if (many > begin) {
        add_indented(out, indent, "for (%s at = %lld; at < %lld; at += %lld) {\n", type, (long long)begin, (long long)many,
                     (long long)step);
        if (!take(r, &vectors, VECTORS, "at", out, indent + 1))
            return false;
        add_indented(out, indent, "}\n");
    }
    const int level = r->level;
    if (level == r->end) /* what is left is short: straight into the totals */
        r->level = GRAPH_NONE;
    bool done = true;
    if (single > many) {
        add_indented(out, indent, "for (%s at = %lld; at < %lld; at += %lld) {\n", type, (long long)many, (long long)single,
                     (long long)width);
        done = take(r, &vectors, 1, "at", out, indent + 1);
        add_indented(out, indent, "}\n");
    }
    if (done && end > single) {
        add_indented(out, indent, "for (%s at = %lld; at < %lld; at++) {\n", type, (long long)single, (long long)end);
        done = take(r, &scalars, 1, "at", out, indent + 1);
        add_indented(out, indent, "}\n");
    }
    r->level = level;
    return done;
}

/* One row's reductions and what comes behind them. */
static bool reduce_row(reducer *r)
{
    writer *w = r->w;
    const int64_t lanes = w->extents[w->lane_digit];
    const piece pieces[2] = {{0, r->target->width, VECTORS, 0, 0}, {1, 1, 1, 0, 0}};
    const piece *used = lanes < r->target->width ? &pieces[1] : pieces;
    const int count = lanes < r->target->width ? 1 : 2;
    text lanes_text = {0};
    bool done = true;
    plan_levels(r, ceil_div(lanes, (int64_t)r->target->width * VECTORS));
    declare(r, "total", used, count);
    open_loops(r, used, count);
    w->hoisted_indent = r->indent;
    for (int i = 0; i <= w->break_count && done; i++)
        done =
            take_row_lanes(r, i == 0 ? 0 : w->breaks[i - 1], i == w->break_count ? lanes : w->breaks[i], &lanes_text, r->indent);
    move_text(&w->hoisted, &r->text);
    move_text(&lanes_text, &r->text);
    close_loops(r, used, count);
    if (!done)
        return false;
    w->memory_count = w->local_count = 0;
    w->hoisted_indent = r->indent;
    for (int k = 0; k < r->count && done; k++) {
        char name[28], combined[28] = "", rest[28];
        accumulator_name("total", k, 1, rest);
        snprintf(combined, sizeof(combined), "%.22s[0]", rest);
        if (count == 2) {
            char folded[28];
            accumulator_name("total", k, 0, name);
            accumulator_fold(w, &r->accumulators[k], name, VECTORS, r->target->width, r->indent, &r->text, folded);
            accumulator_fold_lanes(w, &r->accumulators[k], r->target->width, r->indent, &r->text, folded);
            accumulator_combine(w, &r->accumulators[k], folded, combined, 1, r->indent, &r->text, combined);
        }
        done = accumulator_finish(w, &r->accumulators[k], combined, 1, false);
    }
    done = done && write_outputs(w);
    move_text(&w->hoisted, &r->text);
    return done;
}

static bool write_rows(reducer *r, text *out, launch_shape *launch)
{
    writer *w = r->w;
    const int64_t block = block_elements(r->target, w->output_elements * w->reduced_elements);
    const int64_t each = block / w->reduced_elements > 1 ? block / w->reduced_elements : 1;
    const char *type = writer_index_type(w);
    r->first = w->kept_count;
    r->end = w->digit_count - 1;
    r->indent = 1;
    if (w->output_elements > 1) {
        write_share(w, each, w->output_elements, 1, &r->text);
        add_indented(&r->text, 1, "for (%s row = first; row < last; row++) {\n", type);
        write_digits(w, 0, w->kept_count, "row", 2, &r->text);
        r->indent = 2;
    }
    if (!reduce_row(r))
        return false;
    if (w->output_elements > 1)
        add_indented(&r->text, 1, "}\n");
    *launch = (launch_shape){(size_t)ceil_div(w->output_elements, each), 1};
    move_text(&r->text, out);
    return true;
}

/* ---- columns ---- */

/* The reductions of some pieces in one nest of loops, and what comes behind them. from[i]: where piece i starts. */
static bool reduce_columns(reducer *r, const piece *pieces, char (*from)[32], int count)
{
    writer *w = r->w;
    text body = {0};
    bool done = true;
    w->memory_count = w->local_count = 0;
    declare(r, "total", pieces, count);
    open_loops(r, pieces, count);
    w->hoisted_indent = r->indent;
    for (int i = 0; i < count && done; i++)
        done = take(r, &pieces[i], pieces[i].vectors, from[i], &body, r->indent);
    move_text(&w->hoisted, &r->text);
    move_text(&body, &r->text);
    close_loops(r, pieces, count);
    for (int i = 0; i < count && done; i++) {
        const piece *p = &pieces[i];
        const char *lane = digit_name(w, w->lane_digit);
        index_variable *variable = &w->variables.items[w->digit_variable[w->lane_digit]];
        w->memory_count = w->local_count = 0;
        variable->low = p->low;
        variable->high = p->high;
        w->width = p->width;
        w->hoisted_indent = w->body_indent = r->indent + 1;
        if (p->vectors > 1)
            add_indented(&r->text, r->indent, "for (int u = 0; u < %d; u++) {\n", p->vectors);
        else
            add_indented(&r->text, r->indent, "{\n");
        if (p->vectors > 1)
            add_indented(&r->text, r->indent + 1, "const %s %s = %s + u * %d;\n", writer_index_type(w), lane, from[i], p->width);
        else
            add_indented(&r->text, r->indent + 1, "const %s %s = %s;\n", writer_index_type(w), lane, from[i]);
        for (int k = 0; k < r->count && done; k++) {
            char name[28], combined[40];
            accumulator_name("total", k, p->number, name);
            snprintf(combined, sizeof(combined), p->vectors > 1 ? "%s[u]" : "%s[0]", name);
            done = accumulator_finish(w, &r->accumulators[k], combined, p->width, true);
        }
        done = done && write_outputs(w);
        move_text(&w->hoisted, &r->text);
        move_text(&w->body, &r->text);
        add_indented(&r->text, r->indent, "}\n");
    }
    return done;
}

/* Lanes that fill no group of vectors: single vectors, then ever smaller ones. */
static int rest_pieces(const reducer *r, int64_t begin, int64_t end, piece *pieces, char (*from)[32])
{
    int count = 0;
    for (int width = r->target->width; width >= 1; width /= 2) {
        const int vectors = (int)((end - begin) / width);
        if (vectors == 0)
            continue;
        pieces[count] = (piece){count, width, vectors, begin, begin + (int64_t)(vectors - 1) * width + width - 1};
        snprintf(from[count++], sizeof(from[0]), "%lld", (long long)begin);
        begin += (int64_t)vectors * width;
    }
    return count;
}

/* Vectors at once: fewer where there would not be work for all compute units. */
static int column_vectors(const reducer *r, int64_t rows, int64_t lanes)
{
    int vectors = COLUMN_VECTORS;
    while (vectors > 1 &&
           (lanes < vectors * r->target->width || rows * (lanes / (vectors * r->target->width)) < r->target->compute_units))
        vectors /= 2;
    return vectors;
}

static bool write_columns(reducer *r, text *out, launch_shape *launch)
{
    writer *w = r->w;
    const char *type = writer_index_type(w);
    const int64_t lanes = w->extents[w->lane_digit], rows = w->output_elements / lanes;
    const int vectors = column_vectors(r, rows, lanes);
    const int64_t step = (int64_t)vectors * r->target->width, groups = lanes / step, rest = lanes % step;
    const int64_t per_row = groups + (rest > 0), units = rows * per_row;
    const int64_t block = block_elements(r->target, w->output_elements * w->reduced_elements);
    const int64_t of_unit = (w->reduced_elements > 0 ? w->reduced_elements : 1) * step;
    const int64_t each = block / of_unit > 1 ? block / of_unit : 1;
    piece pieces[WIDTH_COUNT];
    char from[WIDTH_COUNT][32];
    r->first = w->kept_count;
    r->end = w->digit_count;
    r->indent = 2;
    plan_levels(r, 1);
    write_share(w, each, units, 1, &r->text);
    add_indented(&r->text, 1, "for (%s unit = first; unit < last; unit++) {\n", type);
    add_indented(&r->text, 2, "const %s row = unit / %lld, group = unit %% %lld;\n", type, (long long)per_row,
                 (long long)per_row);
    write_digits(w, 0, w->lane_digit, "row", 2, &r->text);
    if (groups > 0) {
        pieces[0] = (piece){0, r->target->width, vectors, 0, groups * step - 1};
        snprintf(from[0], sizeof(from[0]), "group * %lld", (long long)step);
        if (rest > 0)
            add_indented(&r->text, r->indent++, "if (group < %lld) {\n", (long long)groups);
        if (!reduce_columns(r, pieces, from, 1))
            return false;
        if (rest > 0)
            add_indented(&r->text, --r->indent, "} else {\n");
    }
    if (rest > 0) {
        const int count = rest_pieces(r, groups * step, lanes, pieces, from);
        r->indent += groups > 0;
        if (!reduce_columns(r, pieces, from, count))
            return false;
        r->indent -= groups > 0;
        if (groups > 0)
            add_indented(&r->text, r->indent, "}\n");
    }
    add_indented(&r->text, 1, "}\n");
    *launch = (launch_shape){(size_t)ceil_div(units, each), 1};
    move_text(&r->text, out);
    return true;
}

/* ---- rows or columns ---- */

bool reduce_blocks_write(writer *w, const kernel_target *target, const node_id *reductions, int count, text *out,
                         launch_shape *launch)
{
    reducer r = {.w = w, .target = target, .count = count};
    bool done;
    if (count > REDUCTIONS_MAX) {
        w->failed = true;
        return false;
    }
    for (int k = 0; k < count; k++)
        r.accumulators[k] = accumulator_of(w, reductions[k]);
    if (!reduction_settle(w, r.accumulators, count))
        return false;
    const bool has_row = w->digit_count > w->kept_count, has_column = w->kept_count > 0;
    if (w->reduced_elements == 0 || (!has_row && !has_column))
        return reduce_groups_write(w, target, reductions, count, out, launch);
    w->breaks_allowed = false;
    const int column_cost =
        reduction_cost_along(w, target->width, r.accumulators, count, has_column ? w->kept_count - 1 : GRAPH_NONE);
    const int row_cost = reduction_cost_along(w, target->width, r.accumulators, count, has_row ? w->digit_count - 1 : GRAPH_NONE);
    const bool rows = has_row && (row_cost <= column_cost || !has_column);
    w->breaks_allowed = rows;
    do {
        text_finish(out);
        w->lane_digit = rows ? w->digit_count - 1 : w->kept_count - 1;
        writer_begin(w);
        done = rows ? write_rows(&r, out, launch) : write_columns(&r, out, launch);
        text_finish(&r.text);
    } while (w->again);
    return done;
}
