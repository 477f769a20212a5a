/* Instructions for sums of products of bytes, of bfloat16 and of small matrices, tried once per device and driver: inline
 * assembly in OpenCL C, which no capability announces, and the integer dot product, whose announcement is not believed without a
 * trial. Careful order: for assembly the processor must have the instruction, the device must be that processor; a note in the
 * store is written before the driver's compiler sees the instruction, so that a driver which takes the process down is not asked
 * again; then results are compared with the host's. Only what comes out exactly is ever used. */
#include "../solver/matrix.h"
#include "profile.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 9
#define LANES 16
#define MOST_SUMS 256
#define MOST_WORDS (ROUNDS * 16 * MATRIX_WORDS)

/* Operands as words, and the words that should come out. */
typedef struct trial {
    const char *source, *options, *kernel;
    bool newest_language;
    size_t items;
    int a_words, b_words, sums;
    void (*fill)(uint32_t *words, int count, uint32_t seed);
    uint32_t (*expected)(const struct trial *t, const uint32_t *a, const uint32_t *b, int i);
    /* Of small matrices: their factors (NONE: it is another instruction) and the device's fragments, which say how many items,
     * words and sums there are. */
    socle_dtype left, right;
    matrix_fragment fragment;
} trial;

typedef struct instruction {
    const char *name;
    device_instruction bit;
    bool (*possible)(const socle_device *device);
    trial trial;
} instruction;

/* ---- operands: bytes of all signs, the extremes among them; pairs of bfloat16, the same as whole numbers ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed ^ (*seed >> 15);
}

static void fill_with_bytes(uint32_t *words, int count, uint32_t seed)
{
    for (int i = 0; i < count; i++) {
        const uint32_t random = next_random(&seed);
        words[i] = i % 5 == 0 ? 0xff807f00u : random;
    }
}

static void fill_with_pairs(uint32_t *words, int count, uint32_t seed)
{
    fill_with_bytes(words, count, seed);
    for (int i = 0; i < count; i++)
        words[i] = (uint32_t)float_to_bfloat16((int8_t)words[i]) | (uint32_t)float_to_bfloat16((int8_t)(words[i] >> 8)) << 16;
}

/* ---- x86: a lane of 16 for each word of b ---- */

/* OpenCL C for another processor than the host's cannot be told by anything but its kind: a CPU that shares the host's memory and
 * compiles at home. Where the result is not exact, nothing is lost. */
static bool is_host_with_wide_vectors(const socle_device *device)
{
    return device->capabilities.type == SOCLE_DEVICE_CPU && device->capabilities.vector_width_float >= 16;
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define PROCESSOR_HAS(feature) (__builtin_cpu_init(), __builtin_cpu_supports(feature))
#else
#define PROCESSOR_HAS(feature) false
#endif

static bool may_have_vpdpbusd(const socle_device *device)
{
    return PROCESSOR_HAS("avx512vnni") && PROCESSOR_HAS("avx512vl") && PROCESSOR_HAS("avx512bw") &&
           is_host_with_wide_vectors(device);
}

static bool may_have_vdpbf16ps(const socle_device *device)
{
    return PROCESSOR_HAS("avx512bf16") && is_host_with_wide_vectors(device);
}

/* Unsigned bytes times signed ones. */
static uint32_t vpdpbusd_sum(const trial *t, const uint32_t *a, const uint32_t *b, int i)
{
    (void)t;
    int32_t sum = i / LANES;
    for (int k = 0; k < ROUNDS; k++)
        for (int byte = 0; byte < 4; byte++)
            sum += (int32_t)(a[k * 4 + i / LANES] >> (8 * byte) & 255) * (int8_t)(b[k * LANES + i % LANES] >> (8 * byte) & 255);
    return (uint32_t)sum;
}

/* Of small whole numbers, so that no order of adding them rounds. */
static uint32_t vdpbf16ps_sum(const trial *t, const uint32_t *a, const uint32_t *b, int i)
{
    (void)t;
    float sum = (float)(i / LANES);
    uint32_t bits;
    for (int k = 0; k < ROUNDS; k++)
        for (int half = 0; half < 2; half++)
            sum += bfloat16_to_float((uint16_t)(a[k * 4 + i / LANES] >> (16 * half))) *
                   bfloat16_to_float((uint16_t)(b[k * LANES + i % LANES] >> (16 * half)));
    memcpy(&bits, &sum, sizeof(bits));
    return bits;
}

/* ---- cl_khr_integer_dot_product: pairs of signs in the order ss, su, us, uu ---- */

static bool announces_dot_product(const socle_device *device)
{
    return device->capabilities.integer_dot_product;
}

static int32_t byte_of(uint32_t word, int byte, bool is_signed)
{
    const uint32_t bits = word >> (8 * byte) & 255;
    return is_signed ? (int8_t)bits : (int32_t)bits;
}

static uint32_t packed_sum(const trial *t, const uint32_t *a, const uint32_t *b, int i)
{
    (void)t;
    const int signs = i / LANES, item = i % LANES;
    int32_t sum = 0;
    for (int k = 0; k < ROUNDS; k++)
        for (int byte = 0; byte < 4; byte++)
            sum += byte_of(a[k * LANES + item], byte, signs < 2) * byte_of(b[k * LANES + item], byte, signs % 2 == 0);
    return (uint32_t)sum;
}

/* ---- small matrices: bytes that are multiplied as numbers of the factors' type, 8 words of these in a step ---- */

static bool has_matrices(const socle_device *device)
{
    return device->capabilities.matrix != MATRIX_NONE;
}

/* Intel's devices say which ones have it; RDNA 3 has none. */
static bool may_have_tf32(const socle_device *device)
{
    const device_matrix kind = device->capabilities.matrix;
    return kind == MATRIX_MMA || kind == MATRIX_MFMA || device_has_instruction(device, INSTRUCTION_MATRIX_SHARED) ||
           (kind == MATRIX_DPAS_16 &&
            strstr(device->capabilities.extensions, "cl_intel_subgroup_matrix_multiply_accumulate_tf32") != NULL);
}

/* CDNA's bytes are signed. */
static bool may_have_bytes(const socle_device *device)
{
    return has_matrices(device) &&
           (device->capabilities.matrix != MATRIX_MFMA || device_has_instruction(device, INSTRUCTION_MATRIX_SHARED));
}

static uint32_t matrix_sum(const trial *t, const uint32_t *a, const uint32_t *b, int i)
{
    const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
    const int row = i / t->fragment.n, column = i % t->fragment.n, step = MATRIX_WORDS * matrix_numbers(t->left);
    int32_t sum = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int k = 0; k < step; k++)
            sum += byte_of(x[(round * t->fragment.m + row) * step + k], 0, t->left != SOCLE_UINT8) *
                   byte_of(y[(round * t->fragment.n + column) * step + k], 0, t->right != SOCLE_UINT8);
    return (uint32_t)sum;
}

