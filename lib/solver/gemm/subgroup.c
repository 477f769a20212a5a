/* gemm/subgroup: the product on devices whose work-items come in sub-groups: A is shared through broadcasts among a sub-group's
 * items instead of local memory, B is read in lines. */
#include "gemm.h"

enum { SUB_GROUP, ITEMS, ITEM_M, VECTORS };

/* Of sub-groups of any size (0), or of one that is demanded: {size, items of a group, rows, quads of columns of an item}. */
static const tuning shapes[] = {
    {{16, 16, 8, 1}}, {{16, 32, 8, 1}}, {{16, 16, 16, 1}}, {{16, 16, 8, 2}}, {{8, 8, 8, 2}},   {{8, 16, 8, 1}},
    {{32, 32, 8, 1}}, {{32, 32, 8, 2}}, {{32, 32, 16, 1}}, {{16, 16, 4, 2}}, {{16, 16, 1, 1}}, {{32, 32, 1, 1}},
    {{0, 64, 8, 1}},  {{0, 64, 8, 2}},  {{0, 32, 16, 1}},  {{0, 64, 1, 1}},
};

static bool has_size(const device_capabilities *c, int size)
{
    for (int i = 0; i < c->sub_group_size_count; i++)
        if (c->sub_group_sizes[i] == size)
            return true;
    return size == 0;
}

static bool fits(const problem *p, const socle_device *device, const tuning *t)
{
    const device_capabilities *c = &device->capabilities;
    const int *v = t->value;
    const int64_t turns = p->gemm.k * (1 + v[VECTORS] + v[ITEM_M] * (1 + v[VECTORS])) + p->gemm.k * v[ITEM_M];
    /* Compilers for CPUs turn a sub-group into vectors, quads of them for each sum, and take minutes over many. */
    const bool compiles = !device_is_cpu_shaped(device) || (v[SUB_GROUP] <= 16 && v[ITEM_M] * v[VECTORS] <= 8);
    const bool numbered = ceil_div(p->gemm.n, 4 * v[ITEMS] * v[VECTORS]) <= UINT16_MAX && gemm_batches_fit(&p->gemm);
    return compiles && numbered && has_size(c, v[SUB_GROUP]) && (size_t)v[ITEMS] <= c->max_work_group_size &&
           (size_t)v[ITEMS] <= c->max_work_item_sizes[0] && turns <= device_loop_turns(device);
}

/* Multiply-adds in whose time an item does one of a tuning's, all items of all groups together: a broadcast and a read of the
 * first cache cost some each, rows and columns behind the end as much as others. */
static double cost(const problem *p, const socle_device *device, const tuning *t)
{
    const gemm_problem *g = &p->gemm;
    const int *v = t->value;
    const int64_t columns = 4 * v[ITEMS] * v[VECTORS];
    const int64_t groups = ceil_div(g->m, v[ITEM_M]) * ceil_div(g->n, columns) * gemm_batches(g);
    const double each = 1 + 0.5 / v[VECTORS] + 2.0 / v[ITEM_M], idle = v[SUB_GROUP] == 0 ? 1.3 : 1;
    const int64_t at_once = ceil_div(256, v[ITEMS]) * device_units(device); /* groups that keep all units busy */
    return (double)(groups < at_once ? at_once : groups) * (double)(v[ITEM_M] * columns) * (double)g->k * each * idle;
}

static int subgroup_candidates(const problem *p, const socle_device *device, tuning *out, int capacity)
{
    int best = -1, count = 0;
    for (int i = 0; i < (int)COUNT_OF(shapes); i++)
        if (fits(p, device, &shapes[i]) && (best < 0 || cost(p, device, &shapes[i]) < cost(p, device, &shapes[best])))
            best = i;
    if (best >= 0)
        count = add_candidate(out, count, capacity, shapes[best]);
    for (int i = 0; i < (int)COUNT_OF(shapes); i++)
        if (fits(p, device, &shapes[i]))
            count = add_candidate(out, count, capacity, shapes[i]);
    return count;
}

static tuning resolved(const problem *p, const socle_device *device, const tuning *t)
{
    return tuning_resolve(p, device, t, ITEMS, subgroup_candidates);
}

static bool subgroup_applicable(const problem *p, const socle_device *device)
{
    tuning t;
    return gemm_vectorizable(p) && !p->gemm.transpose_b && device->capabilities.sub_groups &&
           subgroup_candidates(p, device, &t, 1) == 1;
}

static double subgroup_estimate(const problem *p, const socle_device *device, const tuning *t)
{
    const tuning r = resolved(p, device, t);
    const double share = device_is_cpu_shaped(device) ? 0.1 : 0.7;
    return estimate_s(device, 2 * cost(p, device, &r), share, problem_bytes(p), 1, 0);
}

static socle_status subgroup_emit(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                                  step_list *steps)
{
    const gemm_problem *g = &p->gemm;
    const tuning r = resolved(p, device, t);
    const int *v = r.value;
    solver_launch launch = {.algorithm = "gemm/subgroup",
                            .source = "gemm/subgroup",
                            .kernel = "gemm_subgroup",
                            .dims = 3,
                            .epilogue = true,
                            .flops = problem_flops(p),
                            .bytes = problem_bytes(p)};
    gemm_add_options(&launch, p);
    text_addf(&launch.options, "%s -DSUB_GROUP=%d -DITEMS=%d -DITEM_M=%d -DVECTORS=%d -DTRANSPOSE_A=%d -DQUADS_B=%d -DQUADS_C=%d",
              device_newest_language(device), v[SUB_GROUP], v[ITEMS], v[ITEM_M], v[VECTORS], g->transpose_a,
              gemm_in_quads(p, device, g->n, g->stride_b), gemm_in_quads(p, device, g->n, NULL));
    text_addf(&launch.options, " -DAT_ONCE=%d", device_is_cpu_shaped(device) ? 2 : v[SUB_GROUP]);
    for (int i = 0; i < 3; i++)
        launch_arg(&launch, ARG_OPERAND(operands->data[i]));
    launch_arg(&launch, ARG_INT(g->m));
    launch_arg(&launch, ARG_INT(g->n));
    launch_arg(&launch, ARG_INT(g->k));
    gemm_add_batch_args(&launch, g);
    launch.local[0] = (size_t)v[ITEMS];
    launch.local[1] = launch.local[2] = 1;
    launch.global[0] = (size_t)ceil_div(g->m, v[ITEM_M]) * launch.local[0];
    launch.global[1] = (size_t)ceil_div(g->n, 4 * v[ITEMS] * v[VECTORS]);
    launch.global[2] = (size_t)gemm_batches(g);
    return launch_emit(&launch, p, operands, steps);
}

const solver solver_gemm_subgroup = {
    .name = "gemm/subgroup",
    .kind = PROBLEM_GEMM,
    .applicable = subgroup_applicable,
    .candidates = subgroup_candidates,
    .estimate = subgroup_estimate,
    .emit = subgroup_emit,
    .epilogues = true,
};
