/* NPY files: every type and version in, every fault with its message, nothing half-written. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "folder.h"
#include <socle/dataset.h>

TestSuite(npy, .init = test_folder_enter, .fini = test_folder_leave);

/* A file of a version with a dictionary and elements, as NumPy writes it but for the padding. */
static size_t make_npy(uint8_t *file, int version, const char *dictionary, const void *elements, size_t size_bytes)
{
    const size_t length = strlen(dictionary), start = version == 1 ? 10 : 12;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version;
    file[7] = 0;
    for (size_t i = 8; i < start; i++)
        file[i] = (uint8_t)(length >> (8 * (i - 8)));
    memcpy(file + start, dictionary, length);
    memcpy(file + start + length, elements, size_bytes);
    return start + length + size_bytes;
}

static socle_status read_made(int version, const char *dictionary, const void *elements, size_t size_bytes, socle_tensor *tensor)
{
    uint8_t file[512];
    test_file_write("x.npy", file, make_npy(file, version, dictionary, elements, size_bytes));
    return socle_npy_read("x.npy", tensor);
}

#define assert_refused(dictionary, elements, status, message)                                                                    \
    do {                                                                                                                         \
        socle_tensor untouched = {.rank = 77};                                                                                   \
        cr_assert_eq(read_made(1, dictionary, elements, sizeof(elements), &untouched), status);                                  \
        cr_assert(test_message_is(message));                                                                                     \
        cr_assert_eq(untouched.rank, 77);                                                                                        \
        cr_assert_eq(memory_live_count(), 0);                                                                                    \
    } while (0)

static const float four[4] = {1, -2, 3.5f, 4};

Test(npy, each_version_is_read)
{
    for (int version = 1; version <= 3; version++) {
        socle_tensor x = {0};
        cr_assert_eq(read_made(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", four, sizeof(four), &x),
                     SOCLE_OK, "%s", socle_error_message());
        cr_assert(x.dtype == SOCLE_FLOAT32 && x.rank == 2 && x.dims[0] == 2 && x.dims[1] == 2 && x.size_bytes == sizeof(four));
        cr_assert_arr_eq(x.data, four, sizeof(four));
        socle_tensor_free(&x);
        cr_assert_eq(memory_live_count(), 0);
    }
}

Test(npy, keys_may_stand_in_any_order_and_quotes)
{
    socle_tensor x = {0};
    cr_assert_eq(read_made(1, "{\"shape\":(4,),\"fortran_order\":True,\"descr\":\"<f4\"}", four, sizeof(four), &x), SOCLE_OK,
                 "%s", socle_error_message());
    cr_assert(x.rank == 1 && x.dims[0] == 4);
    socle_tensor_free(&x);
}

Test(npy, every_type_and_rank_comes_back_as_written)
{
    static const socle_dtype dtypes[] = {SOCLE_FLOAT32, SOCLE_FLOAT64, SOCLE_FLOAT16, SOCLE_BFLOAT16, SOCLE_INT8,
                                         SOCLE_INT16,   SOCLE_INT32,   SOCLE_INT64,   SOCLE_UINT8,    SOCLE_BOOL};
    uint8_t bytes[24 * 8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i & 1);
    for (size_t t = 0; t < COUNT_OF(dtypes); t++) {
        for (int rank = 0; rank <= 4; rank++) {
            static const int64_t dims[][4] = {{0}, {5}, {2, 3}, {2, 0, 3}, {2, 3, 2, 2}};
            socle_tensor back = {0};
            const socle_tensor x = socle_tensor_of(dtypes[t], socle_dtype_size_bytes(dtypes[t]), bytes, rank, dims[rank]);
            cr_assert_eq(socle_npy_write("y.npy", &x), SOCLE_OK, "%s", socle_error_message());
            cr_assert_eq(socle_npy_read("y.npy", &back), SOCLE_OK, "%s", socle_error_message());
            cr_assert(back.dtype == x.dtype && back.rank == x.rank && back.size_bytes == x.size_bytes);
            cr_assert_arr_eq(back.dims, x.dims, sizeof(x.dims));
            if (x.size_bytes > 0)
                cr_assert_arr_eq(back.data, x.data, x.size_bytes);
            socle_tensor_free(&back);
        }
    }
    cr_assert_eq(memory_live_count(), 0);
    cr_assert_eq(test_folder_entries(), 1);
}

Test(npy, elements_start_at_a_multiple_of_64_in_the_file)
{
    file_map map;
    const socle_tensor x = socle_tensor_f32((float *)(uintptr_t)four, 1, (int64_t[]){4});
    cr_assert_eq(socle_npy_write("y.npy", &x), SOCLE_OK);
    cr_assert_eq(file_map_open("y.npy", &map), SOCLE_OK);
    cr_assert_eq((map.size_bytes - sizeof(four)) % 64, 0);
    file_map_close(&map);
}

Test(npy, faults_are_named)
{
    assert_refused("{'descr': '>f4', 'fortran_order': False, 'shape': (4,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its elements are big-endian ('>f4'): convert them with astype");
    assert_refused("{'descr': '<U5', 'fortran_order': False, 'shape': (4,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its element type '<U5' is not supported: convert it with astype, for example to float32");
    assert_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its elements are not plain numbers: convert them with astype");
    assert_refused("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", four, SOCLE_INVALID_FILE,
                   "x.npy: it is in Fortran order: save it with numpy.ascontiguousarray");
    assert_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its shape and type need 20 bytes, 16 are there: the file is incomplete");
    assert_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its shape and type need 12 bytes, 16 are there: the file is damaged");
    assert_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its shape is too large");
    assert_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its shape is too large");
    assert_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4)}", four, SOCLE_INVALID_FILE,
                   "x.npy: it has more than 8 dimensions");
    assert_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its header is not valid: the file is damaged");
    assert_refused("{'descr': '<f4', 'fortran_order': False}", four, SOCLE_INVALID_FILE,
                   "x.npy: its header is not valid: the file is damaged");
    assert_refused("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", four, SOCLE_INVALID_FILE,
                   "x.npy: its header is not valid: the file is damaged");
}

