/* solver: ways to run an operator that is worth hand-tuning: a folder per operator, a file per way, one table of all. */
#ifndef SOCLE_LIB_SOLVER_H
#define SOCLE_LIB_SOLVER_H

#include "../codegen/codegen.h"

/* ---- problems: one description serves planner, tuner, tests and benchmarks ---- */

typedef enum problem_kind {
    PROBLEM_GEMM,            /* operands: A, B, C [, scales of B [, zeros of B]] */
    PROBLEM_CONV,            /* x, w, y */
    PROBLEM_CONV_INPUT,      /* dy, w, dx */
    PROBLEM_CONV_WEIGHT,     /* dy, x, dw */
    PROBLEM_POOL,            /* x, y [, indices] */
    PROBLEM_POOL_GRAD,       /* dy [, x for max], dx */
    PROBLEM_SOFTMAX,         /* x, y */
    PROBLEM_NORM,            /* x [, scale] [, bias], y [, mean, inverse std] */
    PROBLEM_NORM_GRAD,       /* dy, x, scale, dx, dscale [, dbias] */
    PROBLEM_BATCH_NORM,      /* x, scale, bias, y, mean, variance, inverse std */
    PROBLEM_BATCH_NORM_GRAD, /* dy, x, scale, mean, inverse std, dx, dscale, dbias */
    PROBLEM_GATHER,          /* data, indices, y */
    PROBLEM_GATHER_GRAD,     /* dy, indices, dx */
    PROBLEM_SCATTER,         /* data, indices, updates, y */
    PROBLEM_ARG,             /* x, y (int64): ArgMax, ArgMin */
    PROBLEM_SCAN,            /* x, y: CumSum */
    PROBLEM_TOPK,            /* x, values, indices (int64) */
    PROBLEM_ATTENTION,       /* q, k, v [, mask], y [, lse] */
    PROBLEM_ATTENTION_GRAD,  /* dy, q, k, v, y, lse [, mask], dq, dk, dv */
    PROBLEM_CUSTOM,          /* a host's operator: inputs, outputs */
    PROBLEM_KIND_COUNT
} problem_kind;

/* What a stored number of B stands for: (stored - zero) * scale. One scale for `block` rows along k (0: for all of them) and,
 * where per_column, for one column: [n] or, with blocks, [k / block][n], transposed as B is. Zeros lie like scales, in B's own
 * type. */
typedef struct gemm_scales {
    bool present, zeros, per_column;
    int64_t block;
} gemm_scales;

/* C[b] = op(A[b]) op(B[b]), row-major, then the epilogue; batch strides in elements, 0: shared. Batches are either one uniform
 * stride each, or (batch_rank > 1) a multi-dimensional broadcast. */
typedef struct gemm_problem {
    int64_t m, n, k;
    bool transpose_a, transpose_b;              /* A stored [k][m]; B stored [n][k] */
    int batch_rank;                             /* 0: no batch */
    int64_t batch[6], stride_a[6], stride_b[6]; /* outermost first; C is dense */
    float alpha;
    bool b_constant; /* B's content never changes: prepare() may pack it */
    /* Storage of B and C where it is not the problem's (NONE: it is): weights in a narrower type than A (float16, bfloat16, int8,
     * uint8), or bytes times bytes (each int8 or uint8), whose sums are int32. */
    socle_dtype b_dtype, c_dtype;
    gemm_scales scales; /* of narrow weights */
} gemm_problem;

/* How images lie: as ONNX has them, or in blocks of 16 channels, [batch][channels / 16][spatial ...][16] (a multiple of 16
 * channels). The planner chooses: lib/plan/layouts.c. */
typedef enum conv_layout {
    CONV_PLAIN,
    CONV_INTO_BLOCKS, /* only y in blocks: where a network begins */
    CONV_IN_BLOCKS    /* x and y in blocks */
} conv_layout;

typedef struct conv_problem {
    conv_geometry g;
    bool w_constant;
    conv_layout layout;
    socle_dtype w_dtype, y_dtype; /* storage of w and y where it is not the problem's: bytes, whose sums are int32 */
    int pad_value;                /* what lies around images of bytes: what stands for 0 there */
} conv_problem;

typedef struct pool_problem {
    conv_geometry g;
    bool maximum, count_include_pad, indices; /* indices: a second output, int64 as in ONNX */
    bool in_blocks;                           /* x and y in blocks of 16 channels: see conv_layout */
} pool_problem;

/* x viewed as [outer][axis][inner] */
typedef struct softmax_problem {
    int64_t outer, axis, inner;
    bool logarithm;
} softmax_problem;

