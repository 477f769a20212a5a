/* Options of a subcommand from a table: parsing with getopt_long, checking numbers and choices, and the help text. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 64

int usage_error(const char *subcommand, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "socle: %s: ", subcommand);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, ": see socle %s --help\n", subcommand);
    va_end(arguments);
    return WRONG_USAGE;
}

/* ---- help ---- */

static void print_help(const command_usage *usage)
{
    printf("Usage: socle %s\n\n%s\n\n", usage->synopsis, usage->summary);
    for (int i = 0; i < usage->option_count; i++) {
        const option_spec *o = &usage->options[i];
        char left[96];
        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "");
        printf(strlen(left) > 28 ? "  %s\n  %-28s %s\n" : "  %-28s %s%s\n", left, strlen(left) > 28 ? "" : o->help,
               strlen(left) > 28 ? o->help : "");
    }
    printf("  %-28s %s\n\nExample: %s\n", "--help", "this text", usage->example);
}

/* ---- values ---- */

static int set_choice(const char *subcommand, const option_spec *o, const char *value)
{
    char all[256] = "";
    for (int i = 0; o->choices[i] != NULL; i++) {
        if (strcmp(o->choices[i], value) == 0) {
            *(int *)o->target = i;
            return DONE;
        }
        const size_t used = strlen(all);
        snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", o->choices[i]);
    }
    return usage_error(subcommand, "--%s '%s' is none of %s", o->name, value, all);
}

static int set_number(const char *subcommand, const option_spec *o, const char *value)
{
    char *end;
    errno = 0;
    if (o->kind == OPTION_INT) {
        const long long number = strtoll(value, &end, 10);
        if (*value == '\0' || *end != '\0' || errno != 0 || number < o->least)
            return usage_error(subcommand, "--%s '%s' is not a whole number of at least %lld", o->name, value,
                               (long long)o->least);
        *(int64_t *)o->target = number;
        return DONE;
    }
    const double number = strtod(value, &end);
    if (*value == '\0' || *end != '\0' || !isfinite(number) || number < (double)o->least)
        return usage_error(subcommand, "--%s '%s' is not a number of at least %lld", o->name, value, (long long)o->least);
    *(double *)o->target = number;
    return DONE;
}

static int set_option(const char *subcommand, const option_spec *o, const char *value)
{
    text_list *list;
    switch (o->kind) {
    case OPTION_SET:
        *(int *)o->target = 1;
        return DONE;
    case OPTION_CLEAR:
        *(int *)o->target = 0;
        return DONE;
    case OPTION_TEXT:
        *(const char **)o->target = value;
        return DONE;
    case OPTION_CHOICE:
        return set_choice(subcommand, o, value);
    case OPTION_INT:
    case OPTION_NUMBER:
        return set_number(subcommand, o, value);
    case OPTION_LIST:
        list = o->target;
        if (list->count == MAX_LIST)
            return usage_error(subcommand, "--%s is given more than %d times", o->name, MAX_LIST);
        list->items[list->count++] = value;
        return DONE;
    }
    return DONE;
}

/* ---- parsing ---- */

static int parse_all(const command_usage *usage, const struct option *longs, int argc, char **argv, bool *help)
{
    const int help_index = usage->option_count;
    int index, found;
    opterr = 0;
    optind = 1;
    while ((found = getopt_long(argc, argv, ":", longs, &index)) != -1) {
        const char *given = argv[optind - 1];
        if (found == ':')
            return usage_error(argv[0], "%s needs a value", given);
        if (found == '?')
            return usage_error(argv[0], "unknown option %s", given);
        if (index == help_index) {
            *help = true;
            return DONE;
        }
        const int status = set_option(argv[0], &usage->options[index], optarg);
        if (status != DONE)
            return status;
    }
    return DONE;
}

bool options_parse(const command_usage *usage, int argc, char **argv, const char **positional, int *status)
{
    struct option longs[MAX_OPTIONS + 2] = {{0}};
    bool help = false;
    for (int i = 0; i < usage->option_count; i++) {
        const option_kind kind = usage->options[i].kind;
        longs[i] = (struct option){usage->options[i].name,
                                   kind == OPTION_SET || kind == OPTION_CLEAR ? no_argument : required_argument, NULL, 1};
    }
    longs[usage->option_count] = (struct option){"help", no_argument, NULL, 1};
    *status = parse_all(usage, longs, argc, argv, &help);
    if (help) {
        print_help(usage);
        *status = output_finish();
        return false;
    }
    if (*status != DONE)
        return false;
    const int given = argc - optind;
    if (given < usage->least || given > usage->most) {
        *status = given < usage->least ? usage_error(argv[0], "something is missing: socle %s", usage->synopsis)
                                       : usage_error(argv[0], "'%s' is too much", argv[optind + usage->most]);
        return false;
    }
    for (int i = 0; i < usage->most; i++)
        positional[i] = i < given ? argv[optind + i] : NULL;
    return true;
}

/* ---- shapes and assignments ---- */

bool split_assignment(const char *text, size_t *name_length, const char **value)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return false;
    *name_length = (size_t)(equals - text);
    *value = equals + 1;
    return true;
}

int parse_shape(const char *text, int64_t *dims)
{
    for (int rank = 0; rank < SOCLE_MAX_RANK; rank++) {
        char *end;
        errno = 0;
        if (*text < '0' || *text > '9')
            return -1;
        dims[rank] = strtoll(text, &end, 10);
        if (errno != 0 || (*end != '\0' && *end != 'x'))
            return -1;
        if (*end == '\0')
            return rank + 1;
        text = end + 1;
    }
    return -1;
}

bool parse_bindings(const text_list *shapes, socle_shape_binding *bindings, char (*names)[128])
{
    for (int i = 0; i < shapes->count; i++) {
        size_t length;
        const char *value;
        if (!split_assignment(shapes->items[i], &length, &value) || length >= sizeof(names[i]))
            return false;
        memcpy(names[i], shapes->items[i], length);
        names[i][length] = '\0';
        bindings[i] = (socle_shape_binding){.name = names[i]};
        bindings[i].rank = parse_shape(value, bindings[i].dims);
        if (bindings[i].rank < 0)
            return false;
    }
    return true;
}
