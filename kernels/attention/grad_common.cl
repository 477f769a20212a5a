/* What the ways of attention's gradient share (Dao et al., "FlashAttention", 2022, algorithm 4). With s = scale q k^T, z = cap(s) +
 * mask, p = exp(z - lse), where lse is the logarithm of the sum of exponentials that the forward pass left, and total the sum of dy y
 * over a row:
 *   dv = p^T dy,  dp = dy v^T,  ds = p (dp - total) (1 - (cap(s) / softcap)^2),  dq = scale ds k,  dk = scale ds^T q.
 * A query that no key is open to has lse = infinity, so that its p are 0. */
#include "attention/common.cl"
#ifndef HEAD
#define HEAD 16
#endif
#ifndef VALUE
#define VALUE 16
#endif
#if CAP
#define CAP_SLOPE(capped) (1 - (capped) * (capped) / (softcap * softcap))
#else
#define CAP_SLOPE(capped) 1
#endif
