/* Maps, atomic writing and folders, in a folder of each test's own. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static char folder[] = "/tmp/socle-file-XXXXXX";

static void enter(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void leave(void)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(system(command), 0);
}

TestSuite(file, .init = enter, .fini = leave);

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    fputs(content, file);
    fclose(file);
}

static void assert_content(const char *path, const void *bytes, size_t size_bytes)
{
    file_map map;
    cr_assert_eq(file_map_open(path, &map), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(map.size_bytes, size_bytes);
    cr_assert_eq(memcmp(map.bytes, bytes, size_bytes), 0);
    file_map_close(&map);
}

static int entries(void)
{
    int count = 0;
    DIR *here = opendir(".");
    while (readdir(here) != NULL)
        count++;
    closedir(here);
    return count - 2; /* . and .. */
}

Test(file, maps_what_was_written)
{
    write_file("a", "content");
    assert_content("a", "content", 7);
}

Test(file, an_empty_one_maps_to_nothing)
{
    file_map map;
    write_file("a", "");
    cr_assert_eq(file_map_open("a", &map), SOCLE_OK);
    cr_assert_eq(map.size_bytes, 0);
    cr_assert_not_null(map.bytes);
    file_map_close(&map);
    file_map_close(&map);
}

Test(file, that_is_missing_or_no_file_is_an_error_with_its_name)
{
    file_map map = {NULL, 77};
    cr_assert_eq(file_map_open("missing.onnx", &map), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), "missing.onnx: cannot be opened: No such file or directory: check the path");
    cr_assert_eq(file_map_open(".", &map), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), ".: is a folder, not a file");
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    cr_assert_eq(file_map_open("pipe", &map), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), "pipe: is a device or pipe, not a file");
    cr_assert_eq(map.size_bytes, 77);
}

Test(file, written_in_pieces_of_any_size_is_whole)
{
    enum { SIZE = 1 << 20 };
    char *bytes = memory_alloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 + (i >> 10));
    file_writer *writer;
    cr_assert_eq(file_writer_open("a", &writer), SOCLE_OK);
    size_t done = 0;
    for (size_t piece = 1; done < SIZE; piece = piece * 3 % 200003) {
        const size_t now = piece < SIZE - done ? piece : SIZE - done;
        cr_assert_eq(file_writer_write(writer, bytes + done, now), SOCLE_OK);
        done += now;
    }
    cr_assert_eq(file_writer_write(writer, NULL, 0), SOCLE_OK);
    cr_assert_eq(file_writer_commit(writer), SOCLE_OK);
    assert_content("a", bytes, SIZE);
    cr_assert_eq(entries(), 1);
    memory_free(bytes);
    cr_assert_eq(memory_live_count(), 0);
}

Test(file, does_not_change_before_the_commit)
{
    file_writer *writer;
    write_file("a", "old");
    cr_assert_eq(file_writer_open("a", &writer), SOCLE_OK);
    cr_assert_eq(file_writer_write(writer, "newer", 5), SOCLE_OK);
    assert_content("a", "old", 3);
    cr_assert_eq(file_writer_commit(writer), SOCLE_OK);
    assert_content("a", "newer", 5);
}

Test(file, cancelled_leaves_no_trace)
{
    file_writer *writer;
    cr_assert_eq(file_writer_open("a", &writer), SOCLE_OK);
    cr_assert_eq(file_writer_write(writer, "half", 4), SOCLE_OK);
    file_writer_cancel(writer);
    file_writer_cancel(NULL);
    cr_assert_eq(entries(), 0);
    cr_assert_eq(memory_live_count(), 0);
}

Test(file, replaced_keeps_its_permissions)
{
    struct stat info;
    file_writer *writer;
    write_file("a", "old");
    cr_assert_eq(chmod("a", 0640), 0);
    cr_assert_eq(file_writer_open("a", &writer), SOCLE_OK);
    cr_assert_eq(file_writer_commit(writer), SOCLE_OK);
    cr_assert_eq(stat("a", &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0640);
}

Test(file, that_cannot_be_written_names_the_path_and_the_reason)
{
    file_writer *writer = NULL;
    cr_assert_eq(file_writer_open("no/such/folder/a", &writer), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), "no/such/folder/a: cannot be written: No such file or directory: check the path");
    cr_assert_eq(file_writer_open(".", &writer), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), ".: is a folder: name a file in it");
    cr_assert_null(writer);
    cr_assert_eq(memory_live_count(), 0);
}

Test(file, on_a_full_device_is_an_error_and_nothing_is_replaced)
{
    file_writer *writer;
    char bytes[1000] = {0};
    cr_assert_eq(file_writer_open("/dev/full", &writer), SOCLE_OK);
    cr_assert_eq(file_writer_write(writer, bytes, sizeof(bytes)), SOCLE_OK); /* still in the buffer */
    cr_assert_eq(file_writer_commit(writer), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), "/dev/full: cannot be written: No space left on device: "
                                            "free some space or choose another folder");
    struct stat info;
    cr_assert_eq(stat("/dev/full", &info), 0);
    cr_assert(S_ISCHR(info.st_mode));
    cr_assert_eq(memory_live_count(), 0);
}

Test(file, that_outgrows_the_limit_leaves_the_old_one)
{
    file_writer *writer;
    write_file("a", "old");
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {100000, 100000};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    char *bytes = memory_alloc(200000);
    cr_assert_eq(file_writer_open("a", &writer), SOCLE_OK);
    cr_assert_eq(file_writer_write(writer, bytes, 200000), SOCLE_IO);
    file_writer_cancel(writer);
    assert_content("a", "old", 3);
    cr_assert_eq(entries(), 1);
    memory_free(bytes);
}

Test(file, opening_fails_cleanly_at_every_allocation)
{
    for (int n = 0; n < 3; n++) {
        file_writer *writer = NULL;
        memory_fail_after(n);
        cr_assert_eq(file_writer_open("a", &writer), SOCLE_OUT_OF_MEMORY);
        cr_assert_null(writer);
        cr_assert_eq(memory_live_count(), 0);
        cr_assert_eq(entries(), 0);
    }
}

Test(file, folders_are_made_with_their_parents_for_us_alone)
{
    struct stat info;
    cr_assert_eq(file_make_folders("x/y//z/"), SOCLE_OK, "%s", socle_error_message());
    cr_assert_eq(file_make_folders("x/y/z"), SOCLE_OK);
    cr_assert_eq(stat("x/y/z", &info), 0);
    cr_assert(S_ISDIR(info.st_mode));
    cr_assert_eq(info.st_mode & 0777, 0700);
    cr_assert_eq(file_make_folders("/"), SOCLE_OK);
    cr_assert_eq(file_make_folders("q"), SOCLE_OK);
    cr_assert_eq(stat("q", &info), 0);
    cr_assert_eq(memory_live_count(), 0);
}

Test(file, a_folder_cannot_be_made_where_a_file_stands)
{
    write_file("a", "");
    cr_assert_eq(file_make_folders("a/b"), SOCLE_IO);
    cr_assert_str_eq(socle_error_message(), "a: the folder cannot be made: Not a directory");
}
