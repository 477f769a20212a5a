/* Names in an ONNX file: checked text, and a hash table of every value's name with where it comes from. */
#include "onnx.h"

#include <string.h>

/* Length of the UTF-8 sequence at `at`, 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const uint8_t *at, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    uint32_t code = length == 1 ? at[0] : at[0] & (0xffu >> (length + 1));
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

socle_status onnx_check_text(wire_span text, const char *what)
{
    if (text.size > ONNX_MAX_NAME_BYTES)
        return socle_fail(SOCLE_INVALID_FILE, "%s has a name of %zu bytes: at most %d are read", what, text.size,
                          ONNX_MAX_NAME_BYTES);
    for (size_t i = 0, length; i < text.size; i += length) {
        length = utf8_length(text.bytes + i, text.size - i);
        if (length == 0 || text.bytes[i] < 0x20 || text.bytes[i] == 0x7f)
            return socle_fail(SOCLE_INVALID_FILE, "%s has a name that is not printable text: the file is damaged", what);
    }
    return SOCLE_OK;
}

char *onnx_string(wire_span text)
{
    char *copy = memory_alloc(text.size + 1);
    if (copy != NULL && text.size > 0)
        memcpy(copy, text.bytes, text.size);
    return copy;
}

/* ---- the table ---- */

socle_status onnx_names_create(onnx_names *names, int capacity)
{
    names->slot_count = 16;
    while (names->slot_count < 2u * (uint32_t)capacity)
        names->slot_count *= 2;
    names->entries = memory_alloc_array((size_t)capacity, sizeof(*names->entries));
    names->slots = memory_alloc_array(names->slot_count, sizeof(*names->slots));
    if (names->entries == NULL || names->slots == NULL)
        return SOCLE_OUT_OF_MEMORY;
    names->capacity = capacity;
    memset(names->slots, 0xff, names->slot_count * sizeof(*names->slots));
    return SOCLE_OK;
}

void onnx_names_finish(onnx_names *names)
{
    memory_free(names->entries);
    memory_free(names->slots);
    *names = (onnx_names){0};
}

/* The slot that holds `text`, or the free one where it would go. */
static int32_t *find_slot(const onnx_names *names, wire_span text)
{
    uint32_t slot = (uint32_t)hash_bytes(text.bytes, text.size).low & (names->slot_count - 1);
    while (names->slots[slot] >= 0) {
        const wire_span other = names->entries[names->slots[slot]].text;
        if (other.size == text.size && memcmp(other.bytes, text.bytes, text.size) == 0)
            break;
        slot = (slot + 1) & (names->slot_count - 1);
    }
    return &names->slots[slot];
}

onnx_name *onnx_names_find(const onnx_names *names, wire_span text)
{
    const int32_t entry = *find_slot(names, text);
    return entry < 0 ? NULL : &names->entries[entry];
}

socle_status onnx_names_add(onnx_names *names, wire_span text, int producer)
{
    socle_status status = onnx_check_text(text, "a value");
    int32_t *slot = find_slot(names, text);
    if (status != SOCLE_OK)
        return status;
    if (*slot >= 0)
        return socle_fail(SOCLE_INVALID_FILE, "value '%.*s' is defined twice: export the model again", (int)text.size,
                          (const char *)text.bytes);
    if (names->count == names->capacity)
        return socle_fail(SOCLE_INTERNAL, "the table of names is full");
    *slot = names->count;
    names->entries[names->count++] = (onnx_name){.text = text, .producer = producer, .value = GRAPH_NONE};
    return SOCLE_OK;
}
