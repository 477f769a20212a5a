/* Models as a host sees them: loading, saving, and what a model says of itself. The file stays mapped while the model lives; the
 * graph's constants point into it. */
#define _GNU_SOURCE /* realpath with NULL */
#include "onnx.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

/* ---- making and loading ---- */

static socle_status model_new(socle_context *context, const char *path, socle_model **model)
{
    socle_model *made = memory_alloc(sizeof(*made));
    if (made == NULL)
        return SOCLE_OUT_OF_MEMORY;
    made->context = context;
    made->path = memory_copy_string(path);
    if (made->path == NULL) {
        memory_free(made);
        return SOCLE_OUT_OF_MEMORY;
    }
    *model = made;
    return SOCLE_OK;
}

void socle_model_destroy(socle_model *model)
{
    if (model == NULL)
        return;
    socle_graph_destroy(model->graph); /* before the maps that its constants point into */
    for (int i = 0; i < model->map_count; i++)
        file_map_close(&model->maps[i]);
    memory_free(model->maps);
    memory_free(model->copy);
    memory_free(model->aligned);
    memory_free(model->path);
    memory_free(model);
}

/* Reads bytes that outlive the model; folder (owned by the caller's malloc) may be NULL. */
static socle_status read_bytes(socle_model *model, wire_span bytes, char *folder)
{
    onnx_reader reader = {.model = model, .folder = folder};
    socle_status status = bytes.size == 0 ? socle_fail(SOCLE_INVALID_FILE, "the file is empty") : onnx_read(&reader, bytes);
    if (status == SOCLE_OK)
        model->identity = model_identity(model->graph);
    else
        socle_fail_in(status, "%s", model->path);
    onnx_reader_finish(&reader);
    return status;
}

/* The folder with all links resolved; free(). */
static char *folder_of(const char *path)
{
    char *copy = memory_copy_string(path);
    char *folder = copy == NULL ? NULL : realpath(dirname(copy), NULL);
    memory_free(copy);
    return folder;
}

socle_status socle_model_load(socle_context *context, const char *path, socle_model **model)
{
    socle_model *loaded = NULL;
    if (path == NULL || model == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_model_load: path and model must not be NULL");
    socle_status status = model_new(context, path, &loaded);
    if (status != SOCLE_OK)
        return status;
    loaded->maps = memory_alloc(sizeof(*loaded->maps));
    status = loaded->maps == NULL ? SOCLE_OUT_OF_MEMORY : file_map_open(path, &loaded->maps[0]);
    if (status == SOCLE_OK) {
        loaded->map_count = 1;
        status = read_bytes(loaded, (wire_span){loaded->maps[0].bytes, loaded->maps[0].size_bytes}, folder_of(path));
    }
    if (status == SOCLE_OK)
        *model = loaded;
    else
        socle_model_destroy(loaded);
    return status;
}

socle_status socle_model_load_memory(socle_context *context, const char *name, const void *bytes, size_t size_bytes,
                                     socle_model **model)
{
    socle_model *loaded = NULL;
    if (bytes == NULL || model == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_model_load_memory: bytes and model must not be NULL");
    socle_status status = model_new(context, name != NULL ? name : "model in memory", &loaded);
    if (status != SOCLE_OK)
        return status;
    loaded->copy = memory_alloc(size_bytes);
    if (loaded->copy == NULL) {
        status = SOCLE_OUT_OF_MEMORY;
    } else {
        memcpy(loaded->copy, bytes, size_bytes);
        status = read_bytes(loaded, (wire_span){loaded->copy, size_bytes}, NULL);
    }
    if (status == SOCLE_OK)
        *model = loaded;
    else
        socle_model_destroy(loaded);
    return status;
}

socle_status socle_model_create(socle_context *context, socle_graph *graph, socle_model **model)
{
    socle_model *made = NULL;
    if (graph == NULL || model == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_model_create: graph and model must not be NULL");
    if (graph->output_count == 0)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "graph '%s' has no outputs: name one with socle_graph_output", graph->name);
    const socle_status status = model_new(context, graph->name[0] != '\0' ? graph->name : "graph", &made);
    if (status != SOCLE_OK)
        return status;
    made->graph = graph;
    made->identity = model_identity(graph);
    *model = made;
    return SOCLE_OK;
}

socle_status socle_model_save(const socle_model *model, const char *path)
{
    if (model == NULL || path == NULL)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "socle_model_save: model and path must not be NULL");
    return onnx_write(model, path);
}

/* ---- what a model says of itself ---- */

const char *socle_model_name(const socle_model *model)
{
    return model->graph->name;
}

int socle_model_input_count(const socle_model *model)
{
    return model->graph->input_count;
}

int socle_model_output_count(const socle_model *model)
{
    return model->graph->output_count;
}

static void describe(const socle_graph *graph, value_id value, const char *name, socle_value_info *info)
{
    const graph_type *type = &graph->values[value].type;
    *info = (socle_value_info){.name = name, .dtype = type->dtype, .rank = type->rank};
    for (int i = 0; i < type->rank; i++) {
        const int64_t symbol = DIM_SYMBOL_BASE - type->dims[i];
        info->dims[i] = type->dims[i] >= 0 ? type->dims[i] : -1;
        if (type->dims[i] <= DIM_SYMBOL_BASE && symbol < graph->symbol_count)
            info->symbols[i] = graph->symbols[symbol];
    }
}

socle_status socle_model_input(const socle_model *model, int index, socle_value_info *info)
{
    const socle_graph *graph = model->graph;
    if (index < 0 || index >= graph->input_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: no input %d: it has %d", model->path, index, graph->input_count);
    describe(graph, graph->inputs[index], graph->values[graph->inputs[index]].name, info);
    return SOCLE_OK;
}

socle_status socle_model_output(const socle_model *model, int index, socle_value_info *info)
{
    const socle_graph *graph = model->graph;
    if (index < 0 || index >= graph->output_count)
        return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: no output %d: it has %d", model->path, index, graph->output_count);
    describe(graph, graph->outputs[index], graph->output_names[index], info);
    return SOCLE_OK;
}

static bool has_data(const graph_value *value)
{
    return value->kind == VALUE_CONSTANT || value->kind == VALUE_STATE;
}

int socle_model_initializer_count(const socle_model *model)
{
    int count = 0;
    for (value_id v = 0; v < model->graph->value_count; v++)
        count += has_data(&model->graph->values[v]);
    return count;
}

socle_status socle_model_initializer(const socle_model *model, int index, const char **name, socle_tensor *data)
{
    int left = index;
    for (value_id v = 0; v < model->graph->value_count && index >= 0; v++) {
        const graph_value *value = &model->graph->values[v];
        if (!has_data(value) || left-- > 0)
            continue;
        *name = value->name;
        *data = (socle_tensor){value->type.dtype, value->type.rank, {0}, (void *)(uintptr_t)value->data, value->size_bytes};
        memcpy(data->dims, value->type.dims, sizeof(data->dims));
        return SOCLE_OK;
    }
    return socle_fail(SOCLE_INVALID_ARGUMENT, "%s: no initializer %d: it has %d", model->path, index,
                      socle_model_initializer_count(model));
}

int64_t socle_model_parameter_count(const socle_model *model)
{
    int64_t count = 0;
    for (value_id v = 0; v < model->graph->value_count; v++) {
        const graph_value *value = &model->graph->values[v];
        if (has_data(value) && value->trainable)
            count += graph_type_count(&value->type);
    }
    return count;
}
