/* One value from the lanes of a vector. */
#include "common/storage.cl"

static real sum_of_lanes(realv x)
{
    real lanes[WIDTH];
    VSTORE(x, lanes);
    real sum = 0;
    for (int i = 0; i < WIDTH; i++)
        sum += lanes[i];
    return sum;
}

static real largest_lane(realv x)
{
    real lanes[WIDTH];
    VSTORE(x, lanes);
    real most = lanes[0];
    for (int i = 1; i < WIDTH; i++)
        most = lanes[i] > most ? lanes[i] : most;
    return most;
}

/* fmax costs twice the time; a NaN in a is passed over. */
static realv larger(realv a, realv b)
{
    return a > b ? a : b;
}
