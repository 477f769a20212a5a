/* What CLBlast's own tuners (clblast_tuner_xgemm and its like) found for a device, kept in the store for the solvers that call
 * CLBlast. It needs no CLBlast to be kept. */
#ifndef SOCLE_LIB_SOLVER_CLBLAST_TUNING_H
#define SOCLE_LIB_SOLVER_CLBLAST_TUNING_H

#include "../program/program.h"

#define CLBLAST_MAX_PARAMETERS 32

/* Names and values, as CLBlastOverrideParameters takes them; the names lie in text. */
typedef struct clblast_parameters {
    int count;
    const char *names[CLBLAST_MAX_PARAMETERS];
    size_t values[CLBLAST_MAX_PARAMETERS];
    char *text;
} clblast_parameters;

/* The kernels of CLBlast that the solvers lead to, numbered from 0, by its names; NULL behind the last. */
const char *clblast_kernel(int index);

/* Whether a tuner's file of this "kernel_family" is of use. */
bool clblast_family_is_used(const char *family);

/* Keeps one result: parameters as in the tuner's file ("KWG=32 KWI=2 ..."), ms as it measured. Errors: INVALID_FILE for
 * parameters that cannot be read. */
socle_status clblast_tuning_keep(socle_device *device, const char *family, double ms, const char *parameters);

/* The fastest result that is kept for a kernel; false: none. memory_free(found->text). */
bool clblast_tuning_get(const socle_device *device, int kernel, clblast_parameters *found);

#endif
