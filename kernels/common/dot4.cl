/* Sums of four products of bytes that lie in 32-bit words, for each pair of signs: DOT4_SU: signed times unsigned. By the
 * device's integer dot product where it was probed (DOT: lib/profile/instructions.c), else in plain arithmetic. DOT4: of the
 * problem's signs. */
#include "common/bytes.cl"
#if DOT == DOT_PACKED
#ifdef cl_khr_integer_dot_product
#pragma OPENCL EXTENSION cl_khr_integer_dot_product : enable
#endif
#define DOT4_SS(a, b) dot_4x8packed_ss_int(a, b)
#define DOT4_SU(a, b) dot_4x8packed_su_int(a, b)
#define DOT4_US(a, b) dot_4x8packed_us_int(a, b)
#define DOT4_UU(a, b) ((int)dot_4x8packed_uu_uint(a, b))
#else
static inline int sum_of_products(int4 a, int4 b)
{
    const int4 products = a * b;
    return products.x + products.y + products.z + products.w;
}
#define SIGNED4(word) convert_int4(as_char4(word))
#define UNSIGNED4(word) convert_int4(as_uchar4(word))
#define DOT4_SS(a, b) sum_of_products(SIGNED4(a), SIGNED4(b))
#define DOT4_SU(a, b) sum_of_products(SIGNED4(a), UNSIGNED4(b))
#define DOT4_US(a, b) sum_of_products(UNSIGNED4(a), SIGNED4(b))
#define DOT4_UU(a, b) sum_of_products(UNSIGNED4(a), UNSIGNED4(b))
#endif
#if A_SIGNED && B_SIGNED
#define DOT4(a, b) DOT4_SS(a, b)
#elif A_SIGNED
#define DOT4(a, b) DOT4_SU(a, b)
#elif B_SIGNED
#define DOT4(a, b) DOT4_US(a, b)
#else
#define DOT4(a, b) DOT4_UU(a, b)
#endif
