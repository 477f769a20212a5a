/* Instructions that no capability announces: inline assembly in OpenCL C, tried once per device and driver. Careful order: the
 * processor must have the instruction, the device must be that processor; a note in the store is written before the driver's
 * compiler sees the assembly, so that a driver which takes the process down is not asked again; then results are compared with
 * the host's. Only what comes out exactly is ever used. */
#include "profile.h"

#include <string.h>

#define ROUNDS 9
#define LANES 16
#define SUMS (4 * LANES)

static bool processor_has_vpdpbusd(void)
{
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
    return false;
#endif
}

static hash128 instruction_key(const socle_device *device)
{
    return hash_combine(hash_string("vpdpbusd"), hash_combine(hash_string(device->identity), hash_string(socle_version())));
}

static void keep(const socle_device *device, const char *found)
{
    store_put(device->context->store, "instruction", instruction_key(device), device->info.id, device->info.id, found,
              strlen(found) + 1);
}

/* What the store knows; DOT_UNKNOWN: nothing. */
static byte_dot kept(const socle_device *device)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (store_get(device->context->store, "instruction", instruction_key(device), &bytes, &size_bytes, NULL) != SOCLE_OK)
        return DOT_UNKNOWN;
    const byte_dot found = size_bytes == 4 && memcmp(bytes, "yes", 4) == 0 ? DOT_VPDPBUSD : DOT_NONE;
    memory_free(bytes);
    return found;
}

/* Bytes of all signs, the extremes among them. */
static void fill(uint32_t *words, int count, uint32_t seed)
{
    for (int i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        words[i] = i % 5 == 0 ? 0xff807f00u : seed ^ (seed >> 15);
    }
}

static int32_t expected(const uint32_t *a, const uint32_t *b, int i)
{
    int32_t sum = i / LANES;
    for (int k = 0; k < ROUNDS; k++)
        for (int byte = 0; byte < 4; byte++)
            sum += (int32_t)(a[k * 4 + i / LANES] >> (8 * byte) & 255) * (int8_t)(b[k * LANES + i % LANES] >> (8 * byte) & 255);
    return sum;
}

static socle_status run(socle_device *device, const uint32_t *a, const uint32_t *b, int32_t *sums)
{
    const size_t one = 1, a_bytes = ROUNDS * 4 * sizeof(*a), b_bytes = ROUNDS * LANES * sizeof(*b);
    const int32_t rounds = ROUNDS;
    socle_kernel *kernel = NULL;
    socle_buffer *buffers[3] = {NULL, NULL, NULL};
    socle_status status =
        socle_kernel_create(device, program_source_text("profile/dot"), "-DSTORAGE=INT32 -DDOT=1", "dot_rounds", &kernel);
    if (status == SOCLE_OK)
        status = socle_buffer_create(device, SUMS * sizeof(*sums), &buffers[0]);
    if (status == SOCLE_OK)
        status = socle_buffer_create(device, a_bytes, &buffers[1]);
    if (status == SOCLE_OK)
        status = socle_buffer_create(device, b_bytes, &buffers[2]);
    if (status == SOCLE_OK)
        status = socle_buffer_write(socle_buffer_span(buffers[1]), a);
    if (status == SOCLE_OK)
        status = socle_buffer_write(socle_buffer_span(buffers[2]), b);
    for (int i = 0; i < 3 && status == SOCLE_OK; i++)
        status = socle_kernel_set_span(kernel, i, socle_buffer_span(buffers[i]));
    if (status == SOCLE_OK)
        status = socle_kernel_set_value(kernel, 3, sizeof(rounds), &rounds);
    if (status == SOCLE_OK)
        status = socle_kernel_launch(kernel, 1, &one, &one);
    if (status == SOCLE_OK)
        status = socle_buffer_read(socle_buffer_span(buffers[0]), sums);
    for (int i = 2; i >= 0; i--)
        socle_buffer_destroy(buffers[i]);
    socle_kernel_destroy(kernel);
    return status;
}

static byte_dot probe(socle_device *device)
{
    uint32_t a[ROUNDS * 4], b[ROUNDS * LANES];
    int32_t sums[SUMS] = {0};
    fill(a, (int)COUNT_OF(a), 1);
    fill(b, (int)COUNT_OF(b), 2);
    if (run(device, a, b, sums) != SOCLE_OK) {
        log_write(&device->context->log, SOCLE_LOG_INFO, "%s: no assembly in kernels: %s", device->info.id,
                  socle_error_message());
        return DOT_NONE;
    }
    for (int i = 0; i < SUMS; i++) {
        if (sums[i] != expected(a, b, i)) {
            log_write(&device->context->log, SOCLE_LOG_WARN, "%s: vpdpbusd in kernels gives wrong sums: left out",
                      device->info.id);
            return DOT_NONE;
        }
    }
    return DOT_VPDPBUSD;
}

void instructions_probe(socle_device *device)
{
    if (device->byte_dot != DOT_UNKNOWN)
        return;
    byte_dot found = DOT_NONE;
    /* OpenCL C for another processor than the host's cannot be told by anything but its kind: a CPU that shares the host's memory
     * and compiles at home. Where the result is not exact, nothing is lost. */
    if (device->capabilities.type == SOCLE_DEVICE_CPU && device->capabilities.vector_width_float >= 16 &&
        processor_has_vpdpbusd()) {
        found = kept(device);
        if (found == DOT_UNKNOWN) {
            keep(device, "trying");
            found = probe(device);
            keep(device, found == DOT_VPDPBUSD ? "yes" : "no");
        }
    }
    __atomic_store_n(&device->byte_dot, found, __ATOMIC_RELEASE);
}
