/* Results of CLBlast's tuners in the store: "MS NAME=VALUE NAME=VALUE ..." for each family of each device. */
#include "clblast_tuning.h"

#include <stdlib.h>
#include <string.h>

/* CLBlast tunes some kernels in several families, of which the fastest counts (its scripts/database does the same). */
static const struct {
    const char *name, *families[4];
} kernels[] = {
    {"Xgemm", {"xgemm_1", "xgemm_2", "xgemm_11", "xgemm_12"}},
    {"XgemmDirect", {"xgemm_direct_1", "xgemm_direct_2"}},
    {"GemmRoutine", {"gemm_routine"}},
    {"Copy", {"copy"}},
    {"Pad", {"pad"}},
    {"Transpose", {"transpose"}},
    {"Padtranspose", {"padtranspose"}},
    {"Xconvgemm", {"xconvgemm"}},
};

#define MOST_FAMILIES COUNT_OF(kernels[0].families)

const char *clblast_kernel(int index)
{
    return index < (int)COUNT_OF(kernels) ? kernels[index].name : NULL;
}

bool clblast_family_is_used(const char *family)
{
    for (size_t i = 0; i < COUNT_OF(kernels); i++)
        for (size_t f = 0; f < MOST_FAMILIES && kernels[i].families[f] != NULL; f++)
            if (strcmp(kernels[i].families[f], family) == 0)
                return true;
    return false;
}

static hash128 key_of(const socle_device *device, const char *family)
{
    return hash_combine(hash_string(device_whole(device)->identity), hash_combine(hash_string("clblast"), hash_string(family)));
}

/* Splits p->text in place. */
static bool split(clblast_parameters *p, char *text)
{
    char *rest = NULL;
    for (char *item = strtok_r(text, " ", &rest); item != NULL; item = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(item, '='), *end = NULL;
        if (equals == NULL || equals == item || p->count == CLBLAST_MAX_PARAMETERS)
            return false;
        *equals = '\0';
        p->names[p->count] = item;
        p->values[p->count++] = (size_t)strtoul(equals + 1, &end, 10);
        if (end == equals + 1 || *end != '\0')
            return false;
    }
    return p->count > 0;
}

socle_status clblast_tuning_keep(socle_device *device, const char *family, double ms, const char *parameters)
{
    clblast_parameters read = {.text = memory_copy_string(parameters)};
    if (read.text == NULL)
        return SOCLE_OUT_OF_MEMORY;
    const bool understood = split(&read, read.text);
    memory_free(read.text);
    if (!understood)
        return socle_fail(SOCLE_INVALID_FILE, "its best_parameters '%s' are not a list of NAME=NUMBER", parameters);
    char *record = memory_format("%.9g %s", ms, parameters), *name = memory_format("clblast %s", family);
    socle_status status = SOCLE_OUT_OF_MEMORY;
    if (record != NULL && name != NULL)
        status = store_put(device->context->store, "tuning", key_of(device, family), name, device->info.id, record,
                           strlen(record) + 1);
    memory_free(record);
    memory_free(name);
    return status;
}

bool clblast_tuning_get(const socle_device *device, int kernel, clblast_parameters *found)
{
    double least_ms = 0;
    memset(found, 0, sizeof(*found));
    for (size_t f = 0; f < MOST_FAMILIES && kernels[kernel].families[f] != NULL; f++) {
        void *bytes = NULL;
        size_t size_bytes = 0;
        char *parameters = NULL;
        const hash128 key = key_of(device, kernels[kernel].families[f]);
        if (store_get(device->context->store, "tuning", key, &bytes, &size_bytes, NULL) != SOCLE_OK)
            continue;
        clblast_parameters read = {.text = bytes};
        const double ms = strtod(read.text, &parameters);
        if (split(&read, parameters) && (found->text == NULL || ms < least_ms)) {
            memory_free(found->text);
            *found = read;
            least_ms = ms;
        } else {
            memory_free(read.text);
        }
    }
    return found->text != NULL;
}
