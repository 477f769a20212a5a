/* A folder of a test's own: test_folder_enter makes one and goes there, test_folder_leave removes it with all it holds. For a
 * suite's .init and .fini. */
#ifndef SOCLE_TEST_FOLDER_H
#define SOCLE_TEST_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

void test_folder_enter(void);
void test_folder_leave(void);
void test_file_write(const char *path, const void *bytes, size_t size_bytes);
/* Entries of the present folder: to see that nothing half-written stays. */
int test_folder_entries(void);
/* The thread's message is exactly `text`; prints both where it is not. */
bool test_message_is(const char *text);

#endif
