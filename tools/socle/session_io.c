/* The inputs and outputs of a session: from and to NPY files, or random. */
#include "tensors.h"

#include <stdlib.h>
#include <string.h>

json_t *shape_json(const socle_tensor *tensor)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->dims[i]));
    return shape;
}

json_t *placement_json(const socle_session_times *times)
{
    json_t *list = json_array();
    for (int i = 0; i < times->device_count; i++)
        json_array_append_new(list, json_pack("{s:s,s:f}", "device", times->device[i], "share", times->share[i]));
    return list;
}

/* The file that NAME=FILE gives for a name, or NULL. */
static const char *file_for(const text_list *files, const char *name)
{
    for (int i = 0; i < files->count; i++) {
        size_t length;
        const char *path;
        if (split_assignment(files->items[i], &length, &path) && strlen(name) == length &&
            memcmp(files->items[i], name, length) == 0)
            return path;
    }
    return NULL;
}

/* Each assignment must name one of the values. */
static int check_names(const char *subcommand, const char *option, const text_list *files, char *const *names, int count)
{
    for (int i = 0; i < files->count; i++) {
        size_t length;
        const char *path;
        bool known = false;
        if (!split_assignment(files->items[i], &length, &path) || *path == '\0')
            return usage_error(subcommand, "--%s wants NAME=FILE.npy, not '%s'", option, files->items[i]);
        for (int k = 0; k < count; k++)
            known |= strlen(names[k]) == length && memcmp(files->items[i], names[k], length) == 0;
        if (!known)
            return usage_error(subcommand, "--%s '%s': the model's %s '%s'", option, files->items[i],
                               count == 1 ? "only one is" : "first one is", count > 0 ? names[0] : "");
    }
    return DONE;
}

/* The shape of a file against the input's fixed dimensions. */
static bool fits(const char *path, const socle_tensor *tensor, const socle_value_info *info)
{
    char shape[256] = "";
    int wrong = tensor->rank == info->rank ? -1 : info->rank;
    for (int i = 0; i < tensor->rank; i++) {
        const size_t used = strlen(shape);
        snprintf(shape + used, sizeof(shape) - used, "%s%lld", i > 0 ? ", " : "", (long long)tensor->dims[i]);
        if (wrong < 0 && info->dims[i] >= 0 && info->dims[i] != tensor->dims[i])
            wrong = i;
    }
    if (tensor->rank != info->rank && info->rank >= 0)
        fail("%s: its shape [%s] does not fit input '%s': it has %d dimensions", path, shape, info->name, info->rank);
    else if (wrong >= 0)
        fail("%s: its shape [%s] does not fit input '%s': its dimension %d is %lld", path, shape, info->name, wrong,
             (long long)info->dims[wrong]);
    return wrong < 0;
}

int session_io_bind(const socle_model *model, const text_list *files, socle_shape_binding *bindings, int *count)
{
    for (int i = 0; i < socle_model_input_count(model); i++) {
        socle_value_info info;
        socle_tensor tensor = {0};
        socle_model_input(model, i, &info);
        const char *path = file_for(files, info.name);
        if (path == NULL)
            continue;
        const socle_status status = socle_npy_read(path, &tensor);
        if (status != SOCLE_OK)
            return report_file(status);
        const bool fitting = fits(path, &tensor, &info);
        if (fitting && *count < MAX_LIST) {
            bindings[*count] = (socle_shape_binding){.name = info.name, .rank = tensor.rank};
            memcpy(bindings[(*count)++].dims, tensor.dims, sizeof(tensor.dims));
        }
        socle_tensor_free(&tensor);
        if (!fitting)
            return BAD_FILE;
    }
    return DONE;
}

