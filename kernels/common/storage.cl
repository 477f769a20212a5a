/* Elements as they lie in memory (element) and as they are computed with (real): float16 and bfloat16 are widened to float
 * when they are loaded and rounded to nearest even when they are stored. LOAD1/STORE1 move one element, LOADV/STOREV a vector
 * of WIDTH lanes; pointers need only the element's alignment. */
#ifndef SOCLE_STORAGE
#define SOCLE_STORAGE
#define FLOAT32 1
#define FLOAT16 2
#define BFLOAT16 3
#define FLOAT64 4
#define INT32 5
#define INT64 6
#define INT16 7
#define INT8 8
#define UINT8 9
#ifndef STORAGE
#define STORAGE FLOAT32
#endif
#ifndef WIDTH
#define WIDTH 16
#endif

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define UNROLL _Pragma("unroll")
#define UNROLL_BY(n) _Pragma(TEXT(unroll n))
#if WIDTH == 1
#define VECTOR(type) type
#define AS_VECTOR(type) PASTE(as_, type)
#define CONVERT_VECTOR(type) PASTE(convert_, type)
#define VLOAD(p) (*(p))
#define VSTORE(v, p) (*(p) = (v))
#define VLOAD_HALF(p) vload_half(0, p)
#define VSTORE_HALF(v, p) vstore_half_rte(v, 0, p)
#else
#define VECTOR(type) PASTE(type, WIDTH)
#define AS_VECTOR(type) PASTE(PASTE(as_, type), WIDTH)
#define CONVERT_VECTOR(type) PASTE(PASTE(convert_, type), WIDTH)
#define VLOAD(p) PASTE(vload, WIDTH)(0, p)
#define VSTORE(v, p) PASTE(vstore, WIDTH)(v, 0, p)
#define VLOAD_HALF(p) PASTE(vload_half, WIDTH)(0, p)
#define VSTORE_HALF(v, p) PASTE(PASTE(vstore_half, WIDTH), _rte)(v, 0, p)
#endif

#if STORAGE == FLOAT32 || STORAGE == FLOAT16 || STORAGE == BFLOAT16
typedef float real;
typedef VECTOR(float) realv;
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#define REAL_IS_FLOAT 1
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#elif STORAGE == FLOAT64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double real;
typedef VECTOR(double) realv;
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#define REAL_IS_FLOAT 1
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#elif STORAGE == INT64
typedef long real;
typedef VECTOR(long) realv;
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define LOWEST LONG_MIN
#define HIGHEST LONG_MAX
#else
typedef int real;
typedef VECTOR(int) realv;
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define LOWEST INT_MIN
#define HIGHEST INT_MAX
#endif

#if STORAGE == FLOAT16
typedef half element;
#define LOAD1(p) vload_half(0, p)
#define STORE1(v, p) vstore_half_rte(v, 0, p)
#define LOADV(p) VLOAD_HALF(p)
#define STOREV(v, p) VSTORE_HALF(v, p)
#elif STORAGE == BFLOAT16
typedef ushort element;
static inline ushort bfloat16_of(float x)
{
    const uint bits = as_uint(x);
    return isnan(x) ? (ushort)((bits >> 16) | 0x40u) : (ushort)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
#define LOAD1(p) as_float((uint)*(p) << 16)
#define STORE1(v, p) (*(p) = bfloat16_of(v))
#define LOADV(p) AS_VECTOR(float)(CONVERT_VECTOR(uint)(VLOAD(p)) << (VECTOR(uint))(16u))
#if WIDTH == 1
#define STOREV(v, p) STORE1(v, p)
#else
static inline VECTOR(ushort) bfloat16v_of(realv x)
{
    const VECTOR(uint) bits = AS_VECTOR(uint)(x), high = bits >> (VECTOR(uint))(16u);
    const VECTOR(uint) rounded = (bits + (VECTOR(uint))(0x7fffu) + (high & (VECTOR(uint))(1u))) >> (VECTOR(uint))(16u);
    return CONVERT_VECTOR(ushort)(isnan(x) ? high | (VECTOR(uint))(0x40u) : rounded);
}
#define STOREV(v, p) VSTORE(bfloat16v_of(v), p)
#endif
#else
#if STORAGE == FLOAT32
typedef float element;
#elif STORAGE == FLOAT64
typedef double element;
#elif STORAGE == INT32
typedef int element;
#elif STORAGE == INT64
typedef long element;
#elif STORAGE == INT16
typedef short element;
#elif STORAGE == INT8
typedef char element;
#else
typedef uchar element;
#endif
#if STORAGE == INT16 || STORAGE == INT8 || STORAGE == UINT8
#define LOAD1(p) ((int)*(p))
#define STORE1(v, p) (*(p) = (element)(v))
#define LOADV(p) CONVERT_VECTOR(int)(VLOAD(p))
#if STORAGE == INT16
#define STOREV(v, p) VSTORE(CONVERT_VECTOR(short)(v), p)
#elif STORAGE == INT8
#define STOREV(v, p) VSTORE(CONVERT_VECTOR(char)(v), p)
#else
#define STOREV(v, p) VSTORE(CONVERT_VECTOR(uchar)(v), p)
#endif
#else
#define LOAD1(p) (*(p))
#define STORE1(v, p) (*(p) = (v))
#define LOADV(p) VLOAD(p)
#define STOREV(v, p) VSTORE(v, p)
#endif
#endif
#endif
