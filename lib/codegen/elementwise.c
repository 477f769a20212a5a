/* Kernels without a reduction. On CPUs a work-item takes a tile of rows and lanes: the lanes run along the innermost digit in
 * explicit vectors, the rows are all other digits. Where an input is strided along the lanes (a transpose), the rows run inside
 * of the lane loop, so that the cache lines of one vector's elements are used up before the next, and are read by squares where
 * the digit in front of the lanes has them (squares.c). On GPUs a work-item takes one element. */
#include "kernels.h"

#include <stdio.h>

/* Above this many operators the rest of a row that fills no vector is done by a loop over single elements. */
#define LONG_BODY 24
/* Up to so many the elements of a square are taken by unrolled code, out of registers. */
#define SHORT_BODY 4

typedef struct tiles {
    writer *w;
    const kernel_target *target;
    int64_t rows, lanes;           /* of the whole space */
    int64_t tile_rows, tile_lanes; /* of a work-item */
    int64_t row_tiles, lane_tiles;
    bool exchanged; /* rows inside of the lane loop */
    text pieces;
} tiles;

static void choose_tiles(tiles *t)
{
    const writer *w = t->w;
    const int64_t width = t->target->width, block = block_elements(t->target, w->output_elements);
    t->lanes = w->extents[w->lane_digit];
    t->rows = w->output_elements / t->lanes;
    if (t->exchanged) {
        t->tile_rows = t->rows < 32 ? t->rows : 32;
        t->tile_lanes = round_up(ceil_div(2 * block, t->tile_rows), width);
    } else {
        t->tile_rows = t->lanes >= 2 * block ? 1 : block / t->lanes;
        t->tile_lanes = t->lanes >= 2 * block ? round_up(block, width) : t->lanes;
    }
    t->tile_rows = t->tile_rows < 1 ? 1 : t->tile_rows > t->rows ? t->rows : t->tile_rows;
    if (t->tile_lanes > t->lanes)
        t->tile_lanes = t->lanes;
    t->row_tiles = ceil_div(t->rows, t->tile_rows);
    t->lane_tiles = ceil_div(t->lanes, t->tile_lanes);
}

static const char *lane_name(const writer *w)
{
    return w->variables.items[w->digit_variable[w->lane_digit]].name;
}

/* The loop over the rows of the tile, when there are several; the digits of the row. Returns the indent inside. */
static int open_rows(const tiles *t, int indent, text *out)
{
    const writer *w = t->w;
    if (t->rows == 1)
        return indent;
    if (t->tile_rows == 1) {
        write_digits(w, 0, w->digit_count - 1, "first_row", indent, out);
        return indent;
    }
    add_indented(out, indent, "for (%s row = first_row; row < last_row; row++) {\n", writer_index_type(w));
    write_digits(w, 0, w->digit_count - 1, "row", indent + 1, out);
    return indent + 1;
}

static void close_rows(const tiles *t, int indent, text *out)
{
    if (t->rows > 1 && t->tile_rows > 1)
        add_indented(out, indent, "}\n");
}

static bool write_row(tiles *t, int indent)
{
    t->w->body_indent = indent;
    if (!write_outputs(t->w))
        return false;
    move_text(&t->w->body, &t->pieces);
    return true;
}

/* By squares: false with nothing written where nothing is read so. */
static bool write_squares(tiles *t, int indent)
{
    writer *w = t->w;
    const int digit = w->digit_count - 2;
    if (w->width < t->target->width || w->extents[digit] < w->width)
        return false;
    w->memory_count = w->local_count = 0;
    w->body_indent = w->hoisted_indent = indent + 2;
    w->square_digit = digit;
    const int evaluated = w->evaluations;
    const bool written = write_outputs(w) && w->squares.data != NULL;
    w->square_digit = GRAPH_NONE;
    if (!written) {
        text_finish(&w->hoisted);
        text_finish(&w->body);
        return false;
    }
    square_loops(w, digit, w->evaluations - evaluated <= SHORT_BODY, indent, &t->pieces);
    move_text(&w->hoisted, &t->pieces);
    move_text(&w->body, &t->pieces);
    add_indented(&t->pieces, indent + 1, "}\n");
    add_indented(&t->pieces, indent, "}\n");
    return true;
}

