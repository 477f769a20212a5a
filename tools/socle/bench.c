/* socle bench: products and convolutions solver against peer, devices alone, or a whole model. What is compared takes turns, so
 * that a machine that slows down slows all of it. A turn is a block of calls: libraries keep their threads spinning for some
 * milliseconds after a call, on the cores that the next one wants. */
#include "bench.h"
#include "tensors.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CONTESTANTS 16
#define ROUNDS 10
#define PAUSE_NS 40000000 /* OpenBLAS's threads spin for 2^26 cycles after their work, OpenMP's less */
#define MOST_PAUSES 50
#define WAKE_S 0.005 /* calls that do not count: waking the own threads, refilling the caches */

static const char *const format_names[] = {"table", "json", "csv", "md", NULL};

typedef struct contestant {
    const char *device, *peer_name;
    char algorithm[96];
    socle_bench *bench;
    peer peer;
    double peak_gflops;
    double *seconds;
    int count;
} contestant;

typedef struct contest {
    contestant all[MAX_CONTESTANTS];
    int count;
} contest;

/* ---- taking turns ---- */

static socle_status run_contestant(contestant *c, double *seconds)
{
    if (c->bench != NULL)
        return socle_bench_run(c->bench, seconds);
    const double start = seconds_now();
    const bool good = c->peer.run(&c->peer);
    *seconds = seconds_now() - start;
    return good ? SOCLE_OK : SOCLE_INTERNAL;
}

/* Hundredths of a second that the processors worked since the system started; -1: it does not tell. */
static long long busy_ticks(void)
{
    long long user, nice, system, idle, wait, interrupts, soft;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL)
        return -1;
    const int count =
        fscanf(file, "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &system, &idle, &wait, &interrupts, &soft);
    fclose(file);
    return count == 7 ? user + nice + system + interrupts + soft : -1;
}

/* Until the threads of the one before sleep; on a machine with other work also until that leaves a gap, but not for ever. */
static void wait_for_silence(void)
{
    for (int tries = 0; tries < MOST_PAUSES && !interrupted; tries++) {
        const long long before = busy_ticks();
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        if (busy_ticks() - before <= 1)
            break;
    }
}

/* One block of calls, at least one. */
static socle_status run_block(contestant *c)
{
    const int most = c->count + BENCH_MAX_RUNS / ROUNDS;
    double seconds;
    wait_for_silence();
    const double awake = seconds_now() + WAKE_S;
    socle_status status = run_contestant(c, &seconds);
    while (status == SOCLE_OK && seconds_now() < awake)
        status = run_contestant(c, &seconds);
    const double end = seconds_now() + BENCH_SECONDS / ROUNDS;
    do {
        if (status == SOCLE_OK)
            status = run_contestant(c, &c->seconds[c->count]);
        c->count += status == SOCLE_OK;
    } while (status == SOCLE_OK && c->count < most && seconds_now() < end);
    return status;
}

static socle_status take_turns(contest *all)
{
    double spent[MAX_CONTESTANTS] = {0};
    socle_status status = SOCLE_OK;
    for (int round = 0; status == SOCLE_OK && round < ROUNDS && !interrupted; round++) {
        for (int i = 0; status == SOCLE_OK && i < all->count; i++) {
            const double start = seconds_now();
            if (spent[i] > 2 * BENCH_SECONDS && all->all[i].count >= 3)
                continue; /* very slow: enough is known */
            status = run_block(&all->all[i]);
            spent[i] += seconds_now() - start;
        }
    }
    return status;
}

/* ---- who takes part ---- */

static contestant *add_contestant(contest *all)
{
    contestant *c = &all->all[all->count];
    if (all->count == MAX_CONTESTANTS)
        return NULL;
    *c = (contestant){.seconds = malloc(BENCH_MAX_RUNS * sizeof(double))};
    if (c->seconds == NULL)
        return NULL;
    all->count++;
    return c;
}

/* algorithm NULL: what the planner takes. */
static socle_status add_solver(contest *all, socle_device *device, const char *what, const char *shape, const char *algorithm,
                               const char *peer_name)
{
    socle_profile profile = {.fp32_gflops = 0};
    socle_bench *bench = NULL;
    const socle_status status = socle_bench_create(device, what, shape, algorithm, 1, &bench);
    if (status != SOCLE_OK)
        return status;
    contestant *c = add_contestant(all);
    if (c == NULL) {
        socle_bench_destroy(bench);
        return SOCLE_OK; /* enough of them */
    }
    c->bench = bench;
    c->device = socle_device_get_info(device)->id;
    c->peer_name = peer_name;
    snprintf(c->algorithm, sizeof(c->algorithm), "%s", socle_bench_algorithm(bench));
    if (socle_profile_device(device, 1, 0, &profile) == SOCLE_OK)
        c->peak_gflops = profile.fp32_gflops;
    return SOCLE_OK;
}

