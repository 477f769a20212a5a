/* The kernels' sources, embedded at build time. */
#include "program.h"

#include <string.h>

const char *program_source_text(const char *name)
{
    for (int i = 0; i < program_source_count; i++)
        if (strcmp(program_sources[i].name, name) == 0)
            return program_sources[i].text;
    return NULL;
}
