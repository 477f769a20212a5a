/* Weights in a type of their own, widened to float when they are loaded: LOAD_WEIGHT1 one element, LOAD_WEIGHTV a vector of WIDTH
 * lanes. What they are multiplied with, and the result, are of the type of common/storage.cl. */
#include "common/storage.cl"
#ifndef WEIGHT_STORAGE
#define WEIGHT_STORAGE FLOAT16
#endif
#if WEIGHT_STORAGE == FLOAT16
typedef half weight;
typedef ushort weight_bits;
#define LOAD_WEIGHT1(p) vload_half(0, p)
#define LOAD_WEIGHTV(p) VLOAD_HALF(p)
#elif WEIGHT_STORAGE == BFLOAT16
typedef ushort weight;
typedef ushort weight_bits;
#define LOAD_WEIGHT1(p) as_float((uint)*(p) << 16)
#define LOAD_WEIGHTV(p) AS_VECTOR(float)(CONVERT_VECTOR(uint)(VLOAD(p)) << (VECTOR(uint))(16u))
#else
#if WEIGHT_STORAGE == INT8
typedef char weight;
#else
typedef uchar weight;
#endif
typedef uchar weight_bits;
#define LOAD_WEIGHT1(p) ((float)*(p))
#define LOAD_WEIGHTV(p) CONVERT_VECTOR(float)(VLOAD(p))
#endif
