/* How many elements an average is taken over, axis by axis. */
/* Taps of an axis that count for the average of result `at`. */
static inline int taps_counted(int at, int taps, int stride, int dilation, int pad, int pad_end, int extent)
{
    int count = 0;
    for (int k = 0; k < taps; k++) {
        const int here = at * stride + k * dilation - pad;
#ifdef COUNT_PAD
        count += here < extent + pad_end;
#else
        count += here >= 0 && here < extent;
#endif
    }
    return max(count, 1);
}
