/* Socle: trains and runs neural networks on any OpenCL device. This header includes every other public one.
 *
 * Conventions that hold everywhere:
 * - A call that can fail returns socle_status: SOCLE_OK (0) or a negative code; the calling thread's
 *   socle_error_message() then says what failed, where, and what to do. Out-parameters stay untouched.
 * - Objects come from socle_X_create / socle_X_load and go with socle_X_destroy, which takes NULL.
 * - Option structs begin with their size; initialise them with their ..._INIT macro.
 * - Strings that a function returns belong to the object asked, and live as long as it does.
 * - Shapes are listed outermost dimension first (row-major, C order); sizes are in bytes where the name says so.
 */
#ifndef SOCLE_SOCLE_H
#define SOCLE_SOCLE_H

#include <socle/status.h>
#include <socle/tensor.h>
#include <socle/context.h>
#include <socle/device.h>
#include <socle/buffer.h>
#include <socle/kernel.h>
#include <socle/graph.h>
#include <socle/model.h>
#include <socle/profile.h>
#include <socle/plan.h>
#include <socle/session.h>
#include <socle/trainer.h>
#include <socle/dataset.h>
#include <socle/bench.h>

#endif
