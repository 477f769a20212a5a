/* Inside codegen/: how each tensor type is stored, and which type arithmetic on it uses. */
#ifndef SOCLE_LIB_CODEGEN_TYPES_H
#define SOCLE_LIB_CODEGEN_TYPES_H

#include "../base/base.h"

/* float32, float16 and bfloat16 compute in float, float64 in double, int64 in long, bool (as 0 or 1) and all other integers in
 * int. */
typedef enum compute_type { COMPUTE_FLOAT, COMPUTE_DOUBLE, COMPUTE_INT, COMPUTE_LONG, COMPUTE_TYPE_COUNT } compute_type;

#define WIDTH_COUNT 5 /* vectors of 1, 2, 4, 8, 16 */

compute_type compute_type_of(socle_dtype dtype);
bool compute_is_real(compute_type type);
const char *compute_name(compute_type type);      /* "float" */
const char *storage_type_name(socle_dtype dtype); /* "ushort" for bfloat16 */
int width_index(int width);                       /* log2 */
/* "float16", or "float" for width 1. */
const char *vector_name(compute_type type, int width);

/* What the text in front of a kernel must define. */
typedef struct needed_text {
    unsigned macros[COMPUTE_TYPE_COUNT][WIDTH_COUNT]; /* bits of macro_bit: SELECT_float16, LT_float16 ... */
    bool element_at[SOCLE_DTYPE_COUNT];               /* FLOAT32_AT(pointer, index) */
    bool strided[WIDTH_COUNT];                        /* STRIDED16(at, pointer, index, stride) */
    bool to_bfloat16[WIDTH_COUNT];
    bool round_to_half[WIDTH_COUNT];
    bool dropout[WIDTH_COUNT];
    bool lanes[WIDTH_COUNT];                      /* LANES16: 0, 1, 2 ... */
    bool functions[WIDTH_COUNT];                  /* of kernels/common/functions.cl */
    bool turned[COMPUTE_TYPE_COUNT][WIDTH_COUNT]; /* squares of kernels/common/turn.cl */
    bool real64;                                  /* cl_khr_fp64 */
} needed_text;

/* Is this word one of SELECT, LT, LE, GT, GE, EQ, NE? Its bit in needed_text.macros, else 0. */
unsigned macro_bit(const char *word, size_t length);
void needed_text_write(const needed_text *needed, text *out);

/* The expression that loads `width` elements at pointer + index, as the compute type. stride 1: consecutive. */
void write_load(needed_text *needed, socle_dtype dtype, int width, int64_t stride, const char *pointer, const char *index,
                text *out);
/* The statement, without indentation, that stores a value of the compute type. */
void write_store(needed_text *needed, socle_dtype dtype, int width, const char *pointer, const char *index, const char *value,
                 text *out);
/* An expression: `value` of type `from` as type `to`. */
void write_conversion(compute_type from, compute_type to, int width, const char *value, text *out);
/* Does a value of this type need rounding or wrapping to be what it would be after a store and a load? */
bool needs_narrowing(socle_dtype dtype, bool rounds);
void write_narrowing(needed_text *needed, socle_dtype dtype, int width, const char *value, text *out);
/* A number as a literal of the type. */
void write_literal(compute_type type, double value, text *out);

#endif
