/* Fails each OpenCL call of a scenario in turn, through the fault layer (tests/layers/fault.c). */
#ifndef SOCLE_TEST_FAULTS_H
#define SOCLE_TEST_FAULTS_H

#include <socle/status.h>

/* Does some work from nothing to nothing: everything that it makes, it destroys, also where it fails. It checks its results
 * itself and answers SOCLE_WRONG_RESULT where they are not right. */
typedef socle_status (*fault_scenario)(void *user);

/* Puts the layer between the process and its drivers; before the process's first OpenCL call. */
void faults_open(void);

/* Runs the scenario once undisturbed (it must succeed), then again and again with the nth, the n + stride-th ... call failing,
 * until one run makes no further call. Each time: the scenario succeeds all the same, or fails with a message and a status other
 * than INTERNAL and WRONG_RESULT; no OpenCL object and no allocation is left; and the scenario, undisturbed, succeeds at once.
 * Returns the number of calls that were made to fail. stride 1: every call; -n: about n of them, from all over the run. */
long faults_each_call(fault_scenario scenario, void *user, long stride);
/* The same for each allocation of the library; stride > 0. */
long faults_each_allocation(fault_scenario scenario, void *user, long stride);

#endif
