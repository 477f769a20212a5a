/* Choosing where to train: candidates are measured as they will run, with the exchange of gradients and weights that several
 * devices need, by steps on zeros. What such steps do to the weights is dropped with their placement. */
#include "trainer.h"

#define MAX_SAMPLES 256

typedef struct practice {
    socle_tensor inputs[TRAINER_MAX_INPUTS], labels;
    int input_count;
} practice;

static socle_status make_zeros(const graph_type *type, socle_tensor *tensor)
{
    *tensor = socle_tensor_of(type->dtype, socle_dtype_size_bytes(type->dtype), NULL, type->rank, type->dims);
    tensor->data = memory_alloc(tensor->size_bytes);
    return tensor->data != NULL ? SOCLE_OK : SOCLE_OUT_OF_MEMORY;
}

static void practice_finish(practice *p)
{
    for (int i = 0; i < p->input_count; i++)
        memory_free(p->inputs[i].data);
    memory_free(p->labels.data);
}

static socle_status practice_create(const socle_trainer *t, practice *p)
{
    *p = (practice){.input_count = t->model->graph->input_count};
    socle_status status = make_zeros(&t->first->labels, &p->labels);
    for (int i = 0; i < p->input_count && status == SOCLE_OK; i++)
        status = make_zeros(&t->first->inputs[i], &p->inputs[i]);
    if (status != SOCLE_OK)
        practice_finish(p);
    return status;
}

static socle_status time_steps(socle_trainer *t, double budget_s, double *seconds)
{
    double samples[MAX_SAMPLES], loss;
    int count = 0;
    practice p;
    socle_status status = practice_create(t, &p);
    if (status != SOCLE_OK)
        return status;
    const double end_s = time_now_s() + budget_s;
    while (status == SOCLE_OK && count < MAX_SAMPLES && (count < 5 || time_now_s() < end_s)) {
        const double start_s = time_now_s();
        status = socle_trainer_step(t, p.inputs, p.input_count, &p.labels, &loss);
        samples[count++] = time_now_s() - start_s;
    }
    practice_finish(&p);
    if (status == SOCLE_OK)
        *seconds = statistics_percentile(samples, count, 0.5);
    return status;
}

static socle_status measure(void *user, const placement *candidate, double budget_s, double *seconds)
{
    socle_trainer *t = user;
    const int check_finite = t->options.check_finite;
    t->options.check_finite = 0; /* a network need not be finite on zeros */
    socle_status status = trainer_place(t, candidate);
    if (status == SOCLE_OK)
        status = time_steps(t, budget_s, seconds);
    t->options.check_finite = check_finite;
    trainer_drop(t);
    t->steps = t->batches = 0;
    t->accumulated = 0;
    t->weight = 0;
    return status;
}

socle_status trainer_choose(socle_trainer *t)
{
    const placement_work work = {t->context, t->model, &t->plan_options, &t->options, measure, t};
    return placement_decide(&work, t->plan);
}

/* A trainer of which nothing is used but its way of measuring. */
socle_status trainer_decide(const placement_work *work, socle_plan *plan)
{
    socle_trainer *t = memory_alloc(sizeof(*t));
    if (t == NULL)
        return SOCLE_OUT_OF_MEMORY;
    t->context = work->context;
    t->model = work->model;
    t->options = *work->training;
    t->plan_options = *work->options;
    t->plan = plan;
    const socle_status status = trainer_choose(t);
    memory_free(t->states);
    memory_free(t);
    return status;
}
