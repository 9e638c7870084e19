/* wherry kubeconfig: a new client certificate of this host's cluster, as a kubeconfig on standard output. */
#include <fcntl.h>
#include <stdio.h>

#include "apiserver/keys.h"
#include "base/clock.h"
#include "cmd/command.h"
#include "component/flags.h"

struct kubeconfig_options {
	struct str data_dir, client_name, server;
	struct flag_list orgs;
};

#define OPTION(member) offsetof(struct kubeconfig_options, member)

static const struct flag flags[] = {
	{"client-name", 0, FLAG_STRING, OPTION(client_name), "NAME", "user name: the certificate's common name"},
	{"org", 0, FLAG_LIST, OPTION(orgs), "GROUP", "group of the user; may be given several times"},
	{"server", 0, FLAG_STRING, OPTION(server), "URL", "address of the API server"},
	{"data-dir", 'd', FLAG_STRING, OPTION(data_dir), "DIR", "folder of the cluster's data"},
};

static int print(const struct kubeconfig_options *options, struct error *err)
{
	struct arena cleanup_arena arena = {0};
	struct cluster_keys *keys = NULL;
	struct str path = arena_concat(&arena, options->data_dir, STR("/server/pki")), cert, key, text;
	int cleanup_close directory = open(str_c(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (directory < 0)
		return error_set_errno(err, errno, "folder " STR_FMT, STR_ARG(path));
	result = cluster_keys_open_authority(directory, &keys, err);
	if (result == 0)
		result = cluster_keys_sign_client(keys, options->client_name, options->orgs.items, options->orgs.len,
						  clock_wall_ns() / NS_PER_SEC, &arena, &cert, &key, err);
	if (result == 0) {
		text = kubeconfig_text(options->server, keys->ca_pem, options->client_name, cert, key, &arena);
		fwrite(text.data, 1, text.len, stdout);
	}
	cluster_keys_free(keys);
	return result;
}

int command_kubeconfig(int argc, char **argv)
{
	struct kubeconfig_options options = {.data_dir = STR("/var/lib/wherry"),
					     .server = STR("https://127.0.0.1:6443")};
	const struct kubeconfig_options defaults = options;
	struct error err = {0};
	bool help;
	int words = flags_parse(flags, ARRAY_LEN(flags), argc, argv, &options, &help, &err);

	if (words >= 0 && help) {
		printf("Prints a kubeconfig with a new certificate of the cluster whose server runs on this host.\n\n"
		       "Usage:\n  wherry kubeconfig --client-name NAME [--org GROUP]...\n\nFlags:\n");
		flags_usage(flags, ARRAY_LEN(flags), &defaults, stdout);
		return 0;
	}
	if (words >= 0 && options.client_name.len == 0)
		(void)!error_set(&err, ERR_BAD_REQUEST, "--client-name is missing");
	if (err.code || print(&options, &err) < 0) {
		fprintf(stderr, "wherry kubeconfig: %s\n", err.message);
		return err.code == ERR_BAD_REQUEST ? 2 : 1;
	}
	return 0;
}
