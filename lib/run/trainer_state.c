/* The states that a trainer is made of, by name: weights and running statistics, which every device has, and the optimizer's,
 * which the first one has. */
#include "trainer.h"

#include <string.h>

static bool is_listed(const socle_trainer *t, const char *name)
{
    for (int i = 0; i < t->state_count; i++)
        if (strcmp(t->states[i].name, name) == 0)
            return true;
    return false;
}

static socle_status list_from(socle_trainer *t, const executor *e)
{
    for (int i = 0; i < e->plan->buffer_count; i++) {
        const plan_buffer *b = &e->plan->buffers[i];
        if (b->kind != BUFFER_STATE || b->alias != GRAPH_NONE || is_listed(t, b->name))
            continue;
        if (!ARRAY_RESERVE(t->states, t->state_count, t->state_capacity))
            return SOCLE_OUT_OF_MEMORY;
        trainer_state *state = &t->states[t->state_count];
        *state = (trainer_state){memory_copy_string(b->name), b->type, b->size_bytes, e};
        if (state->name == NULL)
            return SOCLE_OUT_OF_MEMORY;
        t->state_count++;
    }
    return SOCLE_OK;
}

socle_status trainer_list_states(socle_trainer *t)
{
    socle_status status = list_from(t, t->first->executors[0]);
    return status == SOCLE_OK && t->update != NULL ? list_from(t, t->update) : status;
}

/* The owner is const in the list since it is not the list's to change; reading waits on its queue. */
static executor *owner_of(const socle_trainer *t, const trainer_state *state)
{
    return state->owner == t->update ? t->update : t->first->executors[0];
}

socle_status trainer_state_read(socle_trainer *t, const trainer_state *state, void *to)
{
    return executor_state_read(owner_of(t, state), state->name, to, state->size_bytes);
}

socle_status trainer_state_write(socle_trainer *t, const trainer_state *state, const void *from)
{
    executor *owner = owner_of(t, state);
    socle_status status = executor_state_write(owner, state->name, from, state->size_bytes);
    for (int i = 1; i < t->device_count && owner == t->first->executors[0] && status == SOCLE_OK; i++)
        status = executor_state_write(t->first->executors[i], state->name, from, state->size_bytes);
    return status;
}
