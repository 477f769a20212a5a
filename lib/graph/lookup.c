/* Finding an operator: the tables of this library first, then the context's own. */
#include "operators.h"
#include "registry.h"

#include <string.h>

static const operator_table *const tables[] = {&operators_pointwise, &operators_movement, &operators_reduction,
                                               &operators_anchor,    &operators_host,     &operators_composite,
                                               &operators_socle};

int operator_count(void)
{
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        count += tables[i]->count;
    return count;
}

const graph_operator *operator_at(int index)
{
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        if (index < tables[i]->count)
            return &tables[i]->operators[index];
        index -= tables[i]->count;
    }
    return NULL;
}

const graph_operator *operator_find(const socle_context *context, const char *domain, const char *name)
{
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t t = 0; t < COUNT_OF(tables); t++) {
        for (int i = 0; i < tables[t]->count; i++) {
            const graph_operator *op = &tables[t]->operators[i];
            if (op->name[0] == name[0] && strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0)
                return op;
        }
    }
    return context != NULL ? operator_registry_find(context->operators, domain, name) : NULL;
}
