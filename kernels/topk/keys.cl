/* Keys in whose order elements are ranked: unsigned, the larger the better; equal for 0 and -0; a NaN above all numbers, below
 * them all where the smallest are wanted. */
#include "common/storage.cl"

#ifndef SMALLEST
#define SMALLEST 0
#endif
#if STORAGE == FLOAT64 || STORAGE == INT64
typedef ulong key_type;
#define KEY_BITS 64
#else
typedef uint key_type;
#define KEY_BITS 32
#endif

#if STORAGE == FLOAT16 /* which cannot be assigned */
#define COPY1(from, to) (*(__global ushort *)(to) = *(__global const ushort *)(from))
#else
#define COPY1(from, to) (*(to) = *(from))
#endif

static key_type key_of(real x)
{
    const key_type sign = (key_type)1 << (KEY_BITS - 1);
#ifdef REAL_IS_FLOAT
#if KEY_BITS == 64
    const key_type bits = x == 0 ? 0 : as_ulong(x);
#else
    const key_type bits = x == 0 ? 0 : as_uint(x);
#endif
    const key_type key = isnan(x) ? ~(key_type)0 : (bits & sign) != 0 ? ~bits : bits | sign;
#else
    const key_type key = (key_type)x ^ sign;
#endif
    return SMALLEST ? ~key : key;
}
