/* A folder of a test's own: see folder.h. */
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <socle/status.h>

static char folder[] = "/tmp/socle-test-XXXXXX";

void test_folder_enter(void)
{
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        perror(folder);
        abort();
    }
}

void test_folder_leave(void)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (chdir("/") != 0 || system(command) != 0)
        perror(folder);
}

void test_file_write(const char *path, const void *bytes, size_t size_bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size_bytes, file) != size_bytes || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

int test_folder_entries(void)
{
    int count = 0;
    DIR *here = opendir(".");
    while (here != NULL && readdir(here) != NULL)
        count++;
    closedir(here);
    return count - 2; /* . and .. */
}

bool test_message_is(const char *text)
{
    if (strcmp(socle_error_message(), text) == 0)
        return true;
    fprintf(stderr, "the message is:  %s\nexpected:        %s\n", socle_error_message(), text);
    return false;
}
