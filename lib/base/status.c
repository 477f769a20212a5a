/* Names of codes, of element types and of this version: each from its one list. */
#include "base.h"

/* The one place that holds the version: the build reads it from this line. */
#define SOCLE_VERSION "0.1.0"

const char *socle_status_text(socle_status status)
{
    switch (status) {
#define STATUS_TEXT(name, value, text)                                                                                           \
    case SOCLE_##name:                                                                                                           \
        return text;
        SOCLE_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

const char *socle_version(void)
{
    return SOCLE_VERSION;
}

static const struct {
    const char *name;
    size_t size_bytes;
} dtypes[] = {
#define DTYPE_ROW(name, text, bytes, onnx) {text, bytes},
    SOCLE_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

const char *socle_dtype_name(socle_dtype dtype)
{
    return (unsigned)dtype < COUNT_OF(dtypes) ? dtypes[dtype].name : "unknown";
}

size_t socle_dtype_size_bytes(socle_dtype dtype)
{
    return (unsigned)dtype < COUNT_OF(dtypes) ? dtypes[dtype].size_bytes : 0;
}
