/*
 * The built-in runtime: sandboxes as pinned namespaces, containers by crun (else runc), a shim per pod.
 *
 * Everything it owns derives from its configuration: two runtimes with other folders and another cgroup root share
 * nothing.  Its records are in DATA/pods, its images in DATA/images; sockets, pinned namespaces, bundles and crun's
 * state are in RUN, which a boot empties.
 *
 * A new one adopts what an earlier one left: it reads the records, connects to the shims that live, takes the exits
 * that were written while nobody listened, and ends what a dead shim left behind.
 */
#ifndef WHERRY_RUNTIME_BUILTIN_H
#define WHERRY_RUNTIME_BUILTIN_H

#include "runtime/runtime.h"

/* The pod network's face towards the runtime; podnet provides it, cmd joins the two. */
struct runtime_network_pod {
	struct str sandbox_id, name, namespace_, uid;
	struct str netns_path;
	const struct runtime_port_mapping *port_mappings;
	size_t port_mappings_len;
	struct runtime_pairs annotations;
};
struct runtime_network_ops {
	/* Gives the namespace its links, addresses and routes; lo is up already.  Addresses go to @arena. */
	int (*attach)(void *data, const struct runtime_network_pod *pod, struct arena *arena, struct runtime_ips *ret,
		      struct error *err);
	/* Undoes it, also half of it, also when the namespace is gone; again is harmless. */
	int (*detach)(void *data, const struct runtime_network_pod *pod, struct error *err);
	/* Is the network ready for pods?  The reason and message go to @arena. */
	bool (*ready)(void *data, struct arena *arena, struct str *ret_reason, struct str *ret_message);
};

struct registry_transport;

struct builtin_config {
	struct str data_dir;	/* DATA/agent */
	struct str run_dir;	/* RUN */
	struct str cgroup_root; /* "/wherry": our own directory in every hierarchy */
	struct str shim_path;	/* "": wherry-shim beside this program */
	struct str oci_runtime; /* path; "": crun, else runc, from PATH */
	struct str version;
	/* How registries are reached (registry_http.h), from the machine's own network; NULL: pulls fail. */
	struct registry_transport *registry;
	const struct runtime_network_ops *network; /* NULL: pods have a loopback and nothing else */
	void *network_data;
	runtime_event_fn *event; /* may be NULL */
	void *event_data;
};

/* Opens it and adopts what runs.  The configuration is copied. */
int builtin_runtime_new(const struct builtin_config *config, struct runtime **ret, struct error *err) MUST_CHECK;

/*
 * On a host where it is needed (hybrid cgroups, which crun refuses), moves this process into a mount namespace of the
 * node's own, made once per boot and pinned under @run_dir; elsewhere it does nothing.  Before any thread is started.
 */
int builtin_enter_mount_namespace(struct str run_dir, struct error *err) MUST_CHECK;

/*
 * Undoes everything a node left on the machine: shims and containers, mounts, pinned namespaces, cgroups under
 * @cgroup_root, and the run folder.  The data folder stays.  For `wherry reset` and tests; nothing may run on them.
 */
int builtin_reset(struct str data_dir, struct str run_dir, struct str cgroup_root, struct error *err) MUST_CHECK;

#endif
