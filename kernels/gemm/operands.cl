/* How operands of products lie unless compile options say so: neither transposed, the matrices of a batch stride_a and stride_b apart. */
#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif
#ifndef BATCH_A
#define BATCH_A(batch) ((batch) * stride_a)
#define BATCH_B(batch) ((batch) * stride_b)
#endif
