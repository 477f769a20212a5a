/* Builds a network for handwritten digits in code, trains it, writes it as ONNX, and answers from the file.
 *
 *   example_train digits.csv.gz digits.onnx */
#include <socle/socle.h>

#include <stdio.h>
#include <stdlib.h>

enum { PIXELS = 64, CLASSES = 10, BATCH = 32, EPOCHS = 20, TRAINING_ROWS = 1437 };

/* Rows [first, first + count) of a tensor: the same memory, no copy. */
static socle_tensor rows_of(const socle_tensor *all, int64_t first, int64_t count)
{
    const int64_t row_values = socle_tensor_count(all) / all->dims[0];
    const size_t row_bytes = (size_t)row_values * socle_dtype_size_bytes(all->dtype);
    socle_tensor rows = *all;
    rows.dims[0] = count;
    rows.data = (char *)all->data + (size_t)first * row_bytes;
    rows.size_bytes = (size_t)count * row_bytes;
    return rows;
}

/* 64 pixels -> 128 -> 10 scores. A failed call hands SOCLE_NO_VALUE on, so the last one tells for all. */
static socle_status build(socle_context *context, socle_model **model)
{
    static const int64_t shape[] = {-1, PIXELS};
    static const char *const symbols[] = {"batch", NULL};
    socle_graph *graph = NULL;
    socle_value image;

    socle_status status = socle_graph_create(context, "digits", &graph);
    if (status == SOCLE_OK)
        status = socle_graph_input(graph, "image", SOCLE_FLOAT32, 2, shape, symbols, &image);
    if (status == SOCLE_OK) {
        const socle_value hidden = socle_graph_unary(graph, "Relu", socle_graph_dense(graph, "hidden", image, 128, 1));
        status = socle_graph_output(graph, socle_graph_dense(graph, "output", hidden, CLASSES, 2), "scores");
    }
    if (status == SOCLE_OK)
        status = socle_model_create(context, graph, model);
    if (status != SOCLE_OK)
        socle_graph_destroy(graph); /* else the model owns it */
    return status;
}

static socle_status train(socle_trainer *trainer, const socle_tensor *images, const socle_tensor *labels)
{
    const socle_tensor held_out_images = rows_of(images, TRAINING_ROWS, images->dims[0] - TRAINING_ROWS);
    const socle_tensor held_out_labels = rows_of(labels, TRAINING_ROWS, labels->dims[0] - TRAINING_ROWS);
    socle_status status = SOCLE_OK;
    for (int epoch = 1; epoch <= EPOCHS && status == SOCLE_OK; epoch++) {
        double loss, accuracy;
        for (int64_t row = 0; row < TRAINING_ROWS && status == SOCLE_OK; row += BATCH) {
            const int64_t count = row + BATCH <= TRAINING_ROWS ? BATCH : TRAINING_ROWS - row;
            const socle_tensor x = rows_of(images, row, count), y = rows_of(labels, row, count);
            status = socle_trainer_step(trainer, &x, 1, &y, NULL); /* no loss asked: nothing to wait for */
        }
        if (status == SOCLE_OK)
            status = socle_trainer_evaluate(trainer, &held_out_images, 1, &held_out_labels, &loss, &accuracy);
        if (status == SOCLE_OK)
            printf("epoch %2d  loss %.4f  accuracy on unseen rows %.3f\n", epoch, loss, accuracy);
    }
    return status;
}

/* Loads the file and asks it about one row. */
static socle_status ask(socle_context *context, const char *path, const socle_tensor *image, int64_t label)
{
    socle_model *model = NULL;
    socle_session *session = NULL;
    float scores[CLASSES];
    socle_tensor output = socle_tensor_f32(scores, 2, (int64_t[]){1, CLASSES});

    socle_status status = socle_model_load(context, path, &model);
    if (status == SOCLE_OK)
        status = socle_session_create(context, model, NULL, &session);
    if (status == SOCLE_OK)
        status = socle_session_run(session, image, 1, &output, 1);
    if (status == SOCLE_OK) {
        int best = 0;
        for (int i = 1; i < CLASSES; i++)
            if (scores[i] > scores[best])
                best = i;
        printf("%s says %d, the label says %d\n", path, best, (int)label);
    }
    socle_session_destroy(session);
    socle_model_destroy(model);
    return status;
}

int main(int argc, char **argv)
{
    socle_context *context = NULL;
    socle_model *untrained = NULL, *trained = NULL;
    socle_trainer *trainer = NULL;
    socle_tensor images = {0}, labels = {0};
    int exit_status = EXIT_FAILURE;

    if (argc != 3) {
        fprintf(stderr, "usage: %s digits.csv.gz digits.onnx\n", argv[0]);
        return 2;
    }
    socle_trainer_options options = SOCLE_TRAINER_OPTIONS_INIT;
    options.loss = SOCLE_LOSS_CROSS_ENTROPY;
    options.optimizer = SOCLE_SGD;
    options.lr = 0.1;
    options.momentum = 0.9;
    options.batch = BATCH;

    if (socle_csv_read(argv[1], -1, 1.0 / 16.0, &images, &labels) != SOCLE_OK ||
        socle_context_create(NULL, &context) != SOCLE_OK || build(context, &untrained) != SOCLE_OK ||
        socle_trainer_create(context, untrained, &options, &trainer) != SOCLE_OK)
        goto cleanup;
    printf("training on %s\n", socle_trainer_placement(trainer));
    if (train(trainer, &images, &labels) != SOCLE_OK || socle_trainer_model(trainer, &trained) != SOCLE_OK ||
        socle_model_save(trained, argv[2]) != SOCLE_OK)
        goto cleanup;

    const int64_t last = images.dims[0] - 1;
    const socle_tensor image = rows_of(&images, last, 1);
    if (ask(context, argv[2], &image, ((const int64_t *)labels.data)[last]) != SOCLE_OK)
        goto cleanup;
    exit_status = EXIT_SUCCESS;

cleanup:
    if (exit_status != EXIT_SUCCESS)
        fprintf(stderr, "%s\n", socle_error_message());
    socle_model_destroy(trained);
    socle_trainer_destroy(trainer);
    socle_model_destroy(untrained);
    socle_context_destroy(context);
    socle_tensor_free(&labels);
    socle_tensor_free(&images);
    return exit_status;
}
