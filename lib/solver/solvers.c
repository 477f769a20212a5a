/* The table of all solvers, from the list in solvers.h. */
#include "solvers.h"

#include <string.h>

#define ENTRY(name) &solver_##name,
#ifdef SOCLE_HAVE_CLBLAST
#include "clblast.h"
#define CLBLAST_ENTRY(name) ENTRY(name)
#else
#define CLBLAST_ENTRY(name)
#endif

const solver *const solver_table[] = {SOLVERS(ENTRY, CLBLAST_ENTRY)};

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

static int candidates(const problem *p, const socle_device *device, const solver **out, int capacity)
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
    return count;
}

bool solver_exists(const problem *p, const socle_device *device)
{
    const solver *first;
    return candidates(p, device, &first, 1) > 0;
}

int solver_candidates(const problem *p, const socle_device *device, const solver **out, int capacity)
{
    const int count = candidates(p, device, out, capacity);
    if (count == 0)
        fail_without_way(p, device);
    return count;
}
