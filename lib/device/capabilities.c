/* What a device says of itself, read once. A question that a device does not answer has the answer "no": newer questions are
 * asked of newer devices only, and an old driver may refuse an optional one. */
#include "room.h"

#include <stdio.h>
#include <string.h>

socle_status platform_string(cl_platform_id platform, cl_platform_info what, char **out)
{
    size_t size_bytes = 0;
    cl_int code = clGetPlatformInfo(platform, what, 0, NULL, &size_bytes);
    if (code != CL_SUCCESS)
        return socle_fail(SOCLE_DRIVER, "clGetPlatformInfo failed: %s (%d)", device_error_name(code), (int)code);
    char *string = memory_alloc(size_bytes + 1);
    if (string == NULL)
        return SOCLE_OUT_OF_MEMORY;
    code = clGetPlatformInfo(platform, what, size_bytes, string, NULL);
    if (code != CL_SUCCESS) {
        memory_free(string);
        return socle_fail(SOCLE_DRIVER, "clGetPlatformInfo failed: %s (%d)", device_error_name(code), (int)code);
    }
    *out = string;
    return SOCLE_OK;
}

socle_status device_string(cl_device_id device, cl_device_info what, char **out)
{
    size_t size_bytes = 0;
    cl_int code = clGetDeviceInfo(device, what, 0, NULL, &size_bytes);
    if (code != CL_SUCCESS)
        return socle_fail(SOCLE_DRIVER, "clGetDeviceInfo failed: %s (%d)", device_error_name(code), (int)code);
    char *string = memory_alloc(size_bytes + 1);
    if (string == NULL)
        return SOCLE_OUT_OF_MEMORY;
    code = clGetDeviceInfo(device, what, size_bytes, string, NULL);
    if (code != CL_SUCCESS) {
        memory_free(string);
        return socle_fail(SOCLE_DRIVER, "clGetDeviceInfo failed: %s (%d)", device_error_name(code), (int)code);
    }
    const size_t length = strlen(string);
    for (size_t end = length; end > 0 && string[end - 1] == ' '; end--) /* some drivers pad names */
        string[end - 1] = '\0';
    *out = string;
    return SOCLE_OK;
}

