/* Lists of steps: what a plan consists of. Pure data; steps_bind makes it runnable. */
#include "program.h"

#include <string.h>

socle_status step_set(char **field, const char *string)
{
    char *copy = memory_copy_string(string);
    if (string != NULL && copy == NULL)
        return SOCLE_OUT_OF_MEMORY;
    memory_free(*field);
    *field = copy;
    return SOCLE_OK;
}

static void step_finish(step *s)
{
    char *const strings[] = {s->algorithm, s->operators, s->source, s->prelude, s->options, s->kernel};
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        memory_free(strings[i]);
    memory_free(s->call_data);
}

step *step_add(step_list *list, step_kind kind, const char *algorithm)
{
    if (!ARRAY_RESERVE(list->items, list->count, list->capacity))
        return NULL;
    step *s = &list->items[list->count];
    memset(s, 0, sizeof(*s)); /* a step that failed may have stood here */
    s->kind = kind;
    s->estimated_us = -1;
    if (step_set(&s->algorithm, algorithm) != SOCLE_OK)
        return NULL;
    list->count++;
    return s;
}

static socle_status check_launch(const char *kernel, int arg_count, int dims)
{
    if (arg_count < 0 || arg_count > STEP_MAX_ARGS)
        return socle_fail(SOCLE_INTERNAL, "kernel '%s' has %d arguments, a step takes %d", kernel, arg_count, STEP_MAX_ARGS);
    if (dims < 1 || dims > 3)
        return socle_fail(SOCLE_INTERNAL, "kernel '%s' is launched in %d dimensions", kernel, dims);
    return SOCLE_OK;
}

socle_status step_launch(step_list *list, const char *algorithm, const program_spec *spec, const char *kernel,
                         const step_arg *args, int arg_count, int dims, const size_t *global, const size_t *local, double flops,
                         double bytes)
{
    socle_status status = check_launch(kernel, arg_count, dims);
    if (status != SOCLE_OK)
        return status;
    step *s = step_add(list, STEP_LAUNCH, algorithm);
    if (s == NULL)
        return SOCLE_OUT_OF_MEMORY;
    status = step_set(&s->source, spec->source);
    if (status == SOCLE_OK)
        status = step_set(&s->prelude, spec->prelude);
    if (status == SOCLE_OK)
        status = step_set(&s->options, spec->options);
    if (status == SOCLE_OK)
        status = step_set(&s->kernel, kernel);
    if (status != SOCLE_OK) {
        step_finish(s);
        list->count--;
        return status;
    }
    if (arg_count > 0)
        memcpy(s->args, args, (size_t)arg_count * sizeof(*args));
    s->arg_count = arg_count;
    s->dims = dims;
    for (int i = 0; i < 3; i++) {
        s->global[i] = i < dims ? global[i] : 1;
        s->local[i] = local != NULL && i < dims ? local[i] : 0;
    }
    s->flops = flops;
    s->bytes = bytes;
    return SOCLE_OK;
}

void step_list_finish(step_list *list)
{
    for (int i = 0; i < list->count; i++)
        step_finish(&list->items[i]);
    memory_free(list->items);
    *list = (step_list){0};
}
