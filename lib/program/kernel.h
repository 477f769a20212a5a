/* The object behind a host's own kernels. */
#ifndef SOCLE_LIB_PROGRAM_KERNEL_H
#define SOCLE_LIB_PROGRAM_KERNEL_H

#include "program.h"

/* Seconds of one of `launches` launches in a row, followed by one wait. */
socle_status kernel_time(socle_kernel *kernel, int dims, const size_t *global, const size_t *local, int launches,
                         double *seconds);
/* How many launches in a row make a time that the wait at the end does not dominate. */
int kernel_launches_for(double one_launch_s);

#endif
