#include "gather.h"

const char *gather_index_type(const gather_problem *g)
{
    return g->index_dtype == SOCLE_INT32 ? "int" : "long";
}

const char *gather_copy_type(socle_dtype dtype)
{
    switch (socle_dtype_size_bytes(dtype)) {
    case 1:
        return "uchar";
    case 2:
        return "ushort";
    case 4:
        return "uint";
    case 8:
        return "ulong";
    default:
        return NULL;
    }
}

void gather_strides(const int64_t *dims, int rank, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i];
    }
}

int64_t gather_count(const int64_t *dims, int rank, int skip)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (i != skip)
            count *= dims[i];
    return count;
}

void gather_define_offset(text *out, const char *name, const int64_t *dims, int rank, int skip, int without,
                          const int64_t *strides)
{
    int64_t inner = 1;
    text_addf(out, "#define %s(i) (0L", name);
    for (int d = rank - 1; d >= 0; d--) {
        if (d == skip)
            continue;
        if (d != without && dims[d] > 1)
            text_addf(out, " + (i) / %lldL %% %lldL * %lldL", (long long)inner, (long long)dims[d], (long long)strides[d]);
        inner *= dims[d];
    }
    text_add(out, ")\n");
}

void gather_define_lines(text *out, const gather_problem *g)
{
    int64_t strides[SOCLE_MAX_RANK];
    gather_strides(g->data_dims, g->rank, strides);
    gather_define_offset(out, "DATA_OFFSET", g->index_dims, g->rank, g->axis_index, -1, strides);
    gather_strides(g->index_dims, g->rank, strides);
    gather_define_offset(out, "INDEX_OFFSET", g->index_dims, g->rank, g->axis_index, -1, strides);
}

int64_t gather_index_inner(const gather_problem *g)
{
    int64_t strides[SOCLE_MAX_RANK] = {1};
    gather_strides(g->index_dims, g->rank, strides);
    return strides[g->axis_index];
}
