/* Latencies from single times, and reproducible random numbers. */
#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest value that `share` of all do not exceed. */
static double percentile(const double *sorted, int count, double share)
{
    const int rank = (int)ceil(share * count);
    return sorted[rank < 1 ? 0 : rank - 1];
}

latency latency_of(double *seconds, int count)
{
    double sum = 0, squares = 0;
    if (count == 0)
        return (latency){0};
    qsort(seconds, (size_t)count, sizeof(*seconds), compare);
    for (int i = 0; i < count; i++)
        sum += seconds[i];
    const double mean = sum / count;
    for (int i = 0; i < count; i++)
        squares += (seconds[i] - mean) * (seconds[i] - mean);
    const double median = count % 2 == 1 ? seconds[count / 2] : (seconds[count / 2 - 1] + seconds[count / 2]) / 2;
    return (latency){1e3 * seconds[0],
                     1e3 * median,
                     1e3 * mean,
                     1e3 * percentile(seconds, count, 0.9),
                     1e3 * percentile(seconds, count, 0.99),
                     1e3 * seconds[count - 1],
                     count > 1 ? 1e3 * sqrt(squares / (count - 1)) : 0};
}

json_t *latency_json(const latency *l)
{
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "min", l->min, "median", l->median, "mean", l->mean, "p90", l->p90, "p99",
                     l->p99, "max", l->max, "stddev", l->stddev);
}

/* SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014. */
uint64_t random_next(random_state *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void random_fill(random_state *r, socle_tensor *tensor)
{
    const int64_t count = socle_tensor_count(tensor);
    const size_t element_bytes = socle_dtype_size_bytes(tensor->dtype);
    uint8_t *at = tensor->data;
    for (int64_t i = 0; i < count; i++, at += element_bytes) {
        const uint64_t bits = random_next(r);
        const float value = (float)(bits >> 40) * 0x1p-24f;
        const double wide = (double)(bits >> 11) * 0x1p-53;
        const uint16_t half = (uint16_t)(0x3800 | (bits >> 54)), brain = (uint16_t)(0x3f00 | (bits >> 57)); /* 0.5 to 1 */
        switch (tensor->dtype) {
        case SOCLE_FLOAT32:
            memcpy(at, &value, sizeof(value));
            break;
        case SOCLE_FLOAT64:
            memcpy(at, &wide, sizeof(wide));
            break;
        case SOCLE_FLOAT16:
            memcpy(at, &half, sizeof(half));
            break;
        case SOCLE_BFLOAT16:
            memcpy(at, &brain, sizeof(brain));
            break;
        default:
            memset(at, 0, element_bytes);
            at[0] = (uint8_t)(bits >> 63);
        }
    }
}
