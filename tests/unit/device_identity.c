/* Ids, error texts and quirks are made from what drivers say: no driver is needed to check the rules. */
#include "device/room.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_platform(const char *name, const char *suffix, const char *slug)
{
    char *made = platform_slug(name, suffix);
    cr_expect_str_eq(made, slug);
    memory_free(made);
}

static void expect_device(const char *name, const char *vendor, socle_device_type type, const char *slug)
{
    char *made = device_slug(name, vendor, type);
    cr_expect_str_eq(made, slug);
    memory_free(made);
}

Test(identity, platform_is_named_by_its_one_word_or_its_suffix)
{
    expect_platform("Portable Computing Language", "POCL", "pocl");
    expect_platform("Intel(R) OpenCL", "INTEL", "intel");
    expect_platform("rusticl", "MESA", "rusticl");
    expect_platform("Clover", "MESA", "clover");
    expect_platform("Oclgrind", "oclg", "oclgrind");
    expect_platform("AMD Accelerated Parallel Processing", "AMD", "amd");
    expect_platform("NVIDIA CUDA", "NV", "nv");
    expect_platform("Some Platform", NULL, "some");
    expect_platform("Some Platform", "", "some");
    expect_platform("", NULL, "platform");
    expect_platform("(!)", NULL, "platform");
}

Test(identity, device_is_named_by_its_driver_or_its_kind_or_its_product)
{
    expect_device("pthread-skylake-avx512-Intel(R) Xeon(R) Processor", "GenuineIntel", SOCLE_DEVICE_CPU, "pthread");
    expect_device("basic-znver4", "AuthenticAMD", SOCLE_DEVICE_CPU, "basic");
    expect_device("llvmpipe (LLVM 15.0.6, 256 bits)", "Mesa/X.org", SOCLE_DEVICE_CPU, "llvmpipe");
    expect_device("Intel(R) Xeon(R) Processor", "Intel(R) Corporation", SOCLE_DEVICE_CPU, "cpu");
    expect_device("AMD EPYC 9654 96-Core Processor", "Intel(R) Corporation", SOCLE_DEVICE_CPU, "cpu");
    expect_device("NVIDIA GeForce RTX 3090", "NVIDIA Corporation", SOCLE_DEVICE_GPU, "geforce-rtx-3090");
    expect_device("NVIDIA H100 80GB HBM3", "NVIDIA Corporation", SOCLE_DEVICE_GPU, "h100-80gb-hbm3");
    expect_device("AMD Radeon RX 6600 (radeonsi, navi23, LLVM 15.0.6)", "AMD", SOCLE_DEVICE_GPU, "radeon-rx-6600");
    expect_device("gfx1030", "Advanced Micro Devices, Inc.", SOCLE_DEVICE_GPU, "gfx1030");
    expect_device("Intel(R) Arc(TM) A770 Graphics", "Intel(R) Corporation", SOCLE_DEVICE_GPU, "arc-a770-graphics");
    expect_device("NVIDIA", "NVIDIA Corporation", SOCLE_DEVICE_GPU, "gpu");
    expect_device("", "", SOCLE_DEVICE_ACCELERATOR, "accelerator");
}

Test(identity, equals_are_numbered)
{
    socle_device first = {0}, second = {0};
    socle_device *devices[] = {&first, &second};
    socle_context context = {.devices = devices, .device_count = 0};
    cr_assert_eq(device_set_id(&context, &first, "pocl", "pthread"), SOCLE_OK);
    context.device_count = 1;
    cr_assert_eq(device_set_id(&context, &second, "pocl", "pthread"), SOCLE_OK);
    cr_assert_str_eq(first.info.id, "pocl/pthread-0");
    cr_assert_str_eq(second.info.id, "pocl/pthread-1");
    memory_free((char *)first.info.id);
    memory_free((char *)second.info.id);
}

Test(identity, extensions_are_whole_words)
{
    cr_assert(extension_listed("cl_khr_fp64 cl_khr_fp16", "cl_khr_fp16"));
    cr_assert(extension_listed("cl_khr_fp16", "cl_khr_fp16"));
    cr_assert_not(extension_listed("cl_khr_fp16_more", "cl_khr_fp16"));
    cr_assert_not(extension_listed("more_cl_khr_fp16", "cl_khr_fp16"));
    cr_assert_not(extension_listed("", "cl_khr_fp16"));
    cr_assert_not(extension_listed(NULL, "cl_khr_fp16"));
}

