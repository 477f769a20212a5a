/* Compiling: one call of the driver from source, one from a binary. A program is made for one device, so there is one binary. */
#include "compile.h"

#include <string.h>

#define LOG_SHOWN_BYTES 3000

const char *spec_name(const program_spec *spec)
{
    return spec->source != NULL ? spec->source : "generated";
}

/* The driver's log, trimmed; NULL: none. */
static char *build_log(const socle_device *device, cl_program compiled)
{
    size_t size_bytes = 0;
    if (clGetProgramBuildInfo(compiled, device->cl_device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size_bytes) != CL_SUCCESS)
        return NULL;
    char *log = memory_alloc(size_bytes + 1);
    if (log == NULL ||
        clGetProgramBuildInfo(compiled, device->cl_device, CL_PROGRAM_BUILD_LOG, size_bytes, log, NULL) != CL_SUCCESS) {
        memory_free(log);
        return NULL;
    }
    size_t length = strlen(log);
    if (length > LOG_SHOWN_BYTES)
        length = LOG_SHOWN_BYTES;
    while (length > 0 && (log[length - 1] == '\n' || log[length - 1] == ' '))
        length--;
    log[length] = '\0';
    return log;
}

static socle_status fail_build(socle_device *device, cl_program compiled, cl_int code, const char *name, const char *options)
{
    socle_status status = device_status(device, code, "clBuildProgram");
    if (status != SOCLE_COMPILE_FAILED)
        return socle_fail_in(status, "compiling %s", name);
    char *log = build_log(device, compiled);
    socle_fail(status, "%s: %s does not compile with options '%s': %s (%d): %s", device->info.id, name, options,
               device_error_name(code), (int)code, log != NULL && log[0] != '\0' ? log : "the driver gives no log");
    memory_free(log);
    return status;
}

/* -w: a driver that counts its warnings on the host's terminal (PoCL) says nothing that the host could use. */
static socle_status build(socle_device *device, cl_program made, const char *name, const char *options, cl_program *compiled)
{
    char *given = memory_format("%s -w", options != NULL ? options : "");
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (given != NULL) {
        const cl_int code = clBuildProgram(made, 1, &device->cl_device, given, NULL, NULL);
        status = code == CL_SUCCESS ? SOCLE_OK : fail_build(device, made, code, name, options != NULL ? options : "");
    }
    memory_free(given);
    if (status == SOCLE_OK)
        *compiled = made;
    else
        clReleaseProgram(made);
    return status;
}

const char *program_text_in_front(const socle_device *device)
{
    return device_has_quirk(device, QUIRK_SPLIT_VECTORS) ? program_source_text("common/vectors") : NULL;
}

socle_status compile_source(socle_device *device, const program_spec *spec, cl_program *compiled)
{
    const char *texts[5];
    const char *in_front = program_text_in_front(device);
    cl_uint count = 0;
    cl_int code;
    const char *embedded = spec->source != NULL ? program_source_text(spec->source) : NULL;
    if (spec->source != NULL && embedded == NULL)
        return socle_fail(SOCLE_NOT_FOUND, "there is no embedded kernel source '%s'", spec->source);
    if (spec->prelude == NULL && embedded == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "a program without any source");
    if (in_front != NULL) {
        texts[count++] = in_front;
        texts[count++] = "\n#line 1\n";
    }
    if (spec->prelude != NULL)
        texts[count++] = spec->prelude;
    if (spec->prelude != NULL && embedded != NULL)
        texts[count++] = "\n";
    if (embedded != NULL)
        texts[count++] = embedded;
    cl_program made = clCreateProgramWithSource(device->cl_context, count, texts, NULL, &code);
    if (code != CL_SUCCESS)
        return device_status(device, code, "clCreateProgramWithSource");
    return build(device, made, spec_name(spec), spec->options, compiled);
}

socle_status compile_binary(socle_device *device, const void *bytes, size_t size_bytes, const char *options, cl_program *compiled)
{
    cl_int code, loaded = CL_SUCCESS;
    const unsigned char *binary = bytes;
    cl_program made = clCreateProgramWithBinary(device->cl_context, 1, &device->cl_device, &size_bytes, &binary, &loaded, &code);
    if (code == CL_SUCCESS && loaded != CL_SUCCESS) {
        clReleaseProgram(made);
        code = loaded;
    }
    if (code != CL_SUCCESS)
        return device_status(device, code, "clCreateProgramWithBinary");
    return build(device, made, "a binary of the store", options, compiled);
}

size_t program_binary_size(cl_program compiled)
{
    size_t size_bytes = 0;
    const cl_int code = clGetProgramInfo(compiled, CL_PROGRAM_BINARY_SIZES, sizeof(size_bytes), &size_bytes, NULL);
    return code == CL_SUCCESS ? size_bytes : 0;
}

socle_status program_binary(socle_device *device, cl_program compiled, void **bytes, size_t *size_bytes)
{
    const size_t size = program_binary_size(compiled);
    if (size == 0)
        return socle_fail(SOCLE_UNSUPPORTED, "%s: the driver gives no program binary", device->info.id);
    unsigned char *binary = memory_alloc(size);
    if (binary == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const cl_int code = clGetProgramInfo(compiled, CL_PROGRAM_BINARIES, sizeof(binary), &binary, NULL);
    if (code != CL_SUCCESS) {
        memory_free(binary);
        return device_status(device, code, "clGetProgramInfo");
    }
    *bytes = binary;
    *size_bytes = size;
    return SOCLE_OK;
}

/* OpenCL separates the names by semicolons. */
bool program_has_kernel(cl_program compiled, const char *name, char **names)
{
    size_t size_bytes = 0;
    *names = NULL;
    if (clGetProgramInfo(compiled, CL_PROGRAM_KERNEL_NAMES, 0, NULL, &size_bytes) != CL_SUCCESS)
        return true; /* not known: let the driver decide */
    char *list = memory_alloc(size_bytes + 1);
    if (list == NULL || clGetProgramInfo(compiled, CL_PROGRAM_KERNEL_NAMES, size_bytes, list, NULL) != CL_SUCCESS) {
        memory_free(list);
        return true;
    }
    *names = list;
    const size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length)
        if ((at == list || at[-1] == ';') && (at[length] == ';' || at[length] == '\0'))
            return true;
    return length == 0;
}
