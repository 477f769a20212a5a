/* Failing each call in turn: see faults.h. */
#include "faults.h"

#include <criterion/criterion.h>
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

typedef struct layer_calls {
    void (*arm)(long nth, int code);
    long (*calls)(void);
    const char *(*failed)(void);
    long (*live)(char *text, size_t size_bytes);
} layer_calls;

static layer_calls layer;

static void *find(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    cr_assert_not_null(symbol, "%s", dlerror());
    return symbol;
}

void faults_open(void)
{
    const char *folder = getenv("SOCLE_TEST_BINARY_DIR");
    char *path = memory_format("%s/libtest_layer_fault.so", folder != NULL ? folder : ".");
    cr_assert_eq(setenv("OPENCL_LAYERS", path, 1), 0);
    cl_uint count = 0;
    clGetPlatformIDs(0, NULL, &count); /* the loader loads the layer */
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    cr_assert_not_null(library, "the loader did not load %s: %s", path, dlerror());
    *(void **)&layer.arm = find(library, "fault_layer_arm");
    *(void **)&layer.calls = find(library, "fault_layer_calls");
    *(void **)&layer.failed = find(library, "fault_layer_failed");
    *(void **)&layer.live = find(library, "fault_layer_live");
    memory_free(path);
}

static void expect_nothing_left(int64_t allocations, const char *when)
{
    char objects[256];
    cr_assert_eq(layer.live(objects, sizeof(objects)), 0, "%s: %s are left", when, objects);
    cr_assert_eq(memory_live_count(), allocations, "%s: %lld allocations are left", when,
                 (long long)(memory_live_count() - allocations));
}

static void expect_success(fault_scenario scenario, void *user, int64_t allocations, const char *when)
{
    const socle_status status = scenario(user);
    cr_assert_eq(status, SOCLE_OK, "%s: %s: %s", when, socle_status_text(status), socle_error_message());
    expect_nothing_left(allocations, when);
}

static void expect_clean(socle_status status, const char *when)
{
    if (status == SOCLE_OK)
        return;
    cr_assert(status != SOCLE_INTERNAL && status != SOCLE_WRONG_RESULT, "%s: %s: %s", when, socle_status_text(status),
              socle_error_message());
    cr_assert_neq(socle_error_message()[0], '\0', "%s: no message", when);
}

long faults_each_call(fault_scenario scenario, void *user, long stride)
{
    char when[160];
    long count = 0;
    layer.arm(-1, 0);
    const int64_t allocations = memory_live_count();
    expect_success(scenario, user, allocations, "undisturbed");
    if (stride < 0)
        stride = 1 + layer.calls() / -stride;
    for (long n = 0;; n += stride) {
        socle_fail(SOCLE_OK, "%s", "");
        layer.arm(n, CL_OUT_OF_RESOURCES);
        const socle_status status = scenario(user);
        const char *failed = layer.failed();
        layer.arm(-1, 0);
        if (failed == NULL) {
            cr_assert_eq(status, SOCLE_OK, "%s", socle_error_message());
            return count;
        }
        count++;
        snprintf(when, sizeof(when), "call %ld, %s, failed", n, failed);
        expect_clean(status, when);
        expect_nothing_left(allocations, when);
        snprintf(when, sizeof(when), "after call %ld, %s, failed", n, failed);
        expect_success(scenario, user, allocations, when);
    }
}

/* Whether the failure that was set for the nth allocation is still to come: then one of the next n + 1 fails. */
static bool allocation_failure_pending(long n)
{
    for (long i = 0; i <= n; i++) {
        void *probe = memory_alloc(1);
        if (probe == NULL)
            return true;
        memory_free(probe);
    }
    return false;
}

long faults_each_allocation(fault_scenario scenario, void *user, long stride)
{
    char when[160];
    const int64_t allocations = memory_live_count();
    long count = 0;
    expect_success(scenario, user, allocations, "undisturbed");
    for (long n = 0;; n += stride) {
        socle_fail(SOCLE_OK, "%s", "");
        memory_fail_after(n);
        const socle_status status = scenario(user);
        const bool pending = allocation_failure_pending(n);
        memory_fail_after(-1);
        if (pending) {
            cr_assert_eq(status, SOCLE_OK, "%s", socle_error_message());
            return count;
        }
        count++;
        snprintf(when, sizeof(when), "allocation %ld failed", n);
        expect_clean(status, when);
        expect_nothing_left(allocations, when);
        snprintf(when, sizeof(when), "after allocation %ld failed", n);
        expect_success(scenario, user, allocations, when);
    }
}