/* y = (x - mean) / sqrt(variance + epsilon) * scale + bias over x viewed as [outer][groups-of-normalized]: rows of `row`
 * elements. Element j of row r takes scale[((r % scale_rows) * row + j) / scale_block]: layer norm: scale_rows 1, scale_block 1;
 * instance norm: scale_rows C, scale_block = spatial; group norm with per-channel scale: scale_rows = groups, scale_block =
 * spatial. */
typedef struct norm_problem {
    int64_t rows, row, scale_rows, scale_block;
    float epsilon;
    bool has_scale, has_bias, statistics; /* statistics: outputs mean and inverse standard deviation per row */
    bool root_mean_square;                /* the mean counts as 0 */
    /* Of the gradient: there always is a scale, has_bias asks for dbias, and statistics are made anew from x. */
} norm_problem;

/* y = (x - mean) * inverse * scale + bias, with mean, variance and inverse = 1 / sqrt(variance + epsilon) of each channel of x
 * [batch][channels][pixels], all of them one number per channel; and the gradient, in which mean and inverse are given. */
typedef struct batch_norm_problem {
    int64_t batch, channels, pixels;
    float epsilon;
} batch_norm_problem;

/* data [outer][axis][inner], indices [count] (GATHER) or elementwise (elements: data and indices of equal rank) */
typedef struct gather_problem {
    int64_t outer, axis, inner, count; /* count: indices per outer (elements: the indices' extent along the axis) */
    bool elements;                     /* GatherElements / ScatterElements semantics */
    socle_dtype index_dtype;           /* INT32 or INT64 */
    int rank, axis_index;              /* elements with differing other dims */
    int64_t data_dims[SOCLE_MAX_RANK], index_dims[SOCLE_MAX_RANK];
    int reduction; /* scatter: 0 none, 1 add, 2 mul, 3 max, 4 min */
} gather_problem;

typedef struct arg_problem {
    int64_t outer, axis, inner;
    bool minimum, last;
} arg_problem;

/* y[i] = the sum of x[0..i] along the axis; exclusive: of x[0..i-1]; reverse: from the end. */
typedef struct scan_problem {
    int64_t outer, axis, inner;
    bool exclusive, reverse;
} scan_problem;

/* The k largest (or smallest) elements along the axis in order, equal ones by their index; a NaN is larger than any number. */
typedef struct topk_problem {
    int64_t outer, axis, inner, k;
    bool smallest;
} topk_problem;

/* y = softmax(cap(scale q k^T) + mask) v for each batch and head, where cap(s) = softcap tanh(s / softcap). Rows have `head` (v
 * and y: `value`) elements next to each other; strides in elements of batch, head and row. Heads of q share those of k and v in
 * equal runs. A query that no key is open to gives 0. lse: for each batch, head and query the logarithm of the sum of
 * exponentials that softmax divides by, infinity where no key is open. */
typedef struct attention_problem {
    int64_t batch, heads, kv_heads, queries, keys, head, value;
    int64_t stride_q[3], stride_k[3], stride_v[3], stride_y[3];
    bool causal; /* query i sees keys 0..i + offset */
    int64_t offset;
    float scale, softcap;   /* softcap 0: none */
    socle_dtype mask;       /* NONE, BOOL (true: open) or the dtype of q (added) */
    int64_t stride_mask[4]; /* of batch, head, query, key; 0: broadcast */
    int64_t mask_count;     /* elements */
    bool log_sums;          /* of the forward pass: a second result, lse */
} attention_problem;

#define PROBLEM_MAX_OPERANDS 24

typedef struct problem {
    problem_kind kind;
    socle_dtype dtype; /* storage of the data; accumulation is float32 (float64 for FLOAT64) */
    union {
        gemm_problem gemm;
        conv_problem conv;
        pool_problem pool;
        softmax_problem softmax;
        norm_problem norm;
        batch_norm_problem batch_norm;
        gather_problem gather;
        arg_problem arg;
        scan_problem scan;
        topk_problem topk;
        attention_problem attention;
    };
    const socle_graph *graph; /* for the epilogue and CUSTOM; may be NULL when there is none */
    node_id node;             /* CUSTOM */
    const epilogue *epilogue; /* NULL: none */
    bool deterministic;       /* exclude ways whose result depends on timing */
    bool strict_accuracy;     /* exclude ways whose rounding errors are larger than those of plain sums */
    bool allow_tf32;          /* float32 factors may be rounded to TF32, unless strict_accuracy */
} problem;

