/* CLBlast, where it is installed: built against its header, loaded when a solver first asks, so that libsocle runs without it. */
#ifndef SOCLE_LIB_SOLVER_CLBLAST_H
#define SOCLE_LIB_SOLVER_CLBLAST_H

#include "launch.h"

#include <clblast_c.h>

typedef struct clblast_library {
    __typeof__(&CLBlastSgemm) sgemm;
    __typeof__(&CLBlastSgemmStridedBatched) sgemm_strided_batched;
    __typeof__(&CLBlastClearCache) clear_cache;
    __typeof__(&CLBlastOverrideParameters) override_parameters;
    __typeof__(&CLBlastSconvgemm) sconvgemm; /* NULL: older than 1.5 */
} clblast_library;

/* NULL: not installed. Looked for once. */
const clblast_library *clblast_get(void);

/* Its kernels number elements of an operand with 32 bits. */
bool clblast_numbers(int64_t elements);

/* Its cached programs hold on to the OpenCL contexts that they were made for; lets go of all of them. Does nothing where it is
 * not loaded. */
void clblast_forget(void);

/* Appends a step that calls `run` with a copy of `data` (size_bytes) and the problem's data operands. CLBlast's own tunings of
 * the device (clblast_tuning.h) are in force from then on. */
socle_status clblast_add_call(const problem *p, const socle_device *device, const solver_operands *operands,
                              const char *algorithm, int operand_count,
                              socle_status (*run)(socle_device *device, cl_command_queue queue, const cl_mem *memory,
                                                  const step_arg *args, int arg_count, const void *data),
                              const void *data, size_t size_bytes, step_list *steps);

#endif
