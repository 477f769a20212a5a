/* Brings the line at a global address, which need not belong to a buffer, to the second-level cache: with -DPREFETCHES, on CPUs, where
 * pointers of all kinds are alike. Processors look ahead by themselves, but not beyond a page of memory, which slow loops notice.
 * OpenCL's prefetch() does nothing on PoCL. */
#ifdef PREFETCHES
#define PREFETCH(p) __builtin_prefetch((__private const void *)(size_t)(p), 0, 2)
#else
#define PREFETCH(p) (void)(p)
#endif