/* The trial with what depends on the device's fragments. */
static trial trial_on(const socle_device *device, const trial *tried)
{
    trial t = *tried;
    if (t.left == SOCLE_NONE)
        return t;
    const matrix_fragment f = t.fragment = matrix_fragment_of(device);
    const int words_of_line = ROUNDS * MATRIX_WORDS * matrix_numbers(t.left) / 4;
    t.items = (size_t)f.items;
    t.a_words = f.m * words_of_line;
    t.b_words = f.n * words_of_line;
    t.sums = f.m * f.n;
    return t;
}

#define MATRIX_TRIAL(left_, right_)                                                                                              \
    {                                                                                                                            \
        .source = "profile/matrix", .options = "", .kernel = "matrix_rounds", .fill = fill_with_bytes, .expected = matrix_sum,   \
        .left = left_, .right = right_                                                                                           \
    }

static const instruction instructions[] = {
    {"vpdpbusd",
     INSTRUCTION_VPDPBUSD,
     may_have_vpdpbusd,
     {"profile/dot", "-DSTORAGE=INT32 -DDOT=1", "dot_rounds", false, 1, ROUNDS * 4, ROUNDS *LANES, 4 * LANES,
      .fill = fill_with_bytes, .expected = vpdpbusd_sum}},
    {"dot_4x8packed",
     INSTRUCTION_DOT_PACKED,
     announces_dot_product,
     {"profile/dot_packed", "-DSTORAGE=INT32 -DDOT=2", "dot_words", true, LANES, ROUNDS *LANES, ROUNDS *LANES, 4 * LANES,
      .fill = fill_with_bytes, .expected = packed_sum}},
    {"vdpbf16ps",
     INSTRUCTION_VDPBF16PS,
     may_have_vdpbf16ps,
     {"profile/dot_pairs", "-DPAIRS=1", "dot_pair_rounds", false, 1, ROUNDS * 4, ROUNDS *LANES, 4 * LANES,
      .fill = fill_with_pairs, .expected = vdpbf16ps_sum}},
    {"matrices tf32", INSTRUCTION_MATRIX_TF32, may_have_tf32, MATRIX_TRIAL(SOCLE_FLOAT32, SOCLE_FLOAT32)},
    {"matrices f16", INSTRUCTION_MATRIX_FLOAT16, has_matrices, MATRIX_TRIAL(SOCLE_FLOAT16, SOCLE_FLOAT16)},
    {"matrices bf16", INSTRUCTION_MATRIX_BFLOAT16, has_matrices, MATRIX_TRIAL(SOCLE_BFLOAT16, SOCLE_BFLOAT16)},
    {"matrices i8 i8", INSTRUCTION_MATRIX_BYTES, may_have_bytes, MATRIX_TRIAL(SOCLE_INT8, SOCLE_INT8)},
    {"matrices i8 u8", INSTRUCTION_MATRIX_BYTES, may_have_bytes, MATRIX_TRIAL(SOCLE_INT8, SOCLE_UINT8)},
    {"matrices u8 i8", INSTRUCTION_MATRIX_BYTES, may_have_bytes, MATRIX_TRIAL(SOCLE_UINT8, SOCLE_INT8)},
    {"matrices u8 u8", INSTRUCTION_MATRIX_BYTES, may_have_bytes, MATRIX_TRIAL(SOCLE_UINT8, SOCLE_UINT8)},
};

