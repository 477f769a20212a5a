/* Weights in the order in which conv/blocked.cl reads them: [groups][tiles of `tile` channels][from_channels / lanes][taps][lanes][the
 * tile's channels], the last tile as narrow as it is; from_channels and to_channels are a group's. Work-items: (all tiles,
 * from_channels / lanes). */
#include "common/storage.cl"

__attribute__((reqd_work_group_size(1, 1, 1)))
__kernel void conv_blocked_pack(__global const element *restrict w, __global real *restrict packed, int from_channels,
                                int to_channels, int taps, int lanes, int tile)
{
    const int tiles = (to_channels + tile - 1) / tile;
    const int group = (int)get_global_id(0) / tiles, o0 = (int)get_global_id(0) % tiles * tile, block = (int)get_global_id(1);
    const int width = min(tile, to_channels - o0), filter = from_channels * taps;
    const size_t first = (size_t)group * to_channels + o0;
    __global real *to = packed + first * filter + (size_t)block * (taps * lanes) * width;
    for (int tap = 0; tap < taps; tap++)
        for (int c = 0; c < lanes; c++)
            for (int o = 0; o < width; o++)
                *to++ = LOAD1(w + (first + o) * filter + (block * lanes + c) * taps + tap);
}
