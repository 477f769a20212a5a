/* Host memory that runs out at each allocation in turn while a training graph is made: a clean error every time, and nothing is
 * left. */
#include "../../lib/graph/graph.h"

#include <socle/trainer.h>

#include <criterion/criterion.h>

enum {
    MOST_ALLOCATIONS = 20000,
    PASSES_AT_THE_END = 100
}; /* single failures may be of no consequence, e.g. of a search for a shortcut */

static value_id weight(socle_graph *g, const char *name, int rank, const int64_t *dims)
{
    static const float content[512];
    graph_type type = {SOCLE_FLOAT32, rank, {0}};
    for (int i = 0; i < rank; i++)
        type.dims[i] = dims[i];
    const value_id value = graph_add_constant(g, name, &type, content, true);
    if (value != GRAPH_NONE)
        g->values[value].trainable = true;
    return value;
}

/* Convolution, batch normalization, dropout and a dense layer. GRAPH_NONE on the way ends it, with the message of what failed. */
static socle_status build(socle_graph *g)
{
    const graph_type type = {SOCLE_FLOAT32, 4, {2, 2, 4, 4}};
    const value_id conv[] = {graph_add_input(g, "x", &type), weight(g, "kernel", 4, (int64_t[]){3, 2, 3, 3})};
    value_id h = graph_add(g, "", "Conv", conv, 2, NULL, 0, 1);
    const value_id norm[] = {h, weight(g, "scale", 1, (int64_t[]){3}), weight(g, "shift", 1, (int64_t[]){3}),
                             weight(g, "mean", 1, (int64_t[]){3}), weight(g, "variance", 1, (int64_t[]){3})};
    h = graph_add(g, "", "BatchNormalization", norm, 5, NULL, 0, 1);
    h = h == GRAPH_NONE ? h : graph_unary(g, "Relu", h);
    h = h == GRAPH_NONE ? h : graph_unary(g, "Dropout", h);
    h = h == GRAPH_NONE ? h : graph_unary(g, "Flatten", h);
    const value_id dense[] = {h, weight(g, "w", 2, (int64_t[]){12, 4}), weight(g, "b", 1, (int64_t[]){4})};
    h = graph_add(g, "", "Gemm", dense, 3, NULL, 0, 1);
    return h == GRAPH_NONE ? socle_last_status() : graph_add_output(g, h, "y");
}

static socle_status make(const socle_trainer_options *options)
{
    socle_graph *g = NULL;
    value_id loss, *weights = NULL, *gradients = NULL;
    int count = 0;
    socle_status status = socle_graph_create(NULL, "network", &g);
    if (status == SOCLE_OK)
        status = build(g);
    if (status == SOCLE_OK)
        status = graph_make_training(g, options, &loss, &weights, &gradients, &count);
    if (status == SOCLE_OK)
        status = graph_add_optimizer(g, options, weights, gradients, count);
    if (status == SOCLE_OK)
        status = graph_simplify(g);
    memory_free(weights);
    memory_free(gradients);
    socle_graph_destroy(g);
    return status;
}

Test(training_faults, every_allocation_that_fails_is_a_clean_error)
{
    const int64_t before = memory_live_count();
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    int64_t countdown = 1;
    int passes = 0, failures = 0;
    options.optimizer = SOCLE_ADAMW;
    options.clip_norm = 1;
    options.accumulate = 2;
    cr_assert_eq(make(&options), SOCLE_OK, "%s", socle_error_message());
    for (; passes < PASSES_AT_THE_END && countdown < MOST_ALLOCATIONS; countdown++) {
        memory_fail_after(countdown);
        const socle_status status = make(&options);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY, "allocation %lld: status %d: %s", (long long)countdown,
                  status, socle_error_message());
        cr_assert_eq(memory_live_count(), before, "allocation %lld: %lld are left", (long long)countdown,
                     (long long)(memory_live_count() - before));
        passes = status == SOCLE_OK ? passes + 1 : 0;
        failures += status != SOCLE_OK;
    }
    cr_assert_eq(passes, PASSES_AT_THE_END, "it never came to an end");
    cr_assert_gt(failures, 500);
}
