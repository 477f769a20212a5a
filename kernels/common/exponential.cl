/* EXPONENTIAL of a realv, where real is float: common/functions.cl for WIDTH lanes. */
#include "common/storage.cl"
#define LANES WIDTH
#include "common/functions.cl"
#define EXPONENTIAL PASTE(exponential_, WIDTH)
