/* Indices as ONNX has them: negative ones count from the end. Mesa's llvmpipe widens negative int to long without its sign, so
 * the sign is taken off first. */
#ifndef INDEX
#define INDEX long
#endif

static long index_from_start(INDEX given, long axis)
{
    return given < 0 ? axis - (long)(-given) : (long)given;
}

/* The nearest place that exists, so that no index can reach outside of the data. */
static long index_inside(INDEX given, long axis)
{
    const long index = index_from_start(given, axis);
    return index < 0 ? 0 : index < axis ? index : axis - 1;
}
