/* The tuner's process and the one that watches it. They speak in lines of JSON through a pipe. */
#include "tune.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CRASHES 32
#define SECONDS_BETWEEN_SIGNS 0.02

/* ---- the tuner's side ---- */

struct tune_channel {
    int file;
    double last_sign_s;
};

static void tell(tune_channel *channel, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    const size_t length = text != NULL ? strlen(text) : 0;
    if (text != NULL) {
        text[length] = '\n'; /* in place of the end */
        for (size_t done = 0; done < length + 1;) {
            const ssize_t written = write(channel->file, text + done, length + 1 - done);
            if (written > 0)
                done += (size_t)written;
            else if (errno != EINTR)
                break; /* nobody reads any more */
        }
    }
    free(text);
    json_decref(line);
}

void tune_tell_alive(tune_channel *channel, const char *device, const char *problem, double share)
{
    const double now_s = seconds_now();
    if (now_s - channel->last_sign_s < SECONDS_BETWEEN_SIGNS)
        return;
    channel->last_sign_s = now_s;
    tell(channel, json_pack("{s:s,s:s,s:f}", "device", device, "problem", problem, "share", share));
}

void tune_tell_row(tune_channel *channel, json_t *row)
{
    tell(channel, row);
}

/* ---- the watcher's side ---- */

typedef struct watched {
    pid_t process;
    int file;
    bool told_to_stop, hung;
    char line[8192];
    size_t length;
    char at[512]; /* what it was last known to do */
} watched;

static bool is_known(const json_t *rows, const json_t *row)
{
    size_t i;
    const json_t *other;
    json_array_foreach(rows, i,
                       other) if (json_equal(json_object_get(other, "device"), json_object_get(row, "device")) &&
                                  json_equal(json_object_get(other, "problem"), json_object_get(row, "problem"))) return true;
    return false;
}

static void take_line(watched *w, tune_found *found)
{
    json_t *line = json_loads(w->line, 0, NULL);
    const char *device = json_string_value(json_object_get(line, "device"));
    const char *problem = json_string_value(json_object_get(line, "problem"));
    if (device != NULL && problem != NULL) {
        snprintf(w->at, sizeof(w->at), "'%s' on %s", problem, device);
        progress_show(json_number_value(json_object_get(line, "share")), "%s: %s", device, problem);
        if (json_object_get(line, "winner") != NULL && !is_known(found->rows, line))
            json_array_append(found->rows, line);
    }
    json_decref(line);
}

static void take_bytes(watched *w, const char *bytes, size_t count, tune_found *found)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            w->line[w->length] = '\0';
            take_line(w, found);
            w->length = 0;
        } else if (w->length + 1 < sizeof(w->line)) {
            w->line[w->length++] = bytes[i];
        }
    }
}

/* Until the process closes its end, or is silent for too long and killed. */
static void listen_to(watched *w, double patience_s, tune_found *found)
{
    double last_s = seconds_now();
    for (;;) {
        struct pollfd ready = {.fd = w->file, .events = POLLIN};
        char bytes[4096];
        if (interrupted && !w->told_to_stop) {
            w->told_to_stop = true;
            kill(w->process, SIGINT);
        }
        const int count = poll(&ready, 1, 100);
        const ssize_t got = count > 0 ? read(w->file, bytes, sizeof(bytes)) : -1;
        if (got > 0) {
            take_bytes(w, bytes, (size_t)got, found);
            last_s = seconds_now();
        } else if (got == 0) {
            return;
        } else if (seconds_now() - last_s > patience_s) {
            w->hung = true;
            kill(w->process, SIGKILL);
            return;
        }
    }
}

/* True: it ended by itself with *status. */
static bool run_once(int (*work)(tune_channel *channel, const void *user), const void *user, double patience_s, tune_found *found,
                     int *status)
{
    int files[2], code = 0;
    watched w = {.at = "the devices"};
    if (pipe(files) != 0 || (w.process = fork()) < 0) {
        *status = fail("no process for the tuner: %s", strerror(errno));
        return true;
    }
    if (w.process == 0) {
        close(files[0]);
        tune_channel channel = {.file = files[1]};
        _exit(work(&channel, user));
    }
    close(files[1]);
    w.file = files[0];
    listen_to(&w, patience_s, found);
    close(w.file);
    while (waitpid(w.process, &code, 0) < 0 && errno == EINTR)
        ;
    progress_clear();
    if (WIFEXITED(code)) {
        *status = WEXITSTATUS(code);
        return true;
    }
    if (w.hung)
        fprintf(stderr, "socle: the tuner was silent for %g s with %s: what it tried is left out from now on\n", patience_s,
                w.at);
    else
        fprintf(stderr, "socle: the tuner crashed (%s) with %s: what it tried is left out from now on\n",
                strsignal(WTERMSIG(code)), w.at);
    return false;
}

int tune_supervise(int (*work)(tune_channel *channel, const void *user), const void *user, double end_s, double patience_s,
                   tune_found *found)
{
    int status = DONE;
    fflush(NULL); /* or the new process prints it too */
    while (!run_once(work, user, patience_s, found, &status)) {
        if (++found->crashes == MAX_CRASHES)
            return fail("the tuner crashed %d times: look at the driver with socle doctor", MAX_CRASHES);
        if (interrupted || seconds_now() >= end_s)
            return DONE;
    }
    return status;
}
