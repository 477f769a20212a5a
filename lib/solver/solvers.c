/* The table of all solvers. Within a kind the order is that of preference where nothing else decides; the way that always applies
 * stands last. */
#include "solvers.h"

#include <string.h>

#ifdef SOCLE_HAVE_CLBLAST
#include "clblast.h"
#endif

const solver *const solver_table[] = {
    /* products */
    &solver_gemm_direct,
    &solver_gemm_vector,
    &solver_gemm_panels,
    &solver_gemm_packed,
    &solver_gemm_bfloat16,
    &solver_gemm_tiled,
    &solver_gemm_subgroup,
#ifdef SOCLE_HAVE_CLBLAST
    &solver_gemm_clblast,
#endif
    &solver_gemm_plain,
    /* with weights in a narrower type; of bytes */
    &solver_gemm_narrow,
    &solver_gemm_widened,
    &solver_gemm_narrow_plain,
    &solver_gemm_bytes,
    &solver_gemm_bytes_tiled,
    &solver_gemm_bytes_plain,
    /* convolution: forward, gradient of the data, gradient of the weights */
    &solver_conv_winograd,
    &solver_conv_input_winograd,
    &solver_conv_depthwise,
    &solver_conv_blocked,
    &solver_conv_direct,
    &solver_conv_input_direct,
    &solver_conv_weight_blocks,
    &solver_conv_weight_direct,
    &solver_conv_winograd_tiled,
    &solver_conv_input_winograd_tiled,
    &solver_conv_implicit,
    &solver_conv_input_implicit,
    &solver_conv_weight_implicit,
#ifdef SOCLE_HAVE_CLBLAST
    &solver_conv_clblast,
#endif
    &solver_conv_plain,
    &solver_conv_bytes,
    &solver_conv_bytes_plain,
    &solver_conv_input_plain,
    &solver_conv_weight_plain,
    /* pooling and its gradient */
    &solver_pool_wide,
    &solver_pool_rows,
    &solver_pool_grad_planes,
    &solver_pool_blocked,
    &solver_pool_plain,
    &solver_pool_grad_plain,
    /* softmax */
    &solver_softmax_rows,
    &solver_softmax_group,
    &solver_softmax_plain,
    /* normalization */
    &solver_norm_rows,
    &solver_norm_group,
    &solver_norm_plain,
    &solver_batch_norm_rows,
    &solver_batch_norm_group,
    &solver_batch_norm_plain,
    &solver_batch_norm_grad_rows,
    &solver_batch_norm_grad_group,
    &solver_batch_norm_grad_plain,
    /* gather and scatter */
    &solver_gather_blocks,
    &solver_gather_plain,
    &solver_gather_grad_rows,
    &solver_gather_grad_plain,
    &solver_scatter_lines,
    &solver_scatter_plain,
    /* ArgMax, ArgMin */
    &solver_arg_rows,
    &solver_arg_group,
    &solver_arg_plain,
    /* CumSum */
    &solver_scan_rows,
    &solver_scan_group,
    &solver_scan_plain,
    /* TopK; the plain way is quadratic, so sorting stands last where there is no limit to loops */
    &solver_topk_select,
    &solver_topk_group,
    &solver_topk_plain,
    &solver_topk_sort,
    /* attention */
    &solver_attention_packed,
    &solver_attention_group,
    &solver_attention_plain,
    &solver_attention_grad_blocks,
    &solver_attention_grad_group,
    &solver_attention_grad_plain,
    /* a host's own operators */
    &solver_custom,
};

const int solver_count = COUNT_OF(solver_table);

const solver *solver_find(const char *name)
{
    for (int i = 0; i < solver_count; i++)
        if (strcmp(solver_table[i]->name, name) == 0)
            return solver_table[i];
    return NULL;
}

void solver_forget_contexts(void)
{
#ifdef SOCLE_HAVE_CLBLAST
    clblast_forget();
#endif
}

static void fail_without_way(const problem *p, const socle_device *device)
{
    char described[256];
    const char *why = p->dtype == SOCLE_FLOAT64 && !device->capabilities.fp64 ? ": it has no float64: cast to float32" : "";
    problem_text(p, described, sizeof(described));
    if (p->graph != NULL && p->node >= 0 && p->node < p->graph->node_count && p->graph->nodes[p->node].op != NULL)
        socle_fail(SOCLE_UNSUPPORTED, "%s: no way to run '%s' on %s%s", graph_node_label(p->graph, p->node), described,
                   device->info.id, why);
    else
        socle_fail(SOCLE_UNSUPPORTED, "no way to run '%s' on %s%s", described, device->info.id, why);
}

int solver_candidates(const problem *p, const socle_device *device, const solver **out, int capacity)
{
    int count = 0;
    for (int i = 0; i < solver_count; i++) {
        const solver *s = solver_table[i];
        /* A way that leaves the epilogue undone does another problem. */
        if (s->kind != p->kind || (p->epilogue != NULL && !s->epilogues) || !s->applicable(p, device))
            continue;
        if (count == capacity) /* the fallback is the oracle of the others: it keeps the last place */
            count--;
        out[count++] = s;
    }
    if (count == 0)
        fail_without_way(p, device);
    return count;
}