/* Solvers that are a library of others are peers, too. */
static void add_library_solvers(contest *all, socle_device *device, const char *what, const char *shape, const socle_bench *bench)
{
    const char *name;
    for (int i = 0; (name = socle_bench_candidate(bench, i)) != NULL; i++) {
        if (strstr(name, "clblast") != NULL)
            (void)add_solver(all, device, what, shape, name, "CLBlast");
    }
}

static socle_status gather(contest *all, socle_context *context, const char *what, const char *shape, int with_peers)
{
    peer peers[4];
    bench_shape parsed;
    for (int i = 0; i < socle_device_count(context); i++) {
        if (!device_usable(context, i))
            continue;
        socle_device *device = socle_device_at(context, i);
        const int first = all->count;
        const socle_status status = add_solver(all, device, what, shape, NULL, NULL);
        if (status != SOCLE_OK)
            return status;
        if (with_peers && all->count > first)
            add_library_solvers(all, device, what, shape, all->all[first].bench);
    }
    const int count =
        with_peers && bench_shape_read(what, shape, &parsed) ? peers_open(what, &parsed, peers, COUNT_OF(peers)) : 0;
    for (int i = 0; i < count; i++) {
        contestant *c = add_contestant(all);
        if (c == NULL) {
            peers[i].destroy(&peers[i]);
            continue;
        }
        c->peer = peers[i];
        c->device = "host";
        c->peer_name = peers[i].name;
        snprintf(c->algorithm, sizeof(c->algorithm), "%s", peers[i].algorithm);
    }
    return SOCLE_OK;
}

static void release(contest *all)
{
    for (int i = 0; i < all->count; i++) {
        socle_bench_destroy(all->all[i].bench);
        if (all->all[i].peer.destroy != NULL)
            all->all[i].peer.destroy(&all->all[i].peer);
        free(all->all[i].seconds);
    }
}

static socle_status bench_operator(json_t *rows, socle_context *context, const char *what, const char *shape, int with_peers)
{
    contest all = {.count = 0};
    socle_status status = gather(&all, context, what, shape, with_peers);
    if (status == SOCLE_OK)
        status = take_turns(&all);
    double flops = 0, bytes = 0; /* the work is the same for all */
    for (int i = 0; i < all.count; i++) {
        if (all.all[i].bench != NULL) {
            flops = socle_bench_flops(all.all[i].bench);
            bytes = socle_bench_bytes(all.all[i].bench);
        }
    }
    for (int i = 0; status == SOCLE_OK && i < all.count && all.all[i].count > 0; i++) { /* 0: interrupted before */
        contestant *c = &all.all[i];
        bench_add(rows, what, shape, c->device, c->algorithm, c->peer_name, c->seconds, c->count, flops, bytes, c->peak_gflops);
    }
    release(&all);
    return status;
}

/* ---- a model ---- */

static int bench_session(json_t *rows, socle_context *context, const socle_model *model, const char *path, const char *device)
{
    static const text_list none;
    socle_session_options options = SOCLE_SESSION_OPTIONS_INIT;
    socle_session *session = NULL;
    session_io io = {.input_count = 0};
    double *seconds = malloc(BENCH_MAX_RUNS * sizeof(*seconds));
    int status = DONE, count = 0;
    options.devices = device;
    options.budget_s = 0;
    socle_status done = seconds == NULL ? SOCLE_OUT_OF_MEMORY : socle_session_create(context, model, &options, &session);
    if (done == SOCLE_OK)
        status = session_io_open("bench", session, model, &none, &(int64_t){1}, &io);
    const double end = seconds_now() + BENCH_SECONDS;
    while (done == SOCLE_OK && status == DONE && count < BENCH_MAX_RUNS && (count < 5 || seconds_now() < end) && !interrupted) {
        const double start = seconds_now();
        done = socle_session_run(session, io.inputs, io.input_count, io.outputs, io.output_count);
        seconds[count++] = seconds_now() - start;
    }
    if (done != SOCLE_OK)
        status = report(done);
    else if (status == DONE)
        bench_add(rows, "model", path, device, "session", NULL, seconds, count, 0, 0, 0);
    session_io_close(&io);
    socle_session_destroy(session);
    free(seconds);
    return status;
}