/* ---- what the store knows ---- */

static hash128 instruction_key(const socle_device *device, const instruction *tried)
{
    return hash_combine(hash_string(tried->name), hash_combine(hash_string(device->identity), hash_string(socle_version())));
}

static void keep(const socle_device *device, const instruction *tried, const char *found)
{
    store_put(device->context->store, "instruction", instruction_key(device, tried), device->info.id, device->info.id, found,
              strlen(found) + 1);
}

typedef enum note { NOTE_NONE, NOTE_YES, NOTE_NO } note;

static note kept(const socle_device *device, const instruction *tried)
{
    void *bytes = NULL;
    size_t size_bytes = 0;
    if (store_get(device->context->store, "instruction", instruction_key(device, tried), &bytes, &size_bytes, NULL) != SOCLE_OK)
        return NOTE_NONE;
    const note found = size_bytes == 4 && memcmp(bytes, "yes", 4) == 0 ? NOTE_YES : NOTE_NO;
    memory_free(bytes);
    return found;
}

/* ---- the trial ---- */

static socle_status run(socle_device *device, const trial *t, const uint32_t *a, const uint32_t *b, uint32_t *sums)
{
    const size_t a_bytes = (size_t)t->a_words * sizeof(*a), b_bytes = (size_t)t->b_words * sizeof(*b);
    const int32_t rounds = ROUNDS;
    socle_kernel *kernel = NULL;
    socle_buffer *buffers[3] = {NULL, NULL, NULL};
    text options = {0};
    text_addf(&options, "%s%s", t->options, t->newest_language ? device_newest_language(device) : "");
    if (t->left != SOCLE_NONE)
        matrix_add_options(&options, device, t->left, t->right);
    socle_status status = options.failed ? socle_fail(SOCLE_OUT_OF_MEMORY, "no memory for compile options") : SOCLE_OK;
    if (status == SOCLE_OK)
        status = socle_kernel_create(device, program_source_text(t->source), options.data, t->kernel, &kernel);
    if (status == SOCLE_OK)
        status = socle_buffer_create(device, (size_t)t->sums * sizeof(*sums), &buffers[0]);
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
        status = socle_kernel_launch(kernel, 1, &t->items, &t->items);
    if (status == SOCLE_OK)
        status = socle_buffer_read(socle_buffer_span(buffers[0]), sums);
    for (int i = 2; i >= 0; i--)
        socle_buffer_destroy(buffers[i]);
    socle_kernel_destroy(kernel);
    text_finish(&options);
    return status;
}

static bool probe(socle_device *device, const instruction *tried)
{
    const trial t = trial_on(device, &tried->trial);
    uint32_t a[MOST_WORDS], b[MOST_WORDS], sums[MOST_SUMS] = {0};
    t.fill(a, (int)COUNT_OF(a), 1);
    t.fill(b, (int)COUNT_OF(b), 2);
    if (run(device, &t, a, b, sums) != SOCLE_OK) {
        log_write(&device->context->log, SOCLE_LOG_INFO, "%s: no %s in kernels: %s", device->info.id, tried->name,
                  socle_error_message());
        return false;
    }
    for (int i = 0; i < t.sums; i++) {
        if (sums[i] != t.expected(&t, a, b, i)) {
            log_write(&device->context->log, SOCLE_LOG_WARN, "%s: %s in kernels gives wrong sums: left out", device->info.id,
                      tried->name);
            return false;
        }
    }
    return true;
}

void instructions_probe(socle_device *device)
{
    unsigned found = INSTRUCTIONS_PROBED | (device->instructions & INSTRUCTION_MATRIX_SHARED), refused = 0;
    if (device_has_instruction(device, INSTRUCTIONS_PROBED))
        return;
    for (size_t i = 0; i < COUNT_OF(instructions); i++) {
        const instruction *tried = &instructions[i];
        if (!tried->possible(device))
            continue;
        note known = kept(device, tried);
        if (known == NOTE_NONE) {
            keep(device, tried, "trying");
            known = probe(device, tried) ? NOTE_YES : NOTE_NO;
            keep(device, tried, known == NOTE_YES ? "yes" : "no");
        }
        if (known == NOTE_YES)
            found |= tried->bit;
        else
            refused |= tried->bit;
    }
    __atomic_store_n(&device->instructions, found & ~refused, __ATOMIC_RELEASE);
}
