/* wherry: finds the subcommand and runs it. */
#include <stdio.h>

#include "base/alloc.h"
#include "cmd/command.h"

static const struct {
	const char *name, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
#define X(name, help) {#name, help, command_##name},
	COMMANDS(X)
#undef X
};

static void usage(FILE *out)
{
	fprintf(out, "wherry is Kubernetes in one program.\n\nUsage:\n  wherry COMMAND [flags]\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n\"wherry COMMAND --help\" tells a command's flags.\n");
}

int main(int argc, char **argv)
{
	alloc_init();
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "wherry: unknown command \"%s\"; \"wherry help\" lists them\n", argv[1]);
	return 2;
}