static int bench_onnx(json_t *rows, socle_context *context, const char *path)
{
    socle_model *model = NULL;
    int status = model_open(context, path, &model);
    for (int i = 0; status == DONE && i < socle_device_count(context); i++) {
        if (device_usable(context, i))
            status = bench_session(rows, context, model, path, socle_device_get_info(socle_device_at(context, i))->id);
    }
    socle_model_destroy(model);
    return status;
}

/* ---- the command ---- */

typedef struct bench_options {
    const char *what, *devices, *compare;
    text_list shapes;
    int peers, format, json;
} bench_options;

static int bench_all(const bench_options *o, socle_context *context, json_t *rows)
{
    static const char *const alone[] = {"peak", "memory", "launch"};
    shape_list list;
    socle_status status = SOCLE_OK;
    static const char *const operators[] = {"gemm", "conv", "conv_input", "conv_weight", "norm_grad"};
    bool operator= false;
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        operator= operator|| strcmp(o->what, operators[i]) == 0;
    if (operator&& !shape_list_read(&o->shapes, o->what, &list))
        return usage_error("bench", "--shape is empty or too long");
    for (int i = 0; operator&& status == SOCLE_OK && i<list.count && !interrupted; i++) {
        progress_show((double)i / list.count, "%s %s", o->what, list.shapes[i]);
        status = bench_operator(rows, context, o->what, list.shapes[i], o->peers);
    }
    progress_clear();
    if (operator)
        return status == SOCLE_OK ? DONE : report(status);
    for (size_t k = 0; k < COUNT_OF(alone); k++) {
        if (strcmp(o->what, alone[k]) != 0)
            continue;
        for (int i = 0; status == SOCLE_OK && i < socle_device_count(context); i++)
            status = device_usable(context, i) ? bench_device(rows, alone[k], socle_device_at(context, i)) : SOCLE_OK;
        return status == SOCLE_OK ? DONE : report(status);
    }
    return bench_onnx(rows, context, o->what);
}

static int read_old(const char *path, json_t **old)
{
    json_error_t error;
    *old = json_load_file(path, 0, &error);
    if (json_is_array(json_object_get(*old, "rows")))
        return DONE;
    fail("%s: is not what socle bench --json prints: %s", path, *old == NULL ? error.text : "it has no rows");
    return BAD_FILE;
}

int command_bench(int argc, char **argv)
{
    bench_options o = {.peers = 0};
    const option_spec options[] = {
        {"shape", OPTION_LIST, &o.shapes, "SHAPES",
         "gemm: MxNxK; conv: 1x64x56x56,64x3x3,s1,p1; norm_grad: 4096x768; separated by blanks", NULL, 0},
        {"peers", OPTION_SET, &o.peers, NULL, "also CLBlast, OpenBLAS and oneDNN, where installed, in turns", NULL, 0},
        {"compare", OPTION_TEXT, &o.compare, "OLD.json", "how many times as fast as an earlier --json", NULL, 0},
        {"format", OPTION_CHOICE, &o.format, "FORMAT", "table (default), json, csv or md", format_names, 0},
        {"json", OPTION_SET, &o.json, NULL, "the same as --format json", NULL, 0},
        {"device", OPTION_TEXT, &o.devices, "ID[,ID...]", "only these, by id or index", NULL, 0},
    };
    const command_usage usage = {"bench [gemm|conv|conv_input|conv_weight|norm_grad|peak|memory|launch|MODEL.onnx] [options]",
                                 "Measures matrix products (the default), convolutions, what devices can do at most, or a model.",
                                 "socle bench gemm --shape '512x512x512 1024x1024x1024' --peers",
                                 options,
                                 COUNT_OF(options),
                                 0,
                                 1};
    socle_context *context = NULL;
    json_t *rows = NULL, *old = NULL;
    int status;
    if (!options_parse(&usage, argc, argv, &o.what, &status))
        return status;
    if (o.what == NULL)
        o.what = "gemm";
    if (o.compare != NULL && (status = read_old(o.compare, &old)) != DONE)
        goto cleanup;
    if ((status = context_open_usable(o.devices, &context)) != DONE)
        goto cleanup;
    rows = json_array();
    interrupt_catch();
    status = bench_all(&o, context, rows);
    if (status == DONE)
        status = bench_print(rows, old, o.json ? BENCH_JSON : (bench_format)o.format);
cleanup:
    json_decref(rows);
    json_decref(old);
    socle_context_destroy(context);
    return status;
}
