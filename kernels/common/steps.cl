/* A sum by steps whose tiles lie in local memory, twice. The including kernel says what a step is: FETCH loads an item's share of the
 * next one into registers, PLACE(side) moves it to local memory, MULTIPLY(side) adds that side's products. The next step's loads are
 * under way while the present one multiplies, and what is read lies on another side than what is written: one barrier a step. */
#define SUM_OF_STEPS(steps)                                                                                             \
    if ((steps) > 0) {                                                                                                  \
        FETCH                                                                                                           \
        PLACE(0)                                                                                                        \
    }                                                                                                                   \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                       \
    for (int step = 0; step < (steps); step++) {                                                                        \
        const bool more = step + 1 < (steps);                                                                           \
        if (more) {                                                                                                     \
            FETCH                                                                                                       \
        }                                                                                                               \
        MULTIPLY(step & 1)                                                                                              \
        if (more) {                                                                                                     \
            PLACE(~step & 1)                                                                                            \
        }                                                                                                               \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                   \
    }