/* The rows of the tile for the lanes of one vector. */
static bool write_rows_inside(tiles *t, int indent)
{
    writer *w = t->w;
    if (write_squares(t, indent))
        return true;
    if (writer_stopped(w))
        return false;
    w->memory_count = w->local_count = 0;
    w->body_indent = w->hoisted_indent = open_rows(t, indent, &t->pieces);
    if (!write_outputs(w))
        return false;
    move_text(&w->hoisted, &t->pieces);
    move_text(&w->body, &t->pieces);
    close_rows(t, indent, &t->pieces);
    return true;
}

/* One loop over lanes low..high, `open`ed by its header; NULL: a block for the one vector at `low`. */
static bool write_piece(tiles *t, int width, int64_t low, int64_t high, const char *open)
{
    writer *w = t->w;
    const int indent = 1 + (!t->exchanged && t->rows > 1 && t->tile_rows > 1);
    index_variable *lane = &w->variables.items[w->digit_variable[w->lane_digit]];
    lane->low = low;
    lane->high = high;
    w->width = width;
    writer_forget_lanes(w);
    add_indented(&t->pieces, indent, "%s\n", open != NULL ? open : "{");
    if (open == NULL)
        add_indented(&t->pieces, indent + 1, "const %s %s = %lld;\n", writer_index_type(w), lane->name, (long long)low);
    const bool done = t->exchanged ? write_rows_inside(t, indent + 1) : write_row(t, indent + 1);
    add_indented(&t->pieces, indent, "}\n");
    return done;
}

/* Lanes begin..end-1, known when the text is written: vectors, then ever smaller ones. */
static bool write_fixed_lanes(tiles *t, int64_t begin, int64_t end)
{
    char open[160];
    const char *name = lane_name(t->w), *type = writer_index_type(t->w);
    const int64_t whole = begin + (end - begin) / t->target->width * t->target->width;
    snprintf(open, sizeof(open), "for (%s %s = %lld; %s < %lld; %s += %d) {", type, name, (long long)begin, name,
             (long long)whole, name, t->target->width);
    if (whole > begin && !write_piece(t, t->target->width, begin, whole - 1, whole - begin > t->target->width ? open : NULL))
        return false;
    if (end > whole && t->w->evaluations > LONG_BODY) {
        snprintf(open, sizeof(open), "for (%s %s = %lld; %s < %lld; %s++) {", type, name, (long long)whole, name, (long long)end,
                 name);
        return write_piece(t, 1, whole, end - 1, open);
    }
    int64_t at = whole;
    for (int width = t->target->width / 2; width >= 1; width /= 2) {
        if (end - at < width)
            continue;
        if (!write_piece(t, width, at, at + width - 1, NULL))
            return false;
        at += width;
    }
    return true;
}

/* Those of lanes begin..end-1 that lie in the tile. */
static bool write_tiled_lanes(tiles *t, int number, int64_t begin, int64_t end)
{
    char open[256];
    const char *name = lane_name(t->w), *type = writer_index_type(t->w);
    const int width = t->target->width;
    const bool whole = begin == 0 && end == t->lanes;
    char from[48] = "first_lane", to[48] = "last_lane";
    if (!whole) {
        const int indent = 1 + (!t->exchanged && t->rows > 1 && t->tile_rows > 1);
        snprintf(from, sizeof(from), "from%d", number);
        snprintf(to, sizeof(to), "to%d", number);
        add_indented(&t->pieces, indent, "const %s %s = max(first_lane, (%s)%lld), %s = min(last_lane, (%s)%lld);\n", type, from,
                     type, (long long)begin, to, type, (long long)end);
    }
    snprintf(open, sizeof(open), "for (%s %s = %s; %s + %d <= %s; %s += %d) {", type, name, from, name, width, to, name, width);
    if (end - begin >= width && !write_piece(t, width, begin, end - 1, open))
        return false;
    if (whole && t->lanes % width == 0)
        return true;
    snprintf(open, sizeof(open), "for (%s %s = %s + max(%s - %s, (%s)0) / %d * %d; %s < %s; %s++) {", type, name, from, to, from,
             type, width, width, name, to, name);
    return write_piece(t, 1, begin, end - 1, open);
}

