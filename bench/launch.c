/* What Socle adds to the driver's own cost of a launch: a plan's list of tiny steps against the same clEnqueueNDRangeKernel calls
 * written by hand, on the same queue, in turns. Prints one JSON object with medians in us per step.
 * usage: launch DEVICE SECONDS */
#include "run/run.h"
#include <socle/socle.h>

#include <stdio.h>
#include <stdlib.h>

#define CHAIN 1000
#define MAX_ROUNDS 2000

static const char source[] = "__kernel void tiny(__global float *x) { x[get_global_id(0)] += 1.0f; }\n";

typedef struct chain {
    socle_device *device;
    socle_buffer *buffer;
    step_list steps;
    bound_steps *bound;
    cl_command_queue queue;
    cl_program program;
    cl_kernel kernel;
    cl_mem memory;
} chain;

static socle_status make_steps(chain *c)
{
    const program_spec spec = {.prelude = source};
    const step_arg arg = ARG_OPERAND(0);
    const size_t global = 1, local = 1;
    socle_status status = socle_buffer_create(c->device, 4096, &c->buffer);
    for (int i = 0; i < CHAIN && status == SOCLE_OK; i++)
        status = step_launch(&c->steps, "tiny", &spec, "tiny", &arg, 1, 1, &global, &local, 1, 8);
    const socle_span span = socle_buffer_span(c->buffer);
    return status == SOCLE_OK ? steps_bind(c->device, &c->steps, &span, 1, &c->bound) : status;
}

/* As a host would write it: one kernel, its argument set once. */
static cl_int make_by_hand(chain *c)
{
    const char *text = source;
    cl_int code;
    c->program = clCreateProgramWithSource(c->device->cl_context, 1, &text, NULL, &code);
    if (code == CL_SUCCESS)
        code = clBuildProgram(c->program, 1, &c->device->cl_device, "", NULL, NULL);
    if (code == CL_SUCCESS)
        c->kernel = clCreateKernel(c->program, "tiny", &code);
    if (code == CL_SUCCESS)
        c->memory = clCreateBuffer(c->device->cl_context, CL_MEM_READ_WRITE, 4096, NULL, &code);
    return code == CL_SUCCESS ? clSetKernelArg(c->kernel, 0, sizeof(c->memory), &c->memory) : code;
}

static cl_int run_by_hand(const chain *c)
{
    const size_t global = 1, local = 1;
    cl_int code = CL_SUCCESS;
    for (int i = 0; i < CHAIN && code == CL_SUCCESS; i++)
        code = clEnqueueNDRangeKernel(c->queue, c->kernel, 1, NULL, &global, &local, 0, NULL, NULL);
    return code == CL_SUCCESS ? clFinish(c->queue) : code;
}

static socle_status run_steps(const chain *c)
{
    const socle_status status = steps_enqueue(c->bound, c->queue);
    return status != SOCLE_OK || clFinish(c->queue) == CL_SUCCESS ? status : SOCLE_DEVICE_LOST;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), ascending);
    return values[count / 2];
}

static socle_status measure(const chain *c, double budget_s)
{
    static double ours[MAX_ROUNDS], theirs[MAX_ROUNDS], added[MAX_ROUNDS];
    const double end = time_now_s() + budget_s;
    int rounds = 0;
    for (; rounds < MAX_ROUNDS && (rounds < 10 || time_now_s() < end); rounds++) {
        for (int turn = 0; turn < 2; turn++) { /* the order changes with each round */
            const bool steps = (turn + rounds) % 2 == 0;
            const double start = time_now_s();
            if (steps ? run_steps(c) != SOCLE_OK : run_by_hand(c) != CL_SUCCESS)
                return socle_fail(SOCLE_INTERNAL, "a launch failed");
            *(steps ? &ours[rounds] : &theirs[rounds]) = (time_now_s() - start) / CHAIN * 1e6;
        }
        added[rounds] = ours[rounds] - theirs[rounds];
    }
    printf("{\"device\": \"%s\", \"step_us\": %.4f, \"by_hand_us\": %.4f, \"added_us\": %.4f, \"rounds\": %d}\n",
           c->device->info.id, median(ours, rounds), median(theirs, rounds), median(added, rounds), rounds);
    return SOCLE_OK;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: launch DEVICE SECONDS\n");
        return 2;
    }
    socle_context *context = NULL;
    chain c = {0};
    socle_context_options options = SOCLE_CONTEXT_OPTIONS_INIT;
    options.pocl_basic = 1;
    options.pocl_affinity = 1;
    socle_status status = socle_context_create(&options, &context);
    if (status == SOCLE_OK)
        status = socle_device_find(context, argv[1], &c.device);
    if (status == SOCLE_OK)
        status = make_steps(&c);
    if (status == SOCLE_OK)
        status = device_queue_create(c.device, QUEUE_DEFAULT, false, &c.queue);
    if (status == SOCLE_OK && make_by_hand(&c) != CL_SUCCESS)
        status = socle_fail(SOCLE_INTERNAL, "the kernel cannot be made");
    if (status == SOCLE_OK)
        status = measure(&c, atof(argv[2]));
    if (status != SOCLE_OK)
        fprintf(stderr, "launch: %s\n", socle_error_message());
    if (c.memory != NULL)
        clReleaseMemObject(c.memory);
    if (c.kernel != NULL)
        clReleaseKernel(c.kernel);
    if (c.program != NULL)
        clReleaseProgram(c.program);
    steps_release(c.bound);
    if (c.queue != NULL)
        clReleaseCommandQueue(c.queue);
    step_list_finish(&c.steps);
    socle_buffer_destroy(c.buffer);
    socle_context_destroy(context);
    return status != SOCLE_OK;
}
