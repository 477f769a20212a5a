/* Storage and compute types as OpenCL C: loads, stores, conversions, and the macros that expressions are written in. float16 goes
 * through vload_half and vstore_half, which need no extension; bfloat16 is the upper half of a float32. */
#include "types.h"
#include "../program/program.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct storage {
    compute_type compute;
    const char *name;
    const char *macro; /* names FLOAT32_AT and the like */
} storage;

static const storage storages[SOCLE_DTYPE_COUNT] = {
    [SOCLE_FLOAT32] = {COMPUTE_FLOAT, "float", "FLOAT32"},
    [SOCLE_UINT8] = {COMPUTE_INT, "uchar", "UINT8"},
    [SOCLE_INT8] = {COMPUTE_INT, "char", "INT8"},
    [SOCLE_INT16] = {COMPUTE_INT, "short", "INT16"},
    [SOCLE_INT32] = {COMPUTE_INT, "int", "INT32"},
    [SOCLE_INT64] = {COMPUTE_LONG, "long", "INT64"},
    [SOCLE_BOOL] = {COMPUTE_INT, "uchar", "BOOL"},
    [SOCLE_FLOAT16] = {COMPUTE_FLOAT, "half", "FLOAT16"},
    [SOCLE_FLOAT64] = {COMPUTE_DOUBLE, "double", "FLOAT64"},
    [SOCLE_BFLOAT16] = {COMPUTE_FLOAT, "ushort", "BFLOAT16"},
};
static const char *const compute_names[COMPUTE_TYPE_COUNT] = {"float", "double", "int", "long"};

compute_type compute_type_of(socle_dtype dtype)
{
    return storages[dtype].compute;
}

bool compute_is_real(compute_type type)
{
    return type == COMPUTE_FLOAT || type == COMPUTE_DOUBLE;
}

const char *compute_name(compute_type type)
{
    return compute_names[type];
}

const char *storage_type_name(socle_dtype dtype)
{
    return storages[dtype].name;
}

int width_index(int width)
{
    return __builtin_ctz((unsigned)width);
}

/* What a vector type's name ends in. */
static const char *width_suffix(int width)
{
    static const char *const suffixes[WIDTH_COUNT] = {"", "2", "4", "8", "16"};
    return suffixes[width_index(width)];
}

const char *vector_name(compute_type type, int width)
{
    static const char *const names[COMPUTE_TYPE_COUNT][WIDTH_COUNT] = {
        {"float", "float2", "float4", "float8", "float16"},
        {"double", "double2", "double4", "double8", "double16"},
        {"int", "int2", "int4", "int8", "int16"},
        {"long", "long2", "long4", "long8", "long16"},
    };
    return names[type][width_index(width)];
}

/* ---- loads and stores ---- */

static bool stored_as_computed(socle_dtype dtype)
{
    return dtype == SOCLE_FLOAT32 || dtype == SOCLE_FLOAT64 || dtype == SOCLE_INT32 || dtype == SOCLE_INT64;
}

static void write_load_scalar(socle_dtype dtype, const char *pointer, const char *index, text *out)
{
    if (stored_as_computed(dtype))
        text_addf(out, "%s[%s]", pointer, index);
    else if (dtype == SOCLE_FLOAT16)
        text_addf(out, "vload_half(%s, %s)", index, pointer);
    else if (dtype == SOCLE_BFLOAT16)
        text_addf(out, "as_float((uint)%s[%s] << 16)", pointer, index);
    else
        text_addf(out, "(int)%s[%s]", pointer, index);
}

void write_load(needed_text *needed, socle_dtype dtype, int width, int64_t stride, const char *pointer, const char *index,
                text *out)
{
    if (dtype == SOCLE_FLOAT64)
        needed->real64 = true;
    if (width == 1) {
        write_load_scalar(dtype, pointer, index, out);
    } else if (stride != 1) {
        needed->element_at[dtype] = needed->strided[width_index(width)] = true;
        text_addf(out, "(%s)(STRIDED%d(%s_AT, %s, %s, %lld))", vector_name(storages[dtype].compute, width), width,
                  storages[dtype].macro, pointer, index, (long long)stride);
    } else if (stored_as_computed(dtype)) {
        text_addf(out, "vload%d(0, %s + %s)", width, pointer, index);
    } else if (dtype == SOCLE_FLOAT16) {
        text_addf(out, "vload_half%d(0, %s + %s)", width, pointer, index);
    } else if (dtype == SOCLE_BFLOAT16) {
        text_addf(out, "as_float%d(convert_uint%d(vload%d(0, %s + %s)) << 16)", width, width, width, pointer, index);
    } else {
        text_addf(out, "convert_int%d(vload%d(0, %s + %s))", width, width, pointer, index);
    }
}

