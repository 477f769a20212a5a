/* What the kernels of convolution and pooling share. Vectors have 16 lanes; loads and stores need no alignment. */
#include "common/storage.cl"
#include "common/epilogue.cl"

typedef realv real16;
#if STORAGE == FLOAT64
typedef double8 real8;
typedef double4 real4;
typedef long16 mask16; /* of comparisons of real16 */
#else
typedef float8 real8;
typedef float4 real4;
typedef int16 mask16;
#endif
#if STORAGE == FLOAT16
#define LOAD8(p) vload_half8(0, p)
#define LOAD4(p) vload_half4(0, p)
#elif STORAGE == BFLOAT16
#define LOAD8(p) as_float8(convert_uint8(vload8(0, p)) << 16)
#define LOAD4(p) as_float4(convert_uint4(vload4(0, p)) << 16)
#else
#define LOAD8(p) vload8(0, p)
#define LOAD4(p) vload4(0, p)
#endif
