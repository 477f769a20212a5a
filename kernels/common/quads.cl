/* Four elements at an address that is aligned to four elements, moved as one: LOAD4, STORE4. vload4 and vstore4 promise a
 * compiler no more than an element's alignment, and GPUs whose wide loads want alignment then get four narrow ones. (CUDA C++
 * Programming Guide, "Device Memory Accesses": one instruction moves 2, 4, 8 or 16 bytes only where the address is a multiple of
 * the size.) Include it instead of common/storage.cl; WIDTH is 4. */
#ifndef WIDTH
#define WIDTH 4
#endif
#include "common/storage.cl"
#if STORAGE == FLOAT16
#define LOAD4(p) vloada_half4(0, p)
#define STORE4(v, p) vstorea_half4_rte(v, 0, p)
#elif STORAGE == BFLOAT16
#define LOAD4(p) as_float4(convert_uint4(*(__global const ushort4 *)(p)) << (uint4)(16u))
#define STORE4(v, p) (*(__global ushort4 *)(p) = bfloat16v_of(v))
#elif STORAGE == INT16 || STORAGE == INT8 || STORAGE == UINT8
#define LOAD4(p) LOADV(p)
#define STORE4(v, p) STOREV(v, p)
#else
#define LOAD4(p) (*(__global const realv *)(p))
#define STORE4(v, p) (*(__global realv *)(p) = (v))
#endif
