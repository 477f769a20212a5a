#include "attention.h"

bool attention_fits(const problem *p)
{
    const attention_problem *a = &p->attention;
    const int64_t most = INT32_MAX / 4;
    int64_t maps;
    return a->queries < most && a->keys < most && a->head > 0 && a->head <= 1024 && a->value <= 1024 && a->kv_heads > 0 &&
           a->offset > -most && a->offset < most && multiply_fits(a->batch, a->heads, &maps) && maps < most;
}

double attention_scores(const problem *p)
{
    const attention_problem *a = &p->attention;
    return (double)a->batch * (double)a->heads * (double)a->queries * (double)a->keys * (a->causal ? 0.5 : 1);
}

solver_launch attention_begin(const problem *p, const char *algorithm, const char *source, const char *kernel)
{
    const attention_problem *a = &p->attention;
    solver_launch launch = {.algorithm = algorithm, .source = source, .kernel = kernel, .bytes = problem_bytes(p)};
    launch.flops = attention_scores(p) * 2 * (double)(a->head + a->value);
    text_addf(&launch.options, "-DSTORAGE=%s -DHEAD=%d -DVALUE=%d", storage_name(p->dtype), (int)a->head, (int)a->value);
    return launch;
}

void attention_add_form(solver_launch *launch, const problem *p)
{
    const attention_problem *a = &p->attention;
    text_addf(&launch->options, " -DMASK=%d -DCAUSAL=%d -DCAP=%d -DLSE=%d",
              a->mask == SOCLE_NONE   ? 0
              : a->mask == SOCLE_BOOL ? 1
                                      : 2,
              a->causal, a->softcap > 0, a->log_sums);
}

void attention_add_strides(solver_launch *launch, const int64_t *strides)
{
    for (int i = 0; i < 3; i++)
        launch_arg(launch, ARG_LONG(strides[i]));
}

void attention_add_rest(solver_launch *launch, const problem *p, const int64_t *const *strides, int count)
{
    const attention_problem *a = &p->attention;
    for (int i = 0; i < count; i++)
        attention_add_strides(launch, strides[i]);
    if (a->mask != SOCLE_NONE) {
        attention_add_strides(launch, a->stride_mask);
        launch_arg(launch, ARG_LONG(a->stride_mask[3]));
    }
    launch_arg(launch, ARG_INT(a->heads));
    launch_arg(launch, ARG_INT(a->heads / a->kv_heads));
    launch_arg(launch, ARG_INT(a->queries));
    launch_arg(launch, ARG_INT(a->keys));
    launch_arg(launch, ARG_INT(a->offset));
    launch_arg(launch, ARG_FLOAT(a->scale));
    launch_arg(launch, ARG_FLOAT(a->softcap));
}
