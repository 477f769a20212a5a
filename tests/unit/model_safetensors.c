/* safetensors: there and back, and files that lie. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "folder.h"
#include "model/model.h"

TestSuite(safetensors, .init = test_folder_enter, .fini = test_folder_leave);

static float weights[6] = {1, 2, 3, 4, 5, 6};
static int64_t steps[1] = {42};

static void write_two(const char *metadata)
{
    const named_tensor tensors[] = {{"fc\"1\".weight", socle_tensor_f32(weights, 2, (int64_t[]){2, 3})},
                                    {"step", socle_tensor_i64(steps, 0, NULL)},
                                    {"empty", socle_tensor_f32(weights, 2, (int64_t[]){0, 3})}};
    cr_assert_eq(safetensors_write("s", tensors, 3, metadata), SOCLE_OK, "%s", socle_error_message());
}

static void release(file_map *map, named_tensor *tensors, int count, char *metadata)
{
    for (int i = 0; i < count; i++)
        memory_free(tensors[i].name);
    memory_free(tensors);
    memory_free(metadata);
    file_map_close(map);
    cr_assert_eq(memory_live_count(), 0);
}

static const named_tensor *find(const named_tensor *tensors, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(tensors[i].name, name) == 0)
            return &tensors[i];
    }
    return NULL;
}

Test(safetensors, what_is_written_comes_back)
{
    file_map map = {0};
    named_tensor *tensors = NULL;
    int count = 0;
    char *metadata = NULL;
    write_two("{\"format\":\"socle\"}");
    cr_assert_eq(safetensors_read("s", &map, &tensors, &count, &metadata), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(count, 3);
    cr_assert_str_eq(metadata, "{\"format\":\"socle\"}");
    const named_tensor *w = find(tensors, count, "fc\"1\".weight"), *s = find(tensors, count, "step");
    cr_assert(w != NULL && w->tensor.rank == 2 && w->tensor.dims[1] == 3 && w->tensor.dtype == SOCLE_FLOAT32);
    cr_assert_arr_eq(w->tensor.data, weights, sizeof(weights));
    cr_assert(s != NULL && s->tensor.rank == 0 && *(int64_t *)s->tensor.data == 42);
    cr_assert_eq(find(tensors, count, "empty")->tensor.size_bytes, 0);
    release(&map, tensors, count, metadata);
}

Test(safetensors, metadata_is_optional)
{
    file_map map = {0};
    named_tensor *tensors = NULL;
    int count = 0;
    char *metadata = NULL;
    write_two(NULL);
    cr_assert_eq(safetensors_read("s", &map, &tensors, &count, &metadata), SOCLE_OK);
    cr_assert_null(metadata);
    release(&map, tensors, count, NULL);
}

static socle_status read_made(const char *header, size_t data_bytes)
{
    uint8_t file[1024] = {0};
    file_map map = {0};
    named_tensor *tensors = NULL;
    int count = 0;
    const size_t length = (strlen(header) + 7) / 8 * 8;
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(length >> (8 * i));
    memset(file + 8, ' ', length);
    memcpy(file + 8, header, strlen(header));
    test_file_write("s", file, 8 + length + data_bytes);
    const socle_status status = safetensors_read("s", &map, &tensors, &count, NULL);
    if (status == SOCLE_OK)
        release(&map, tensors, count, NULL);
    cr_assert_eq(memory_live_count(), 0);
    return status;
}

Test(safetensors, files_that_lie_are_refused)
{
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8), SOCLE_OK);
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4), SOCLE_INVALID_FILE);
    cr_assert(
        test_message_is("s: tensor 'a' lies beyond the end of the file, or does not have its shape's size: the file is damaged"));
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 16), SOCLE_INVALID_FILE);
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 16), SOCLE_INVALID_FILE);
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 16), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("s: tensor 'a' has no place: the file is damaged"));
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", 8),
                 SOCLE_INVALID_FILE);
    cr_assert(test_message_is("s: tensor 'a' has an impossible shape: the file is damaged"));
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}", 16), SOCLE_INVALID_FILE);
    cr_assert(test_message_is("s: tensor 'a' is not aligned: the file is damaged"));
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8), SOCLE_UNSUPPORTED);
    cr_assert_eq(read_made("{\"a\":7}", 8), SOCLE_UNSUPPORTED);
    cr_assert_eq(read_made("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\"a\":{}}", 8), SOCLE_INVALID_FILE);
    cr_assert_eq(read_made("[1]", 8), SOCLE_INVALID_FILE);
    cr_assert_eq(read_made("{\"a\":", 8), SOCLE_INVALID_FILE);
}

Test(safetensors, truncation_and_flipped_bits_never_harm)
{
    file_map good = {0};
    write_two("{\"step\":\"1\"}");
    cr_assert_eq(file_map_open("s", &good), SOCLE_OK);
    uint8_t bytes[1024];
    cr_assert_leq(good.size_bytes, sizeof(bytes));
    for (size_t length = 0; length < good.size_bytes; length++) {
        file_map map = {0};
        named_tensor *tensors = NULL;
        int count = 0;
        test_file_write("t", good.bytes, length);
        cr_assert_neq(safetensors_read("t", &map, &tensors, &count, NULL), SOCLE_OK);
    }
    memcpy(bytes, good.bytes, good.size_bytes);
    for (size_t bit = 0; bit < 8 * good.size_bytes; bit++) {
        file_map map = {0};
        named_tensor *tensors = NULL;
        int count = 0;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        test_file_write("t", bytes, good.size_bytes);
        if (safetensors_read("t", &map, &tensors, &count, NULL) == SOCLE_OK)
            release(&map, tensors, count, NULL);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    file_map_close(&good);
    cr_assert_eq(memory_live_count(), 0);
}
