/* Loads and stores of vectors as whole ones. Put in front of every program on devices with QUIRK_SPLIT_VECTORS, whose own vloadn and
 * vstoren move parts one by one (lib/device/quirks.c). */
#define SOCLE_LOAD_AND_STORE(type, n, space)                                                                                  \
    static inline type##n __attribute__((overloadable)) socle_vload##n(size_t offset, space const type *p)                    \
    {                                                                                                                         \
        return *(space const socle_##type##n *)(p + offset * n);                                                              \
    }                                                                                                                         \
    static inline void __attribute__((overloadable)) socle_vstore##n(type##n v, size_t offset, space type *p)                 \
    {                                                                                                                         \
        *(space socle_##type##n *)(p + offset * n) = v;                                                                       \
    }
#define SOCLE_OF_WIDTH(type, n)                                                                                               \
    typedef type##n socle_##type##n __attribute__((aligned(sizeof(type)))); /* wherever an element may lie */                 \
    SOCLE_LOAD_AND_STORE(type, n, __global)                                                                                   \
    SOCLE_LOAD_AND_STORE(type, n, __local)                                                                                    \
    SOCLE_LOAD_AND_STORE(type, n, __private)
#define SOCLE_OF_TYPE(type) SOCLE_OF_WIDTH(type, 4) SOCLE_OF_WIDTH(type, 8) SOCLE_OF_WIDTH(type, 16)
SOCLE_OF_TYPE(float)
SOCLE_OF_TYPE(char)
SOCLE_OF_TYPE(uchar)
SOCLE_OF_TYPE(short)
SOCLE_OF_TYPE(ushort)
SOCLE_OF_TYPE(int)
SOCLE_OF_TYPE(uint)
SOCLE_OF_TYPE(long)
SOCLE_OF_TYPE(ulong)
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
SOCLE_OF_TYPE(double)
#endif
/* PoCL 3.1 renames the word itself too (_builtin_renames.h), so that kernels which paste vstore and a width would get its own. */
#undef vload
#undef vstore
#define vload4 socle_vload4
#define vload8 socle_vload8
#define vload16 socle_vload16
#define vstore4 socle_vstore4
#define vstore8 socle_vstore8
#define vstore16 socle_vstore16
