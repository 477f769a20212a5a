/* Growing text: additions need no checks; whether memory ran out is asked once, when the text is taken. */
#include "base.h"

#include <stdio.h>
#include <string.h>

static bool reserve(text *t, size_t added)
{
    if (t->failed)
        return false;
    const size_t needed = t->length + added + 1;
    if (needed <= t->capacity)
        return true;
    size_t capacity = t->capacity < 64 ? 128 : t->capacity * 2;
    if (capacity < needed)
        capacity = needed;
    char *data = memory_resize(t->data, t->capacity, capacity);
    if (data == NULL) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

static void add_bytes(text *t, const char *bytes, size_t count)
{
    if (!reserve(t, count))
        return;
    memcpy(t->data + t->length, bytes, count);
    t->length += count;
    t->data[t->length] = '\0';
}

void text_add(text *t, const char *string)
{
    add_bytes(t, string, strlen(string));
}

void text_addf(text *t, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        t->failed = true;
    } else if (reserve(t, (size_t)length)) {
        vsnprintf(t->data + t->length, (size_t)length + 1, format, again);
        t->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

/* RFC 8259, section 7: quote, backslash and control characters are escaped, all else stands for itself. */
void text_add_json(text *t, const char *string)
{
    text_add(t, "\"");
    for (const char *start = string; *start != '\0';) {
        const char *end = start;
        while (*end != '\0' && *end != '"' && *end != '\\' && (unsigned char)*end >= 0x20)
            end++;
        add_bytes(t, start, (size_t)(end - start));
        if (*end == '"' || *end == '\\')
            text_addf(t, "\\%c", *end);
        else if (*end == '\n')
            text_add(t, "\\n");
        else if (*end == '\t')
            text_add(t, "\\t");
        else if (*end != '\0')
            text_addf(t, "\\u%04x", (unsigned char)*end);
        start = *end == '\0' ? end : end + 1;
    }
    text_add(t, "\"");
}

void text_finish(text *t)
{
    memory_free(t->data);
    *t = (text){0};
}

char *text_take(text *t)
{
    char *data = NULL;
    if (t->failed)
        socle_fail(SOCLE_OUT_OF_MEMORY, "out of host memory: a text of more than %zu bytes", t->length);
    else if (t->data == NULL)
        data = memory_copy_string("");
    else
        data = t->data;
    if (data != NULL)
        *t = (text){0};
    else
        text_finish(t);
    return data;
}
