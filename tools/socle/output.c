/* Results on stdout, and files that appear only when they are whole. */
#define _GNU_SOURCE /* asprintf */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_measure(double value)
{
    return isfinite(value) && value >= 0 ? json_real(value) : json_null();
}

int output_finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail("stdout: cannot be written: %s", strerror(errno));
    return DONE;
}

int json_print(json_t *document)
{
    const int failed = document == NULL || json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0;
    json_decref(document);
    if (failed)
        return fail("stdout: the JSON document cannot be written: check its disk and memory");
    putchar('\n');
    return output_finish();
}

/* ---- files ---- */

static bool file_error(const char *path)
{
    fail("%s: cannot be written: %s: choose another place", path, strerror(errno));
    return false;
}

static void forget(output_file *out)
{
    free(out->path);
    free(out->beside);
    *out = (output_file){0};
}

bool output_file_open(const char *path, output_file *out)
{
    struct stat info;
    const bool special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    *out = (output_file){.path = strdup(path)};
    if (out->path == NULL || (!special && asprintf(&out->beside, "%s.%ld.part", path, (long)getpid()) < 0)) {
        out->beside = NULL;
        forget(out);
        fail("%s: out of memory", path);
        return false;
    }
    out->file = fopen(special ? path : out->beside, "we");
    if (out->file != NULL)
        return true;
    file_error(path);
    forget(out);
    return false;
}

bool output_file_possible(const char *path)
{
    struct stat info;
    output_file out;
    const bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        fail("%s: is a folder: name a file in it", path);
        return false;
    }
    if (exists && !S_ISREG(info.st_mode))
        return true; /* to open a pipe and close it again would end it for its reader */
    if (!output_file_open(path, &out))
        return false;
    output_file_cancel(&out);
    return true;
}

bool output_file_commit(output_file *out)
{
    bool good = fflush(out->file) == 0 && !ferror(out->file);
    good = good && (out->beside == NULL || fsync(fileno(out->file)) == 0);
    good = fclose(out->file) == 0 && good;
    good = good && (out->beside == NULL || rename(out->beside, out->path) == 0);
    if (!good) {
        file_error(out->path);
        if (out->beside != NULL)
            unlink(out->beside);
    }
    forget(out);
    return good;
}

void output_file_cancel(output_file *out)
{
    if (out->file == NULL)
        return;
    fclose(out->file);
    if (out->beside != NULL)
        unlink(out->beside);
    forget(out);
}