bool extension_listed(const char *extensions, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = extensions; at != NULL && (at = strstr(at, name)) != NULL; at += length)
        if ((at == extensions || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* Values of one fixed size; false and *value untouched where the device does not answer. */
static bool ask(cl_device_id device, cl_device_info what, void *value, size_t size_bytes)
{
    uint8_t answer[32] = {0};
    size_t answered = 0;
    if (size_bytes > sizeof(answer) || clGetDeviceInfo(device, what, sizeof(answer), answer, &answered) != CL_SUCCESS ||
        answered != size_bytes)
        return false;
    memcpy(value, answer, size_bytes);
    return true;
}

static cl_uint ask_uint(cl_device_id device, cl_device_info what)
{
    cl_uint value = 0;
    ask(device, what, &value, sizeof(value));
    return value;
}

static cl_ulong ask_ulong(cl_device_id device, cl_device_info what)
{
    cl_ulong value = 0;
    ask(device, what, &value, sizeof(value));
    return value;
}

static size_t ask_size(cl_device_id device, cl_device_info what)
{
    size_t value = 0;
    ask(device, what, &value, sizeof(value));
    return value;
}

static bool ask_bool(cl_device_id device, cl_device_info what)
{
    return ask_uint(device, what) != CL_FALSE;
}

static bool parse_version(const char *version, int *major, int *minor)
{
    return version != NULL && sscanf(version, "OpenCL %d.%d", major, minor) == 2;
}

/* A device that claims several types at once (simulators do) is taken as the first of these. */
static socle_device_type type_of(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_CPU)
        return SOCLE_DEVICE_CPU;
    if (type & CL_DEVICE_TYPE_GPU)
        return SOCLE_DEVICE_GPU;
    return type & CL_DEVICE_TYPE_ACCELERATOR ? SOCLE_DEVICE_ACCELERATOR : SOCLE_DEVICE_OTHER;
}

static void read_partitions(cl_device_id device, device_capabilities *c)
{
    cl_device_partition_property kinds[16] = {0};
    size_t size_bytes = 0;
    c->max_sub_devices = (int)ask_uint(device, CL_DEVICE_PARTITION_MAX_SUB_DEVICES);
    if (clGetDeviceInfo(device, CL_DEVICE_PARTITION_PROPERTIES, sizeof(kinds), kinds, &size_bytes) != CL_SUCCESS)
        size_bytes = 0;
    for (size_t i = 0; i < size_bytes / sizeof(kinds[0]) && i < COUNT_OF(kinds); i++) {
        c->partition_equally |= kinds[i] == CL_DEVICE_PARTITION_EQUALLY;
        c->partition_by_counts |= kinds[i] == CL_DEVICE_PARTITION_BY_COUNTS;
    }
    if (c->max_sub_devices < 2 || (!c->partition_equally && !c->partition_by_counts)) {
        c->max_sub_devices = 0;
        c->partition_equally = c->partition_by_counts = false;
    }
}

/* cl_intel_required_subgroup_size */
static void read_sub_group_sizes(cl_device_id device, device_capabilities *c)
{
    size_t sizes[COUNT_OF(c->sub_group_sizes)] = {0}, size_bytes = 0;
    if (!extension_listed(c->extensions, "cl_intel_required_subgroup_size") ||
        clGetDeviceInfo(device, CL_DEVICE_SUB_GROUP_SIZES_INTEL, sizeof(sizes), sizes, &size_bytes) != CL_SUCCESS)
        return;
    for (size_t i = 0; i < size_bytes / sizeof(sizes[0]) && i < COUNT_OF(sizes); i++)
        c->sub_group_sizes[c->sub_group_size_count++] = (int)sizes[i];
}

/* PTX has them from compute capability 8.0 on (PTX ISA, "mma", "Target ISA Notes"); Intel's want sub-groups of the device's least
 * size, 8 or 16 (cl_intel_subgroup_matrix_multiply_accumulate); of AMD's, some of generation 9 have those of CDNA, 11 is RDNA 3.
 */
static device_matrix matrix_of(cl_device_id device, const device_capabilities *c)
{
    int least = 0;
    for (int i = 0; i < c->sub_group_size_count; i++)
        if (least == 0 || c->sub_group_sizes[i] < least)
            least = c->sub_group_sizes[i];
    if (extension_listed(c->extensions, "cl_nv_device_attribute_query"))
        return ask_uint(device, CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV) >= 8 ? MATRIX_MMA : MATRIX_NONE;
    if (extension_listed(c->extensions, "cl_intel_subgroup_matrix_multiply_accumulate"))
        return least == 8 ? MATRIX_DPAS_8 : least == 16 ? MATRIX_DPAS_16 : MATRIX_NONE;
    if (extension_listed(c->extensions, "cl_amd_device_attribute_query")) {
        const cl_uint generation = ask_uint(device, CL_DEVICE_GFXIP_MAJOR_AMD);
        return generation == 9 ? MATRIX_MFMA : generation == 11 ? MATRIX_WMMA : MATRIX_NONE;
    }
    return MATRIX_NONE;
}

/* Questions of OpenCL 2.0 and later. */
static void read_newer(cl_device_id device, device_capabilities *c)
{
    const char *extensions = c->extensions;
    cl_bitfield svm = 0;
    if (c->opencl_major >= 2)
        ask(device, CL_DEVICE_SVM_CAPABILITIES, &svm, sizeof(svm));
    c->svm_fine_grain = (svm & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) != 0;
    c->sub_groups = extension_listed(extensions, "cl_khr_subgroups") || extension_listed(extensions, "cl_intel_subgroups");
    if (c->opencl_major > 2 || (c->opencl_major == 2 && c->opencl_minor >= 1))
        c->sub_groups = c->sub_groups || ask_uint(device, CL_DEVICE_MAX_NUM_SUB_GROUPS) > 0;
    read_sub_group_sizes(device, c);
    c->integer_dot_product = extension_listed(extensions, "cl_khr_integer_dot_product");
    c->matrix = matrix_of(device, c);
    c->command_buffer = extension_listed(extensions, "cl_khr_command_buffer");
    c->il_program = extension_listed(extensions, "cl_khr_il_program");
}

static void read_limits(cl_device_id device, device_capabilities *c)
{
    c->compute_units = (int)ask_uint(device, CL_DEVICE_MAX_COMPUTE_UNITS);
    c->max_work_group_size = ask_size(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    size_t sizes[16] = {0};
    if (clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof(sizes), sizes, NULL) == CL_SUCCESS)
        memcpy(c->max_work_item_sizes, sizes, sizeof(c->max_work_item_sizes));
    c->global_memory_bytes = ask_ulong(device, CL_DEVICE_GLOBAL_MEM_SIZE);
    c->max_allocation_bytes = ask_ulong(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    c->local_memory_bytes = ask_ulong(device, CL_DEVICE_LOCAL_MEM_SIZE);
    c->cache_bytes = ask_ulong(device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE);
    const size_t alignment_bytes = ask_uint(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8; /* the device answers in bits */
    c->base_alignment_bytes = alignment_bytes > 0 ? alignment_bytes : 128;
    c->timer_resolution_ns = ask_size(device, CL_DEVICE_PROFILING_TIMER_RESOLUTION);
    const cl_uint preferred = ask_uint(device, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT);
    const cl_uint native = ask_uint(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    c->vector_width_float = (int)(preferred > native ? preferred : native); /* compilers that vectorize "prefer" 1 */
    c->unified_memory = ask_bool(device, CL_DEVICE_HOST_UNIFIED_MEMORY);
    c->images = ask_bool(device, CL_DEVICE_IMAGE_SUPPORT);
}

static socle_status read_strings(socle_device *device)
{
    const struct {
        cl_device_info what;
        const char **to;
    } strings[] = {{CL_DEVICE_NAME, &device->info.name},
                   {CL_DEVICE_VENDOR, &device->info.vendor},
                   {CL_DRIVER_VERSION, &device->info.driver_version}};
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        char *string = NULL;
        socle_status status = device_string(device->cl_device, strings[i].what, &string);
        if (status != SOCLE_OK)
            return status;
        memory_free((char *)*strings[i].to);
        *strings[i].to = string;
    }
    return device_string(device->cl_device, CL_DEVICE_EXTENSIONS, &device->capabilities.extensions);
}

static socle_status read_version(socle_device *device, const char *platform_version)
{
    device_capabilities *c = &device->capabilities;
    int major, minor, platform_major, platform_minor;
    char *version = NULL;
    socle_status status = device_string(device->cl_device, CL_DEVICE_VERSION, &version);
    if (status != SOCLE_OK)
        return status;
    if (!parse_version(version, &major, &minor) || !parse_version(platform_version, &platform_major, &platform_minor)) {
        status = socle_fail(SOCLE_DRIVER, "does not say which OpenCL it has: '%s'", version);
    } else {
        const bool device_lower = major < platform_major || (major == platform_major && minor < platform_minor);
        c->opencl_major = device_lower ? major : platform_major;
        c->opencl_minor = device_lower ? minor : platform_minor;
        device->info.opencl_version = memory_format("%d.%d", c->opencl_major, c->opencl_minor);
        status = device->info.opencl_version != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
    }
    memory_free(version);
    return status;
}

/* Why a device that answers all the same cannot be used; NULL: it can. */
static const char *reason_to_refuse(cl_device_id device, const device_capabilities *c)
{
    if (c->opencl_major < 1 || (c->opencl_major == 1 && c->opencl_minor < 2))
        return "needs OpenCL 1.2 or later";
    if (!ask_bool(device, CL_DEVICE_AVAILABLE))
        return "the driver says that it is not available";
    if (!ask_bool(device, CL_DEVICE_COMPILER_AVAILABLE))
        return "has no compiler";
    if (!ask_bool(device, CL_DEVICE_ENDIAN_LITTLE))
        return "is big-endian";
    if (c->max_work_group_size == 0 || c->global_memory_bytes == 0 || c->compute_units == 0)
        return "does not tell its limits";
    return NULL;
}

socle_status capabilities_read(socle_device *device, const char *platform_version)
{
    device_capabilities *c = &device->capabilities;
    socle_device_info *info = &device->info;
    cl_device_type type = 0;
    socle_status status = read_strings(device);
    if (status != SOCLE_OK)
        return status;
    ask(device->cl_device, CL_DEVICE_TYPE, &type, sizeof(type));
    c->type = info->type = type_of(type);
    status = read_version(device, platform_version);
    if (status != SOCLE_OK)
        return status;
    c->fp16 = extension_listed(c->extensions, "cl_khr_fp16");
    c->fp64 = extension_listed(c->extensions, "cl_khr_fp64");
    c->int64_atomics = extension_listed(c->extensions, "cl_khr_int64_base_atomics");
    read_limits(device->cl_device, c);
    read_partitions(device->cl_device, c);
    read_newer(device->cl_device, c);
    info->compute_units = c->compute_units;
    info->fp16 = c->fp16;
    info->fp64 = c->fp64;
    info->max_sub_devices = c->max_sub_devices;
    const char *reason = reason_to_refuse(device->cl_device, c);
    return reason != NULL ? socle_fail(SOCLE_UNSUPPORTED, "%s", reason) : SOCLE_OK;
}

const char *device_newest_language(const socle_device *device)
{
    const int major = device->capabilities.opencl_major;
    return major >= 3 ? " -cl-std=CL3.0" : major == 2 ? " -cl-std=CL2.0" : "";
}