static unsigned quirks_for(const char *platform, const char *name, const char *extensions)
{
    socle_device device = {.info = {.platform = platform, .name = name}, .capabilities = {.extensions = (char *)extensions}};
    return quirks_of(&device);
}

Test(quirks, rows_match_their_drivers_and_no_others)
{
    cr_assert_eq(quirks_for("rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", ""),
                 QUIRK_LOOP_LIMIT | QUIRK_NO_EVENT_TIMER | QUIRK_FINISH_AFTER_FLUSH);
    cr_assert_eq(quirks_for("rusticl", "AMD Radeon RX 6600 (radeonsi)", ""), QUIRK_NO_EVENT_TIMER | QUIRK_FINISH_AFTER_FLUSH);
    cr_assert_eq(quirks_for("Portable Computing Language", "basic-znver4", ""),
                 QUIRK_SMALL_MEMORY | QUIRK_COMPILES_AT_ENQUEUE | QUIRK_SPLIT_VECTORS | QUIRK_ONE_CALLER);
    cr_assert_eq(quirks_for("Portable Computing Language", "pthread-znver4", ""),
                 QUIRK_SMALL_MEMORY | QUIRK_COMPILES_AT_ENQUEUE | QUIRK_SPLIT_VECTORS);
    cr_assert_eq(quirks_for("Intel(R) OpenCL", "Intel(R) Xeon(R) Processor", "cl_khr_fp16 cl_intel_exec_by_local_thread"),
                 QUIRK_LOCAL_THREAD_QUEUE);
    cr_assert_eq(quirks_for("NVIDIA CUDA", "NVIDIA H100 80GB HBM3", "cl_khr_fp64"), 0);
}

Test(errors, message_names_device_call_code_and_remedy)
{
    socle_device device = {.info = {.id = "pocl/pthread-0"}};
    pthread_mutex_init(&device.health_lock, NULL);
    cr_assert_eq(device_status(&device, CL_SUCCESS, "clFinish"), SOCLE_OK);
    cr_assert_eq(device_status(&device, CL_MEM_OBJECT_ALLOCATION_FAILURE, "clCreateBuffer"), SOCLE_DEVICE_OUT_OF_MEMORY);
    cr_assert_str_eq(socle_error_message(), "pocl/pthread-0: clCreateBuffer failed: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4): free "
                                            "device memory, use a smaller batch, or another device");
    cr_assert_eq(device_status(&device, CL_INVALID_WORK_GROUP_SIZE, "clEnqueueNDRangeKernel"), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(device_status(&device, -4711, "clFinish"), SOCLE_DRIVER);
    cr_assert_str_eq(socle_error_message(),
                     "pocl/pthread-0: clFinish failed: unknown OpenCL error (-4711): see the driver's documentation");
    cr_assert_eq(device.info.status, SOCLE_DEVICE_OK);
}

Test(errors, lost_device_is_quarantined_with_its_parent)
{
    socle_device whole = {.info = {.id = "pocl/pthread-0"}}, part = {.info = {.id = "pocl/pthread-0/2:0"}, .parent = &whole};
    pthread_mutex_init(&whole.health_lock, NULL);
    pthread_mutex_init(&part.health_lock, NULL);
    cr_assert_eq(device_status(&part, CL_DEVICE_NOT_AVAILABLE, "clFinish"), SOCLE_DEVICE_LOST);
    cr_assert_eq(part.info.status, SOCLE_DEVICE_QUARANTINED);
    cr_assert_eq(whole.info.status, SOCLE_DEVICE_QUARANTINED);
    cr_assert_str_eq(part.info.reason, "lost: clFinish answered CL_DEVICE_NOT_AVAILABLE");
    cr_assert_eq(device_open(&part), SOCLE_DEVICE_LOST);
    cr_assert_str_eq(socle_error_message(),
                     "pocl/pthread-0/2:0 is lost: clFinish answered CL_DEVICE_NOT_AVAILABLE: use another device");
    memory_free(whole.reason_allocated);
    memory_free(part.reason_allocated);
}
