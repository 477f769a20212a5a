/* Elements of operands: see solver_element.h. */
#include "solver_element.h"

#include <math.h>

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(solver_random *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t solver_pick(solver_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(next(r) % (uint64_t)(high - low + 1));
}

void solver_store_element(socle_dtype dtype, void *bytes, int64_t i, double value)
{
    switch (dtype) {
    case SOCLE_FLOAT16:
        ((uint16_t *)bytes)[i] = float_to_half((float)value);
        break;
    case SOCLE_BFLOAT16:
        ((uint16_t *)bytes)[i] = float_to_bfloat16((float)value);
        break;
    case SOCLE_FLOAT64:
        ((double *)bytes)[i] = value;
        break;
    case SOCLE_FLOAT32:
        ((float *)bytes)[i] = (float)value;
        break;
    case SOCLE_INT64:
        ((int64_t *)bytes)[i] = (int64_t)value;
        break;
    case SOCLE_INT32:
        ((int32_t *)bytes)[i] = (int32_t)value;
        break;
    case SOCLE_INT16:
        ((int16_t *)bytes)[i] = (int16_t)value;
        break;
    default:
        ((uint8_t *)bytes)[i] = (uint8_t)(int64_t)value;
    }
}

double solver_load_element(socle_dtype dtype, const void *bytes, int64_t i)
{
    switch (dtype) {
    case SOCLE_FLOAT16:
        return half_to_float(((const uint16_t *)bytes)[i]);
    case SOCLE_BFLOAT16:
        return bfloat16_to_float(((const uint16_t *)bytes)[i]);
    case SOCLE_FLOAT64:
        return ((const double *)bytes)[i];
    case SOCLE_FLOAT32:
        return ((const float *)bytes)[i];
    case SOCLE_INT64:
        return (double)((const int64_t *)bytes)[i];
    case SOCLE_INT32:
        return ((const int32_t *)bytes)[i];
    case SOCLE_INT16:
        return ((const int16_t *)bytes)[i];
    case SOCLE_INT8:
        return ((const int8_t *)bytes)[i];
    default:
        return ((const uint8_t *)bytes)[i];
    }
}

double solver_tolerance(socle_dtype dtype)
{
    switch (dtype) {
    case SOCLE_FLOAT64:
        return 1e-12;
    case SOCLE_FLOAT32:
        return 2e-5;
    case SOCLE_FLOAT16:
        return 1e-3;
    case SOCLE_BFLOAT16:
        return 6e-3;
    default:
        return 0;
    }
}

bool solver_is_floating(socle_dtype dtype)
{
    return solver_tolerance(dtype) > 0;
}

double solver_random_element(const problem_operand *operand, solver_random *r)
{
    if (operand->index_limit > 0)
        return (double)solver_pick(r, -operand->index_limit, operand->index_limit - 1);
    if (solver_is_floating(operand->dtype))
        return (double)solver_pick(r, -1000, 1000) / 1000;
    if (operand->dtype == SOCLE_BOOL)
        return (double)solver_pick(r, 0, 1);
    if (operand->dtype == SOCLE_UINT8 || operand->dtype == SOCLE_INT8)
        return (double)solver_pick(r, 0, 255) - (operand->dtype == SOCLE_INT8 ? 128 : 0);
    return (double)solver_pick(r, -9, 9);
}
