#include "matrix.h"

#include <socle/profile.h>

matrix_fragment matrix_fragment_of(const socle_device *device)
{
    static const matrix_fragment fragments[MATRIX_KIND_COUNT] = {[MATRIX_MMA] = {16, 8, 32, 8, 160},
                                                                 [MATRIX_DPAS_8] = {8, 8, 8, 4, 72},
                                                                 [MATRIX_DPAS_16] = {8, 16, 16, 4, 72},
                                                                 [MATRIX_MFMA] = {16, 16, 64, 8, 160},
                                                                 [MATRIX_WMMA] = {16, 16, 32, 8, 72}};
    return fragments[device->capabilities.matrix];
}

device_instruction matrix_instruction(socle_dtype dtype)
{
    switch (dtype) {
    case SOCLE_FLOAT16:
        return INSTRUCTION_MATRIX_FLOAT16;
    case SOCLE_BFLOAT16:
        return INSTRUCTION_MATRIX_BFLOAT16;
    case SOCLE_INT8:
    case SOCLE_UINT8:
        return INSTRUCTION_MATRIX_BYTES;
    default:
        return INSTRUCTION_MATRIX_TF32;
    }
}

int matrix_numbers(socle_dtype dtype)
{
    return 4 / (int)socle_dtype_size_bytes(dtype);
}

double matrix_rate(const socle_device *device)
{
    const socle_profile *known = __atomic_load_n(&device->profile, __ATOMIC_ACQUIRE);
    return known != NULL && known->matrix_gflops > 0 ? known->matrix_gflops / known->fp32_gflops : 1;
}

void matrix_add_options(text *options, const socle_device *device, socle_dtype left, socle_dtype right)
{
    static const char *const names[MATRIX_KIND_COUNT] = {[MATRIX_MMA] = "MATRIX_MMA",
                                                         [MATRIX_DPAS_8] = "MATRIX_DPAS",
                                                         [MATRIX_DPAS_16] = "MATRIX_DPAS",
                                                         [MATRIX_MFMA] = "MATRIX_MFMA",
                                                         [MATRIX_WMMA] = "MATRIX_WMMA"};
    const device_matrix kind = device->capabilities.matrix;
    const bool shared = device_has_instruction(device, INSTRUCTION_MATRIX_SHARED);
    text_addf(options, " -DMATRIX=%s -DMATRIX_ITEMS=%d -DMATRIX_SHARED=%d", names[kind], matrix_fragment_of(device).items,
              shared);
    if (matrix_numbers(left) == 4)
        text_addf(options, " -DFACTORS=INT8 -DA_SIGNED=%d -DB_SIGNED=%d", left == SOCLE_INT8, right == SOCLE_INT8);
    else
        text_addf(options, " -DFACTORS=%s", storage_name(left));
    if (!shared && (kind == MATRIX_DPAS_8 || kind == MATRIX_DPAS_16)) /* functions of sub-groups */
        text_add(options, device_newest_language(device));
}

bool matrix_tiles_fit(const socle_device *device, int tile_m, int tile_n, int tile_k, int item_m, int item_n, size_t more_bytes)
{
    const matrix_fragment f = matrix_fragment_of(device);
    const int warp_m = f.lines * item_m, warp_n = f.lines > 0 ? f.items / f.lines * item_n : 0;
    if (f.items == 0 || warp_m % f.m != 0 || warp_n % f.n != 0 || tile_m % warp_m != 0 || tile_n % warp_n != 0)
        return false;
    const size_t items = (size_t)(tile_m / item_m) * (size_t)(tile_n / item_n);
    const int64_t ahead =
        ceil_div((int64_t)tile_m * tile_k, 4 * (int64_t)items) + ceil_div((int64_t)tile_n * tile_k, 4 * (int64_t)items);
    if (item_m * item_n + 4 * ahead > f.registers)
        return false;
    const size_t exchange_bytes = device_has_instruction(device, INSTRUCTION_MATRIX_SHARED) ? 64 * items : 0;
    const size_t tiles_bytes = 2 * (size_t)(tile_m + tile_n) * (size_t)(tile_k + 4) * sizeof(uint32_t);
    return tiles_bytes + exchange_bytes + more_bytes <= device->capabilities.local_memory_bytes;
}
