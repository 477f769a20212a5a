/* Runs a check on every usable device that the environment's drivers offer. */
#ifndef SOCLE_TEST_ON_DEVICES_H
#define SOCLE_TEST_ON_DEVICES_H

#include <socle/socle.h>

/* A context that keeps its store in `cache_dir` ("": in memory); log lines up to INFO are counted and kept. Aborts where it
 * fails. */
socle_context *test_context(const char *cache_dir);
/* Log lines so far that contain `part`, at any level. */
int test_log_count(const char *part);

/* Calls check for each usable device; fails the test where there is none. */
void test_each_device(socle_context *context, void (*check)(socle_device *device));
/* Opens a context without a store, checks every device, destroys the context and sees that nothing of it is left. */
void test_on_devices(void (*check)(socle_device *device));

#endif