static socle_status allocate(const socle_value_info *info, socle_tensor *tensor)
{
    void *data;
    *tensor = (socle_tensor){.dtype = info->dtype, .rank = info->rank};
    memcpy(tensor->dims, info->dims, sizeof(tensor->dims));
    tensor->size_bytes = (size_t)socle_tensor_count(tensor) * socle_dtype_size_bytes(tensor->dtype);
    if (posix_memalign(&data, 64, tensor->size_bytes > 0 ? tensor->size_bytes : 1) !=
        0) /* devices take aligned memory as it is */
        return SOCLE_OUT_OF_MEMORY;
    memset(data, 0, tensor->size_bytes);
    tensor->data = data;
    return SOCLE_OK;
}

static int fill_input(const char *subcommand, const char *name, const char *path, random_state *random, socle_tensor *tensor)
{
    socle_tensor read = {0};
    if (path == NULL && random == NULL)
        return usage_error(subcommand, "input '%s' is missing: give --input %s=FILE.npy, or --random SEED", name, name);
    if (path == NULL) {
        random_fill(random, tensor);
        return DONE;
    }
    const socle_status status = socle_npy_read(path, &read);
    if (status != SOCLE_OK)
        return report_file(status);
    const bool same = read.dtype == tensor->dtype && read.size_bytes == tensor->size_bytes && read.rank == tensor->rank &&
                      memcmp(read.dims, tensor->dims, sizeof(read.dims)) == 0;
    if (same)
        memcpy(tensor->data, read.data, read.size_bytes);
    else if (read.dtype != tensor->dtype)
        fail("%s: its elements are %s, input '%s' wants %s: convert it with astype", path, socle_dtype_name(read.dtype), name,
             socle_dtype_name(tensor->dtype));
    else
        fail("%s: its shape does not fit input '%s': see the model's shapes in socle plan", path, name);
    socle_tensor_free(&read);
    return same ? DONE : BAD_FILE;
}

int session_io_open(const char *subcommand, socle_session *session, const socle_model *model, const text_list *files,
                    const int64_t *seed, session_io *io)
{
    random_state random = {seed != NULL ? (uint64_t)*seed : 0};
    const int inputs = socle_model_input_count(model), outputs = socle_model_output_count(model);
    if (inputs > MAX_VALUES || outputs > MAX_VALUES)
        return fail("%s: more than %d inputs or outputs", socle_model_name(model), MAX_VALUES);
    for (int i = 0; i < inputs + outputs; i++) {
        socle_value_info info;
        const bool input = i < inputs;
        socle_status status = input ? socle_session_input(session, i, &info) : socle_session_output(session, i - inputs, &info);
        if (status == SOCLE_OK)
            status = allocate(&info, input ? &io->inputs[io->input_count++] : &io->outputs[io->output_count++]);
        if (status != SOCLE_OK)
            return status == SOCLE_OUT_OF_MEMORY ? fail("%s: out of memory: use a smaller batch", info.name) : report(status);
        *(input ? &io->input_names[i] : &io->output_names[i - inputs]) = strdup(info.name);
    }
    int status = check_names(subcommand, "input", files, io->input_names, io->input_count);
    for (int i = 0; status == DONE && i < inputs; i++)
        status = fill_input(subcommand, io->input_names[i], file_for(files, io->input_names[i]), seed != NULL ? &random : NULL,
                            &io->inputs[i]);
    return status;
}

int session_io_save(const session_io *io, const text_list *files)
{
    int status = check_names("run", "output", files, io->output_names, io->output_count);
    for (int i = 0; status == DONE && i < io->output_count; i++) {
        const char *path = file_for(files, io->output_names[i]);
        const socle_status written = path != NULL ? socle_npy_write(path, &io->outputs[i]) : SOCLE_OK;
        if (written != SOCLE_OK)
            status = report(written);
    }
    return status;
}

void session_io_close(session_io *io)
{
    for (int i = 0; i < io->input_count; i++) {
        free(io->inputs[i].data);
        free(io->input_names[i]);
    }
    for (int i = 0; i < io->output_count; i++) {
        free(io->outputs[i].data);
        free(io->output_names[i]);
    }
}