void write_store(needed_text *needed, socle_dtype dtype, int width, const char *pointer, const char *index, const char *value,
                 text *out)
{
    const char *storage_type = storages[dtype].name;
    if (dtype == SOCLE_FLOAT64)
        needed->real64 = true;
    if (dtype == SOCLE_BFLOAT16)
        needed->to_bfloat16[width_index(width)] = true;
    if (dtype == SOCLE_FLOAT16 && width == 1)
        text_addf(out, "vstore_half_rte(%s, %s, %s);\n", value, index, pointer);
    else if (dtype == SOCLE_FLOAT16)
        text_addf(out, "vstore_half%d_rte(%s, 0, %s + %s);\n", width, value, pointer, index);
    else if (width == 1 && stored_as_computed(dtype))
        text_addf(out, "%s[%s] = %s;\n", pointer, index, value);
    else if (width == 1 && dtype == SOCLE_BFLOAT16)
        text_addf(out, "%s[%s] = to_bfloat16_1(%s);\n", pointer, index, value);
    else if (width == 1)
        text_addf(out, "%s[%s] = (%s)%s;\n", pointer, index, storage_type, value);
    else if (stored_as_computed(dtype))
        text_addf(out, "vstore%d(%s, 0, %s + %s);\n", width, value, pointer, index);
    else if (dtype == SOCLE_BFLOAT16)
        text_addf(out, "vstore%d(to_bfloat16_%d(%s), 0, %s + %s);\n", width, width, value, pointer, index);
    else
        text_addf(out, "vstore%d(convert_%s%d(%s), 0, %s + %s);\n", width, storage_type, width, value, pointer, index);
}

/* ---- conversions and literals ---- */

void write_conversion(compute_type from, compute_type to, int width, const char *value, text *out)
{
    if (from == to)
        text_add(out, value);
    else
        text_addf(out, "convert_%s(%s)", vector_name(to, width), value);
}

bool needs_narrowing(socle_dtype dtype, bool rounds)
{
    if (dtype == SOCLE_FLOAT16 || dtype == SOCLE_BFLOAT16)
        return rounds;
    return dtype == SOCLE_UINT8 || dtype == SOCLE_INT8 || dtype == SOCLE_INT16;
}

void write_narrowing(needed_text *needed, socle_dtype dtype, int width, const char *value, text *out)
{
    const char *suffix = width_suffix(width);
    if (dtype == SOCLE_FLOAT16) {
        needed->round_to_half[width_index(width)] = true;
        text_addf(out, "round_to_half_%d(%s)", width, value);
    } else if (dtype == SOCLE_BFLOAT16) {
        needed->to_bfloat16[width_index(width)] = true;
        text_addf(out, "as_float%s(convert_uint%s(to_bfloat16_%d(%s)) << 16)", suffix, suffix, width, value);
    } else {
        text_addf(out, "convert_int%s(convert_%s%s(%s))", suffix, storages[dtype].name, suffix, value);
    }
}

void write_literal(compute_type type, double value, text *out)
{
    char digits[48];
    if (!compute_is_real(type)) {
        if (type == COMPUTE_INT && value == INT32_MIN)
            text_add(out, "(-2147483647 - 1)");
        else if (type == COMPUTE_LONG && value <= (double)INT64_MIN)
            text_add(out, "(-9223372036854775807L - 1)");
        else
            text_addf(out, "%lld%s", (long long)value, type == COMPUTE_LONG ? "L" : "");
        return;
    }
    if (isnan(value) || isinf(value)) {
        text_add(out, isnan(value) ? "NAN" : value > 0 ? "INFINITY" : "-INFINITY");
        return;
    }
    snprintf(digits, sizeof(digits), type == COMPUTE_FLOAT ? "%.9g" : "%.17g", value);
    text_add(out, digits);
    if (strpbrk(digits, ".e") == NULL)
        text_add(out, ".0");
    if (type == COMPUTE_FLOAT)
        text_add(out, "f");
}

/* ---- the text in front of the kernel ---- */

static const struct {
    const char *name, *symbol;
} macro_words[] = {{"SELECT", ""}, {"LT", "<"}, {"LE", "<="}, {"GT", ">"}, {"GE", ">="}, {"EQ", "=="}, {"NE", "!="}};

unsigned macro_bit(const char *word, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(macro_words); i++)
        if (strlen(macro_words[i].name) == length && strncmp(macro_words[i].name, word, length) == 0)
            return 1u << i;
    return 0;
}

/* The macros of expressions: comparisons give 0 or 1 of the type itself. Vector comparisons give masks (OpenCL C 1.2, 6.3.d), and
 * ?: picks by their highest bit (6.3.i), which compilers turn into better code than select() and fmax(). */
static void write_macros(unsigned bits, compute_type type, int width, text *out)
{
    const char *t = vector_name(type, width);
    if (bits & 1)
        text_addf(out, "#define SELECT_%s(c, x, y) ((c) != (%s)(0) ? (%s)(x) : (%s)(y))\n", t, t, t, t);
    for (size_t i = 1; i < COUNT_OF(macro_words); i++)
        if (bits >> i & 1)
            text_addf(out, "#define %s_%s(x, y) ((%s)(x) %s (%s)(y) ? (%s)(1) : (%s)(0))\n", macro_words[i].name, t, t,
                      macro_words[i].symbol, t, t, t);
}