static void write_tile_bounds(const tiles *t, text *out)
{
    const char *type = writer_index_type(t->w);
    add_indented(out, 1, "const %s tile = (%s)get_global_id(0);\n", type, type);
    if (t->rows > 1) {
        add_indented(out, 1, "const %s first_row = tile", type);
        if (t->lane_tiles > 1)
            text_addf(out, " / %lld", (long long)t->lane_tiles);
        text_addf(out, " * %lld;\n", (long long)t->tile_rows);
        if (t->tile_rows > 1)
            add_indented(out, 1, "const %s last_row = min(first_row + %lld, (%s)%lld);\n", type, (long long)t->tile_rows, type,
                         (long long)t->rows);
    }
    if (t->lane_tiles > 1) {
        add_indented(out, 1, "const %s first_lane = tile", type);
        if (t->row_tiles > 1)
            text_addf(out, " %% %lld", (long long)t->lane_tiles);
        text_addf(out, " * %lld;\n", (long long)t->tile_lanes);
        add_indented(out, 1, "const %s last_lane = min(first_lane + %lld, (%s)%lld);\n", type, (long long)t->tile_lanes, type,
                     (long long)t->lanes);
    }
}

static bool write_tiles(writer *w, const kernel_target *target, bool exchanged, text *out, launch_shape *launch)
{
    tiles t = {.w = w, .target = target, .exchanged = exchanged};
    bool done = true;
    choose_tiles(&t);
    w->hoisted_indent = 1 + (t.rows > 1 && t.tile_rows > 1);
    for (int i = 0; i <= w->break_count && done; i++) {
        const int64_t begin = i == 0 ? 0 : w->breaks[i - 1], end = i == w->break_count ? t.lanes : w->breaks[i];
        done = t.lane_tiles > 1 ? write_tiled_lanes(&t, i, begin, end) : write_fixed_lanes(&t, begin, end);
    }
    if (done) {
        write_tile_bounds(&t, out);
        if (!exchanged)
            open_rows(&t, 1, out);
        move_text(&w->hoisted, out);
        move_text(&t.pieces, out);
        if (!exchanged)
            close_rows(&t, 1, out);
        *launch = (launch_shape){(size_t)(t.row_tiles * t.lane_tiles), 1};
    }
    text_finish(&t.pieces);
    return done;
}

/* One element per work-item (or the only element). */
static bool write_single(writer *w, const kernel_target *target, text *out, launch_shape *launch)
{
    w->width = 1;
    w->hoisted_indent = w->body_indent = 1;
    if (!write_outputs(w))
        return false;
    *launch = (launch_shape){1, 1};
    if (w->output_elements > 1) {
        const size_t local = target->max_group < 128 ? (size_t)target->max_group : 128;
        *launch = (launch_shape){(size_t)round_up(w->output_elements, (int64_t)local), local};
        add_indented(out, 1, "const %s element = (%s)get_global_id(0);\n", writer_index_type(w), writer_index_type(w));
        add_indented(out, 1, "if (element >= %lld)\n        return;\n", (long long)w->output_elements);
        write_digits(w, 0, w->digit_count, "element", 1, out);
    }
    move_text(&w->hoisted, out);
    move_text(&w->body, out);
    return true;
}

bool elementwise_write(writer *w, const kernel_target *target, text *out, launch_shape *launch)
{
    bool done, exchanged = false;
    w->breaks_allowed = true;
    do {
        const bool lanes = target->blocks && w->digit_count > 0;
        text_finish(out);
        w->lane_digit = lanes ? w->digit_count - 1 : GRAPH_NONE;
        writer_begin(w);
        done = lanes ? write_tiles(w, target, exchanged, out, launch) : write_single(w, target, out, launch);
        if (done && lanes && !exchanged && w->far > 0 && w->digit_count > 1) {
            exchanged = w->again = true;
            done = false;
        }
    } while (w->again);
    return done;
}