/* How B, or the weights, of a product or convolution are stored; and its results, behind the epilogue. */
socle_dtype problem_weight_dtype(const problem *p);
socle_dtype problem_result_dtype(const problem *p);
/* A product or convolution of bytes. */
static inline bool problem_is_bytes(const problem *p)
{
    return dtype_is_byte(p->dtype);
}
/* Ways to run it use instructions that must have been probed (instructions_probe). */
static inline bool problem_wants_instructions(const problem *p)
{
    return problem_is_bytes(p) || p->dtype == SOCLE_BFLOAT16 || p->dtype == SOCLE_FLOAT16 || p->allow_tf32;
}

/* Bytes and floating-point operations that the problem must move and do at least. */
double problem_flops(const problem *p);
double problem_bytes(const problem *p);
size_t problem_real_bytes(const problem *p); /* of a number in which sums are made */
/* Text that names the problem, for the store's keys and for people: "gemm 32x128x64 nt f32 relu". out: at least 256 bytes. */
void problem_text(const problem *p, char *out, size_t capacity);

/* What an operand of a problem is, in the order of problem_kind, then the epilogue's (operands.c). */
typedef struct problem_operand {
    socle_dtype dtype;
    int64_t count; /* elements */
    bool is_output;
    bool is_weight;      /* constant, so that prepare() may pack it */
    int64_t index_limit; /* > 0: holds indices in 0..index_limit-1 */
} problem_operand;

/* Fills out[0..*data_count) with the data operands and behind them the epilogue's; returns their total number. out: room for
 * PROBLEM_MAX_OPERANDS + EPILOGUE_MAX_OPERANDS. */
int problem_operands(const problem *p, problem_operand *out, int *data_count);

/* ---- tunings ---- */

#define TUNING_MAX 8
typedef struct tuning {
    int value[TUNING_MAX]; /* meaning is the solver's own; 0s: its default */
} tuning;

/* ---- solvers ---- */

/* Operand numbers that emit and prepare put into their steps. */
typedef struct solver_operands {
    int data[PROBLEM_MAX_OPERANDS];   /* in the order listed at problem_kind; GRAPH_NONE where absent */
    int extra[EPILOGUE_MAX_OPERANDS]; /* the epilogue's */
    int workspace;                    /* when workspace_bytes > 0 */
    int prepared;                     /* when prepared_bytes > 0 */
} solver_operands;

typedef struct solver {
    const char *name; /* "gemm/packed" */
    problem_kind kind;
    /* Can it run this problem on this device, always and exactly within its tolerance? */
    bool (*applicable)(const problem *p, const socle_device *device);
    /* Tunings worth trying, the default first; at most capacity; returns how many (at least 1). */
    int (*candidates)(const problem *p, const socle_device *device, tuning *out, int capacity);
    /* Rough seconds, for ranking before anything was measured; NULL: roofline of the profile at a share of the peak. */
    double (*estimate)(const problem *p, const socle_device *device, const tuning *t);
    size_t (*workspace_bytes)(const problem *p, const socle_device *device, const tuning *t); /* NULL: 0 */
    /* Weights in the solver's own layout, written once by `prepare`'s steps from the original operand. NULL: none. When
     * prepared_bytes > 0 the original constant is not kept on the device. */
    size_t (*prepared_bytes)(const problem *p, const socle_device *device, const tuning *t);
    socle_status (*prepare)(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                            step_list *steps);
    socle_status (*emit)(const problem *p, const socle_device *device, const tuning *t, const solver_operands *operands,
                         step_list *steps);
    bool epilogues; /* applies the problem's epilogue itself; else the planner runs it as a step of its own */
} solver;

/* The table (solvers.c), ended by count. */
extern const solver *const solver_table[];
extern const int solver_count;

const solver *solver_find(const char *name); /* NULL: none */
/* Lets go of what libraries behind solvers keep of OpenCL contexts: before a context is destroyed. */
void solver_forget_contexts(void);
/* Solvers that apply, at most capacity; the always-applicable fallback is last. 0: the operator cannot run (message set: node,
 * types). */
int solver_candidates(const problem *p, const socle_device *device, const solver **out, int capacity);
bool solver_exists(const problem *p, const socle_device *device); /* one applies; no message where none does */

/* Describes an anchor node (with its epilogue, may be NULL) as a problem, with the values of its operands in the order of
 * problem_kind. Errors: UNSUPPORTED naming the node. */
socle_status problem_from_node(const socle_graph *graph, node_id node, const epilogue *e, bool inference, problem *p,
                               value_id *operands, int *operand_count);

#endif