static void write_strided(int width, text *out)
{
    text_addf(out, "#define STRIDED%d(at, p, i, s) at(p, i)", width);
    for (int lane = 1; lane < width; lane++)
        text_addf(out, ", at(p, (i) + %d * (s))", lane);
    text_add(out, "\n");
}

static void write_lanes(int width, text *out)
{
    text_addf(out, "#define LANES%d ", width);
    for (int lane = 0; lane < width; lane++)
        text_addf(out, "%s%d", lane > 0 ? ", " : "", lane);
    text_add(out, "\n");
}

/* Round to nearest even; a NaN stays one. */
static void write_to_bfloat16(int width, text *out)
{
    const char *n = width_suffix(width);
    text_addf(out,
              "static ushort%s to_bfloat16_%d(float%s x)\n"
              "{\n"
              "    const uint%s bits = as_uint%s(x);\n"
              "    const uint%s rounded = (bits + (uint%s)(0x7fff) + ((bits >> 16) & (uint%s)(1))) >> 16;\n"
              "    const uint%s quiet = (bits >> 16) | (uint%s)(0x40);\n"
              "    return convert_ushort%s((bits & (uint%s)(0x7fffffff)) > (uint%s)(0x7f800000) ? quiet : rounded);\n"
              "}\n",
              n, width, n, n, n, n, n, n, n, n, n, n, n);
}

static void write_round_to_half(int width, text *out)
{
    const char *n = width_suffix(width);
    text_addf(out,
              "static float%s round_to_half_%d(float%s x)\n"
              "{\n"
              "    ushort bits[%d];\n"
              "    vstore_half%s_rte(x, 0, (half *)bits);\n"
              "    return vload_half%s(0, (const half *)bits);\n"
              "}\n",
              n, width, n, width, n, n);
}

/* 0 or 1 / (1 - ratio) from a hash of seed, salt and index; the mixing steps are "lowbias32" of Wellons, "Prospecting for Hash
 * Functions", 2018. */
static void write_dropout(int width, text *out)
{
    const char *n = width_suffix(width);
    text_addf(out,
              "static float%s dropout_mask_%d(uint%s index, uint seed, uint salt, float ratio)\n"
              "{\n"
              "    uint key = seed * 0x9e3779b9u + salt * 0x85ebca6bu;\n"
              "    key = (key ^ (key >> 16)) * 0x7feb352du;\n"
              "    uint%s x = index ^ (uint%s)(key ^ (key >> 15));\n"
              "    x = (x ^ (x >> 16)) * (uint%s)(0x7feb352du);\n"
              "    x = (x ^ (x >> 15)) * (uint%s)(0x846ca68bu);\n"
              "    x = x ^ (x >> 16);\n"
              "    return convert_float%s(x >> 8) * (float%s)(5.9604644775390625e-8f) < (float%s)(ratio) ? (float%s)(0.0f)\n"
              "        : (float%s)(1.0f / (1.0f - ratio));\n"
              "}\n",
              n, width, n, n, n, n, n, n, n, n, n, n);
}

/* kernels/common/functions.cl, which names what it defines by LANES. */
static void write_functions(int width, text *out)
{
    text_addf(out, "#define LANES %d\n%s\n", width, program_source_text("common/functions"));
}

/* kernels/common/turn.cl, once, and its functions for the vectors that it is needed for. */
static void write_turned(const needed_text *needed, text *out)
{
    bool any = false;
    for (int type = 0; type < COMPUTE_TYPE_COUNT; type++) {
        for (int i = 0; i < WIDTH_COUNT; i++) {
            if (!needed->turned[type][i])
                continue;
            if (!any)
                text_addf(out, "%s\n", program_source_text("common/turn"));
            text_addf(out, "TURN_FUNCTIONS(%s)\n", vector_name((compute_type)type, 1 << i));
            any = true;
        }
    }
}

static void write_element_at(socle_dtype dtype, text *out)
{
    text_addf(out, "#define %s_AT(p, i) ", storages[dtype].macro);
    write_load_scalar(dtype, "(p)", "(i)", out);
    text_add(out, "\n");
}

void needed_text_write(const needed_text *needed, text *out)
{
    if (needed->real64)
        text_add(out, "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n");
    for (int type = 0; type < COMPUTE_TYPE_COUNT; type++)
        for (int i = 0; i < WIDTH_COUNT; i++)
            write_macros(needed->macros[type][i], (compute_type)type, 1 << i, out);
    for (int dtype = 0; dtype < SOCLE_DTYPE_COUNT; dtype++)
        if (needed->element_at[dtype])
            write_element_at((socle_dtype)dtype, out);
    for (int i = 0; i < WIDTH_COUNT; i++) {
        if (needed->strided[i])
            write_strided(1 << i, out);
        if (needed->lanes[i])
            write_lanes(1 << i, out);
        if (needed->to_bfloat16[i])
            write_to_bfloat16(1 << i, out);
        if (needed->round_to_half[i])
            write_round_to_half(1 << i, out);
        if (needed->dropout[i])
            write_dropout(1 << i, out);
        if (needed->functions[i])
            write_functions(1 << i, out);
    }
    write_turned(needed, out);
}
