/* Inside codegen/: what a group reads, makes and reduces. */
#ifndef SOCLE_LIB_CODEGEN_GROUP_H
#define SOCLE_LIB_CODEGEN_GROUP_H

#include "kernels.h"

/* Values of the group that somebody outside of it uses: their number, or -1 when there are more than capacity or memory is out.
 */
int group_outputs(const codegen_group *group, value_id *out, int capacity);

/* Prepares a writer for some outputs of the group: their space and the reductions that they need. False: they do not go into one
 * kernel. */
bool group_writer(const codegen_group *group, const value_id *outputs, int output_count, writer *w, node_id *reductions,
                  int *reduction_count);
/* Writes the kernel without vectors and throws it away, for what the writer then knows. */
bool group_try(writer *w, const node_id *reductions, int reduction_count);

#endif
