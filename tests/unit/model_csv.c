/* CSV files of numbers: what is read, and every fault with file, line, column and value. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/base.h"
#include "folder.h"
#include <socle/dataset.h>

TestSuite(csv, .init = test_folder_enter, .fini = test_folder_leave);

static socle_tensor data, labels;

static socle_status read_text(const char *content, int label_column, double scale)
{
    test_file_write("x.csv", content, strlen(content));
    return socle_csv_read("x.csv", label_column, scale, &data, &labels);
}

static void release(void)
{
    socle_tensor_free(&data);
    socle_tensor_free(&labels);
    cr_assert_eq(memory_live_count(), 0);
}

#define assert_refused(content, status, message)                                                                                 \
    do {                                                                                                                         \
        data.rank = labels.rank = 77;                                                                                            \
        cr_assert_eq(read_text(content, -1, 1.0), status, "%s", content);                                                        \
        cr_assert(test_message_is(message));                                                                                     \
        cr_assert(data.rank == 77 && labels.rank == 77);                                                                         \
        cr_assert_eq(memory_live_count(), 0);                                                                                    \
    } while (0)

Test(csv, columns_become_scaled_data_and_integer_labels)
{
    cr_assert_eq(read_text("1,2,7\n3,4.5,-8\n", -1, 0.5), SOCLE_OK, "%s", socle_error_message());
    cr_assert(data.dtype == SOCLE_FLOAT32 && data.rank == 2 && data.dims[0] == 2 && data.dims[1] == 2);
    cr_assert(labels.dtype == SOCLE_INT64 && labels.rank == 1 && labels.dims[0] == 2);
    cr_assert_arr_eq(data.data, ((float[]){0.5f, 1, 1.5f, 2.25f}), 4 * sizeof(float));
    cr_assert_arr_eq(labels.data, ((int64_t[]){7, -8}), 2 * sizeof(int64_t));
    release();
}

Test(csv, a_label_with_a_fraction_makes_all_of_them_floats)
{
    cr_assert_eq(read_text("1,2,3\n1.5,4,5\n", 0, 1.0), SOCLE_OK);
    cr_assert_eq(labels.dtype, SOCLE_FLOAT32);
    cr_assert_arr_eq(labels.data, ((float[]){1, 1.5f}), 2 * sizeof(float));
    cr_assert_arr_eq(data.data, ((float[]){2, 3, 4, 5}), 4 * sizeof(float));
    release();
}

Test(csv, header_blank_lines_carriage_returns_and_a_missing_last_newline_are_fine)
{
    cr_assert_eq(read_text("width,height,class\r\n\r\n 1 ,\t2,0\r\n3,4,1", -1, 1.0), SOCLE_OK, "%s", socle_error_message());
    cr_assert(data.dims[0] == 2 && data.dims[1] == 2);
    cr_assert_arr_eq(data.data, ((float[]){1, 2, 3, 4}), 4 * sizeof(float));
    release();
}

Test(csv, numbers_are_parsed_exactly)
{
    static const char *texts[] = {"0.1",
                                  "-0.0",
                                  "1e-3",
                                  "123456789012345678",
                                  "3.4028234e38",
                                  "1.17549435e-38",
                                  "+5",
                                  ".5",
                                  "5.",
                                  "0.30000000000000004",
                                  "16777217",
                                  "1e22",
                                  "999999999999999",
                                  "0.000000000000001"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char line[64];
        snprintf(line, sizeof(line), "%s,0\n", texts[i]);
        cr_assert_eq(read_text(line, -1, 1.0), SOCLE_OK, "%s: %s", texts[i], socle_error_message());
        const float expected = (float)strtod(texts[i], NULL);
        cr_assert_arr_eq(data.data, &expected, sizeof(expected), "%s", texts[i]);
        release();
    }
}

Test(csv, the_hosts_locale_does_not_matter)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
        setlocale(LC_ALL, "");
    cr_assert_eq(read_text("1.25e0,0.30000000000000004\n", 0, 1.0), SOCLE_OK, "%s", socle_error_message());
    cr_assert_float_eq(*(float *)labels.data, 1.25f, 0);
    release();
}

Test(csv, gzip_is_recognized_by_content)
{
    gzFile file = gzopen("packed", "wb");
    for (int i = 0; i < 1000; i++)
        gzprintf(file, "%d,%d,%d\n", i, 2 * i, i % 10);
    gzclose(file);
    cr_assert_eq(socle_csv_read("packed", -1, 1.0, &data, &labels), SOCLE_OK, "%s", socle_error_message());
    cr_assert(data.dims[0] == 1000 && ((float *)data.data)[1999] == 1998 && ((int64_t *)labels.data)[999] == 9);
    release();
}

Test(csv, truncated_gzip_is_refused_at_every_length)
{
    gzFile file = gzopen("packed", "wb");
    for (int i = 0; i < 20; i++)
        gzprintf(file, "%d,%d\n", i, i % 3);
    gzclose(file);
    file_map map;
    cr_assert_eq(file_map_open("packed", &map), SOCLE_OK);
    for (size_t length = 2; length < map.size_bytes; length++) {
        test_file_write("cut", map.bytes, length);
        cr_assert_eq(socle_csv_read("cut", -1, 1.0, &data, &labels), SOCLE_INVALID_FILE, "%zu of %zu bytes", length,
                     map.size_bytes);
        cr_assert_eq(memory_live_count(), 0);
    }
    file_map_close(&map);
}

Test(csv, faults_are_named_with_line_column_and_value)
{
    assert_refused("1,2,3\n4,5\n", SOCLE_INVALID_FILE,
                   "x.csv: line 2 has 2 columns, the lines before have 3: make all lines equally long");
    assert_refused("1,2,3\n4,five,6\n", SOCLE_INVALID_FILE, "x.csv: line 2, column 1: 'five' is not a number");
    assert_refused("1,x,3\n", SOCLE_INVALID_FILE, "x.csv: line 1, column 1: 'x' is not a number");
    assert_refused("a,b\n1,2\n3,nan\n", SOCLE_INVALID_FILE, "x.csv: line 3, column 1: 'nan' is not a number");
    assert_refused("1,0x10\n", SOCLE_INVALID_FILE, "x.csv: line 1, column 1: '0x10' is not a number");
    assert_refused("1,1e999\n", SOCLE_INVALID_FILE, "x.csv: line 1, column 1: '1e999' is not a number");
    assert_refused("1,,3\n", SOCLE_INVALID_FILE, "x.csv: line 1, column 1: '' is not a number");
    assert_refused("1,1.2.3\n", SOCLE_INVALID_FILE, "x.csv: line 1, column 1: '1.2.3' is not a number");
    assert_refused("1\n2\n", SOCLE_INVALID_FILE, "x.csv: line 1 has one column: data and labels need two, separated by commas");
    assert_refused("", SOCLE_INVALID_FILE, "x.csv: it has no rows of numbers");
    assert_refused("a,b\n", SOCLE_INVALID_FILE, "x.csv: it has no rows of numbers");
}

Test(csv, a_label_column_that_is_not_there_is_refused)
{
    cr_assert_eq(read_text("1,2\n", 2, 1.0), SOCLE_INVALID_ARGUMENT);
    cr_assert(test_message_is("x.csv: no label column 2: it has 2 columns, numbered from 0"));
    cr_assert_eq(read_text("1,2\n", -3, 1.0), SOCLE_INVALID_ARGUMENT);
    cr_assert(test_message_is("x.csv: no label column -3: it has 2 columns, numbered from 0"));
    cr_assert_eq(memory_live_count(), 0);
}

Test(csv, binary_and_missing_files_are_refused)
{
    test_file_write("x.csv", "1,2\0,3\n", 7);
    cr_assert_eq(socle_csv_read("x.csv", -1, 1.0, &data, &labels), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("x.csv: line 1 is not text: is it a CSV file?"));
    cr_assert_eq(socle_csv_read("none.csv", -1, 1.0, &data, &labels), SOCLE_IO);
    cr_assert(test_message_is("none.csv: cannot be opened: check the path"));
    cr_assert_eq(socle_csv_read(".", -1, 1.0, &data, &labels), SOCLE_IO);
    cr_assert(test_message_is(".: is a folder, not a file"));
}

Test(csv, each_failed_allocation_is_reported_and_leaks_nothing)
{
    test_file_write("x.csv", "1,2\n3,4\n", 8);
    socle_status status = SOCLE_OUT_OF_MEMORY;
    int failing;
    for (failing = 0; status != SOCLE_OK; failing++) {
        memory_fail_after(failing);
        status = socle_csv_read("x.csv", -1, 1.0, &data, &labels);
        memory_fail_after(-1);
        cr_assert(status == SOCLE_OK || status == SOCLE_OUT_OF_MEMORY);
        if (status != SOCLE_OK)
            cr_assert_eq(memory_live_count(), 0);
    }
    cr_assert_gt(failing, 3);
    release();
}
