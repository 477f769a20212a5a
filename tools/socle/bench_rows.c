/* Rows of a benchmark: from single times to a table, JSON, CSV or Markdown, beside an earlier run. */
#include "bench.h"

#include <math.h>
#include <string.h>

void bench_add(json_t *rows, const char *what, const char *shape, const char *device, const char *algorithm,
               const char *peer_name, double *seconds, int count, double flops, double bytes, double peak_gflops)
{
    const latency l = latency_of(seconds, count);
    const double gflops = flops > 0 && l.median > 0 ? flops / l.median / 1e6 : -1;
    const double gbytes = bytes > 0 && l.median > 0 ? bytes / l.median / 1e6 : -1;
    json_array_append_new(
        rows, json_pack("{s:s,s:s,s:s,s:s,s:s?,s:f,s:f,s:f,s:f,s:o,s:o,s:o,s:s}", "what", what, "shape", shape, "device", device,
                        "algorithm", algorithm, "peer", peer_name, "min_ms", l.min, "median_ms", l.median, "p90_ms", l.p90,
                        "p99_ms", l.p99, "gflops", json_measure(gflops), "gbytes_per_s", json_measure(gbytes), "peak_share",
                        json_measure(peak_gflops > 0 && gflops > 0 ? gflops / peak_gflops : -1), "timer", "wall"));
}

/* ---- comparing ---- */

static bool same_field(const json_t *a, const json_t *b, const char *field)
{
    return json_equal(json_object_get(a, field), json_object_get(b, field));
}

/* How many times faster the row is than its counterpart in the earlier document; < 0: there is none. */
static double speedup(const json_t *row, const json_t *old)
{
    size_t index;
    json_t *candidate;
    json_array_foreach(json_object_get(old, "rows"), index, candidate)
    {
        const double before = json_number_value(json_object_get(candidate, "median_ms"));
        const double now = json_number_value(json_object_get(row, "median_ms"));
        if (same_field(row, candidate, "what") && same_field(row, candidate, "shape") && same_field(row, candidate, "device") &&
            same_field(row, candidate, "peer") && before > 0 && now > 0)
            return before / now;
    }
    return -1;
}

/* ---- printing ---- */

static void add_cell(table *t, const json_t *row, const char *field, const char *format)
{
    const json_t *value = json_object_get(row, field);
    if (json_is_string(value))
        table_cell(t, "%s", json_string_value(value));
    else if (json_is_number(value))
        table_cell(t, format[0] == '4' ? "%.4f" : format[0] == '1' ? "%.1f" : "%.2f", json_number_value(value));
    else
        table_cell(t, "%s", strcmp(field, "peer") == 0 ? "" : "-");
}

static void print_table(json_t *rows, const json_t *old, table_format format)
{
    static const struct {
        const char *field, *title, *format;
    } columns[] = {{"what", "what", ""},
                   {"shape", "shape", ""},
                   {"device", "device", ""},
                   {"algorithm", "algorithm", ""},
                   {"peer", "peer", ""},
                   {"min_ms", ">min ms", "4"},
                   {"median_ms", ">median ms", "4"},
                   {"p90_ms", ">p90 ms", "4"},
                   {"p99_ms", ">p99 ms", "4"},
                   {"gflops", ">GFLOP/s", "1"},
                   {"gbytes_per_s", ">GB/s", "1"},
                   {"peak_share", ">of peak", "2"},
                   {"speedup", ">times as fast", "2"}};
    const int count = (int)COUNT_OF(columns) - (old == NULL);
    const char *titles[COUNT_OF(columns)];
    size_t index;
    json_t *row;
    for (int c = 0; c < count; c++)
        titles[c] = format == TABLE_CSV ? columns[c].field : columns[c].title;
    table *t = table_new(count, titles);
    json_array_foreach(rows, index, row)
    {
        for (int c = 0; c < count; c++)
            add_cell(t, row, columns[c].field, columns[c].format);
    }
    table_print_as(t, stdout, format);
}

int bench_print(json_t *rows, json_t *old, bench_format format)
{
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        if (old != NULL)
            json_object_set_new(row, "speedup", json_measure(speedup(row, old)));
    }
    if (format == BENCH_JSON)
        return json_print(json_pack("{s:O}", "rows", rows));
    print_table(rows, old, format == BENCH_CSV ? TABLE_CSV : format == BENCH_MARKDOWN ? TABLE_MARKDOWN : TABLE_TEXT);
    return output_finish();
}
