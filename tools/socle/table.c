/* Tables: cells are collected row by row and printed with the widths they need, or as CSV or Markdown. */
#define _GNU_SOURCE /* vasprintf */
#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table {
    int columns;
    const char *const *titles;
    char **cells;
    int count, capacity;
};

table *table_new(int columns, const char *const *titles)
{
    table *t = calloc(1, sizeof(*t));
    if (t != NULL) {
        t->columns = columns;
        t->titles = titles;
    }
    return t;
}

void table_cell(table *t, const char *format, ...)
{
    va_list arguments;
    char *cell = NULL;
    if (t == NULL)
        return;
    if (t->count == t->capacity) {
        char **cells = realloc(t->cells, (size_t)(t->capacity * 2 + 64) * sizeof(*cells));
        if (cells == NULL)
            return;
        t->cells = cells;
        t->capacity = t->capacity * 2 + 64;
    }
    va_start(arguments, format);
    if (vasprintf(&cell, format, arguments) < 0)
        cell = NULL;
    va_end(arguments);
    t->cells[t->count++] = cell;
}

static const char *title(const table *t, int column)
{
    return t->titles[column] + (t->titles[column][0] == '>');
}

static const char *cell(const table *t, int row, int column)
{
    const int index = row * t->columns + column;
    return row < 0 ? title(t, column) : index < t->count && t->cells[index] != NULL ? t->cells[index] : "";
}

/* Characters, not bytes: all but the following bytes of UTF-8. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_text_row(const table *t, FILE *to, int row, const int *widths)
{
    for (int c = 0; c < t->columns; c++) {
        const char *content = cell(t, row, c);
        const int blanks = widths[c] - width_of(content);
        const bool right = t->titles[c][0] == '>', last = c + 1 == t->columns;
        fprintf(to, "%*s%s%*s%s", right ? blanks : 0, "", content, right || last ? 0 : blanks, "", last ? "\n" : "  ");
    }
}

static void print_csv_row(const table *t, FILE *to, int row)
{
    for (int c = 0; c < t->columns; c++) {
        const char *content = cell(t, row, c);
        const bool quoted = strpbrk(content, ",\"\n") != NULL;
        fputs(quoted ? "\"" : "", to);
        for (; *content != '\0'; content++)
            fprintf(to, *content == '"' ? "\"%c" : "%c", *content);
        fprintf(to, "%s%s", quoted ? "\"" : "", c + 1 < t->columns ? "," : "\n");
    }
}

static void print_markdown_row(const table *t, FILE *to, int row)
{
    for (int c = 0; c < t->columns; c++)
        fprintf(to, "| %s ", cell(t, row, c));
    fputs("|\n", to);
    for (int c = 0; c < t->columns && row < 0; c++)
        fprintf(to, "|%s", t->titles[c][0] == '>' ? "---:" : "---");
    if (row < 0)
        fputs("|\n", to);
}

void table_free(table *t)
{
    for (int i = 0; t != NULL && i < t->count; i++)
        free(t->cells[i]);
    if (t != NULL)
        free(t->cells);
    free(t);
}

void table_print_as(table *t, FILE *to, table_format format)
{
    if (t == NULL)
        return;
    const int rows = (t->count + t->columns - 1) / t->columns;
    int *widths = calloc((size_t)t->columns, sizeof(*widths));
    for (int row = -1; widths != NULL && row < rows; row++) {
        for (int c = 0; c < t->columns; c++) {
            const int width = width_of(cell(t, row, c));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (int row = -1; widths != NULL && row < rows; row++) {
        if (format == TABLE_TEXT)
            print_text_row(t, to, row, widths);
        else if (format == TABLE_CSV)
            print_csv_row(t, to, row);
        else
            print_markdown_row(t, to, row);
    }
    free(widths);
    table_free(t);
}

void table_print(table *t, FILE *to)
{
    table_print_as(t, to, TABLE_TEXT);
}