Test(npy, other_files_are_refused)
{
    socle_tensor x = {0};
    cr_assert_eq(socle_npy_read("none.npy", &x), SOCLE_IO);
    cr_assert(test_message_is("none.npy: cannot be opened: No such file or directory: check the path"));
    test_file_write("x.npy", "PK\3\4....", 8);
    cr_assert_eq(socle_npy_read("x.npy", &x), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("x.npy: is not an NPY file: its first bytes are not \\x93NUMPY"));
    test_file_write("x.npy", "", 0);
    cr_assert_eq(socle_npy_read("x.npy", &x), SOCLE_INVALID_FILE);
    test_file_write("x.npy", "\x93NUMPY\x04\x00\x00\x00", 10);
    cr_assert_eq(socle_npy_read("x.npy", &x), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("x.npy: NPY version 4 is not known: versions 1 to 3 are read"));
}

Test(npy, truncation_at_every_length_is_refused)
{
    uint8_t file[512];
    const size_t size = make_npy(file, 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", four, sizeof(four));
    for (size_t length = 0; length < size; length++) {
        socle_tensor x = {0};
        test_file_write("x.npy", file, length);
        cr_assert_eq(socle_npy_read("x.npy", &x), SOCLE_INVALID_FILE, "%zu bytes", length);
    }
    cr_assert_eq(memory_live_count(), 0);
}

Test(npy, flipped_bits_never_harm)
{
    uint8_t file[512];
    const size_t size = make_npy(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", four, sizeof(four));
    for (size_t bit = 0; bit < 8 * size; bit++) {
        socle_tensor x = {0};
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        test_file_write("x.npy", file, size);
        if (socle_npy_read("x.npy", &x) == SOCLE_OK)
            cr_assert_eq(x.size_bytes, sizeof(four));
        socle_tensor_free(&x);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(memory_live_count(), 0);
}

Test(npy, a_tensor_that_contradicts_itself_is_not_written)
{
    float data[4] = {0};
    socle_tensor x = socle_tensor_f32(data, 1, (int64_t[]){4});
    x.size_bytes = 12;
    cr_assert_eq(socle_npy_write("y.npy", &x), SOCLE_INVALID_ARGUMENT);
    cr_assert_eq(test_folder_entries(), 0);
}

Test(npy, a_full_disk_leaves_nothing_behind)
{
    float data[4] = {0};
    const socle_tensor x = socle_tensor_f32(data, 1, (int64_t[]){4});
    cr_assert_eq(socle_npy_write("/dev/full", &x), SOCLE_IO);
    cr_assert(test_message_is("/dev/full: cannot be written: No space left on device: free some space or choose another folder"));
    cr_assert_eq(memory_live_count(), 0);
}
