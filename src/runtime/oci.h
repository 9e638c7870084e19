/*
 * The configuration an OCI runtime takes (config.json, and process.json for an exec), written from a container's
 * record.  Pure: no file is read here but a localhost seccomp profile by the caller.
 *
 * What a host may refuse is left out beforehand: capabilities are cut to our own bounding set, and oom_score_adj is not
 * below what we may set.
 */
#ifndef WHERRY_RUNTIME_OCI_H
#define WHERRY_RUNTIME_OCI_H

#include "runtime/image.h"
#include "runtime/record.h"
#include "runtime/user.h"

struct oci_spec {
	const struct sandbox_record *sandbox;
	const struct container_record *container;
	const struct image_config *image;
	const struct user *user;
	struct str run_dir;	    /* of the sandbox: net, ipc, uts, pid, shm, hosts, resolv.conf, hostname */
	struct str hostname;	    /* for HOSTNAME */
	struct str seccomp_profile; /* JSON, or "" for none */
	struct str target_pid_path; /* /proc/N/ns/pid, for RUNTIME_NAMESPACE_TARGET */
	uint64_t bounding;
	int oom_score_floor;
	bool unified_cgroups;
};

/* ERR_INVALID when there is no command. */
int oci_write_config(const struct oci_spec *spec, struct buf *out, struct error *err) MUST_CHECK;
/* The same process with another command. */
int oci_write_process(const struct oci_spec *spec, struct runtime_strs command, bool tty, struct buf *out,
		      struct error *err) MUST_CHECK;
/* The runtime's default seccomp profile, JSON. */
struct str oci_default_seccomp(void);
/* The lowest oom_score_adj this process may give to another. */
int oci_oom_score_floor(void);

#endif
