/* What the ways of attention share: the mask, the cap on scores, and what is open to a query. */
#include "common/storage.cl"
#ifndef MASK
#define MASK 0 /* 1: bool, true where open; 2: added to the scores */
#endif
#ifndef CAUSAL
#define CAUSAL 0
#endif
#ifndef CAP
#define CAP 0
#endif
#if MASK == 1
typedef uchar mask_element;
#define MASKED1(score, p) (*(p) != 0 ? (score) : (real)(-INFINITY))
#elif MASK == 2
typedef element mask_element;
#define MASKED1(score, p) ((score) + LOAD1(p))
#endif
#if CAP
#define CAPPED(score) (softcap * tanh((score) / softcap))
#else
#define CAPPED(score) (score)
#endif
/* Keys 0..OPEN_KEYS-1 are open to a query. */
#if CAUSAL
#define OPEN_KEYS(query) max(0, min(keys, (query) + offset + 1))
#else
#define OPEN_KEYS(query) keys
#endif
#ifndef LSE
#define LSE 0 /* the logarithm of each query's sum of exponentials is a result, too; infinity where no key is open to it */
#endif
#define LOG_OF_SUM(top, total) ((total) == 0 ? (real)INFINITY : (top) + log(total))
#define STRIDES(x) long x##_batch, long x##_head, long x##_row
