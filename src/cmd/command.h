/*
 * Subcommands: one small file each, one line here.
 *
 * A command gets its own words: argv[0] is the command's name.  It returns the exit status.
 */
#ifndef WHERRY_CMD_COMMAND_H
#define WHERRY_CMD_COMMAND_H

/* name, what it is for */
#define COMMANDS(X)                                                                                                    \
	X(server, "run a cluster's control plane, and this host as its node")                                          \
	X(agent, "make this host a node of a cluster")                                                                 \
	X(image, "import, pull, list and remove the node's images")                                                    \
	X(kubeconfig, "print a kubeconfig with a new certificate of the cluster")                                      \
	X(dns, "answer the cluster's names; a node starts it")                                                         \
	X(reset, "undo all that a node left on this host")                                                             \
	X(version, "print the version")

#define X(name, help) int command_##name(int argc, char **argv);
COMMANDS(X)
#undef X

#endif
