/* The command `socle`: one binary, a subcommand each for what the library can do. */
#include "command.h"

#include <signal.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} subcommands[] = {
    {"devices", command_devices, "every OpenCL device, and why one was refused"},
    {"profile", command_profile, "measures each device and keeps the figures"},
    {"bench", command_bench, "benchmarks products, convolutions, devices or a model, beside peers"},
    {"plan", command_plan, "what would run where, and why"},
    {"run", command_run, "one inference, or many timed ones"},
    {"train", command_train, "trains a model on the devices that measure fastest"},
    {"new", command_new, "writes an untrained network"},
    {"tune", command_tune, "searches the fastest algorithms for a model, and keeps them"},
    {"cache", command_cache, "compiled programs, tunings and profiles that are kept"},
    {"doctor", command_doctor, "checks OpenCL, the devices and the cache, and says what to do"},
};

static void print_help(FILE *to)
{
    fputs("Usage: socle SUBCOMMAND [options]\n\n"
          "Trains and runs neural networks on any OpenCL device.\n\n",
          to);
    for (size_t i = 0; i < COUNT_OF(subcommands); i++)
        fprintf(to, "  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\nsocle SUBCOMMAND --help tells more. Environment: SOCLE_CACHE_DIR, SOCLE_DEVICES, SOCLE_LOG.\n"
          "Example: socle devices\n",
          to);
}

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error like a full disk, not the end of the process */
    if (argc < 2) {
        print_help(stderr);
        return WRONG_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return output_finish();
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("socle %s\n", socle_version());
        return output_finish();
    }
    for (size_t i = 0; i < COUNT_OF(subcommands); i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "socle: %s: no such subcommand: see socle --help\n", argv[1]);
    return WRONG_USAGE;
}
