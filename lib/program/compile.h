/* From a program's text or binary to the driver's program object, and back to a binary. Nothing is cached or locked here. */
#ifndef SOCLE_LIB_PROGRAM_COMPILE_H
#define SOCLE_LIB_PROGRAM_COMPILE_H

#include "program.h"

/* What people call a program: its embedded source's name or "generated". */
const char *spec_name(const program_spec *spec);
/* What the device's programs begin with, whoever wrote them; NULL: nothing. */
const char *program_text_in_front(const socle_device *device);
/* COMPILE_FAILED with the driver's log; NOT_FOUND: no embedded source of that name. The caller releases *compiled. */
socle_status compile_source(socle_device *device, const program_spec *spec, cl_program *compiled);
/* The binary must have been verified: drivers crash on damaged ones. */
socle_status compile_binary(socle_device *device, const void *bytes, size_t size_bytes, const char *options,
                            cl_program *compiled);
/* *bytes: memory_free. UNSUPPORTED where the driver gives none. */
socle_status program_binary(socle_device *device, cl_program compiled, void **bytes, size_t *size_bytes);
size_t program_binary_size(cl_program compiled); /* 0: none */
/* Whether the program has a kernel of this name; *names (memory_free, may be NULL on failure): all of them. */
bool program_has_kernel(cl_program compiled, const char *name, char **names);

#endif
