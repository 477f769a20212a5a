/* What a test asks of the fault layer: found with dlsym in the loaded layer. */
#ifndef SOCLE_TEST_LAYER_FAULT_H
#define SOCLE_TEST_LAYER_FAULT_H

#include <stddef.h>

/* The nth OpenCL call from now (0: the next one) fails with `code`, once; nth < 0: none does. Starts counting anew. */
void fault_layer_arm(long nth, int code);
/* Calls since it was armed. */
long fault_layer_calls(void);
/* Name of the call that was made to fail; NULL: none yet. */
const char *fault_layer_failed(void);
/* References to OpenCL objects that the program holds, mapped buffers included; `text` gets their kinds and numbers. */
long fault_layer_live(char *text, size_t size_bytes);

#endif
