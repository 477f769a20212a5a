/* What the kernels of convolution and pooling share: storage types, and epilogues that do nothing by default.
 * Storage is float32 unless -DSTORAGE_FLOAT16, -DSTORAGE_BFLOAT16 or -DSTORAGE_FLOAT64 says otherwise; arithmetic is done in `real`.
 * Vectors of 16 are loaded and stored without any alignment. */
#if defined(STORAGE_FLOAT64)
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double real;
typedef double16 real16;
typedef double stored;
#define LOAD(p, i) ((p)[i])
#define STORE(p, i, x) ((p)[i] = (x))
#define LOAD16(p) vload16(0, p)
#define STORE16(p, x) vstore16(x, 0, p)
#elif defined(STORAGE_FLOAT16)
typedef float real;
typedef float16 real16;
typedef half stored;
#define LOAD(p, i) vload_half(i, p)
#define STORE(p, i, x) vstore_half(x, i, p)
#define LOAD16(p) vload_half16(0, p)
#define STORE16(p, x) vstore_half16(x, 0, p)
#elif defined(STORAGE_BFLOAT16)
typedef float real;
typedef float16 real16;
typedef ushort stored;
/* Rounds to nearest even; a NaN stays one. */
static inline ushort to_bfloat16(float x)
{
    const uint bits = as_uint(x);
    return isnan(x) ? (ushort)(bits >> 16 | 0x40) : (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static inline ushort16 to_bfloat16_16(float16 x)
{
    const uint16 bits = as_uint16(x);
    const uint16 rounded = select((bits + (uint16)(0x7fff) + (bits >> 16 & (uint16)(1))) >> 16, bits >> 16 | (uint16)(0x40),
                                  as_uint16(isnan(x)));
    return convert_ushort16(rounded);
}
#define LOAD(p, i) as_float((uint)(p)[i] << 16)
#define STORE(p, i, x) ((p)[i] = to_bfloat16(x))
#define LOAD16(p) as_float16(convert_uint16(vload16(0, p)) << 16)
#define STORE16(p, x) vstore16(to_bfloat16_16(x), 0, p)
#else
typedef float real;
typedef float16 real16;
typedef float stored;
#define LOAD(p, i) ((p)[i])
#define STORE(p, i, x) ((p)[i] = (x))
#define LOAD16(p) vload16(0, p)
#define STORE16(p, x) vstore16(x, 0, p)
#endif

#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE1(x, index, channel) (x)
#define EPILOGUE4(x, index, channel) (x)
#define EPILOGUE8(x, index, channel) (x)
#define EPILOGUE16(x, index, channel) (x)
#endif

/* Geometry: x [BATCH][CHANNELS][ID][IH][IW], w [OUT_CHANNELS][CHANNELS / GROUPS][KD][KH][KW], y [BATCH][OUT_CHANNELS][OD][OH][OW];
 * lower ranks have leading dimensions of 1. Stride S., dilation R., padding in front P., behind E. */
#ifndef CHANNELS
#define BATCH 1
#define CHANNELS 4
#define OUT_CHANNELS 8
#define GROUPS 1
#define ID 1
#define IH 9
#define IW 9
#define KD 1
#define KH 3
#define KW 3
#define SD 1
#define SH 1
#define SW 1
#define RD 1
#define RH 1
#define RW 1
#define PD 0
#define PH 1
#define PW 1
#define ED 0
#define EH 1
#define EW 1
#define OD 1
#define OH 9
#define OW 9
#endif
#define GROUP_CHANNELS (CHANNELS / GROUPS)
#define GROUP_OUT_CHANNELS (OUT_CHANNELS / GROUPS)
