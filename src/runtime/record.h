/*
 * What the built-in runtime remembers of a sandbox or a container, and its form on disk.
 *
 *	DATA/pods/SANDBOX/sandbox.json
 *	DATA/pods/SANDBOX/CONTAINER/container.json
 *	DATA/pods/SANDBOX/CONTAINER/exit		written by the shim
 *	DATA/pods/SANDBOX/CONTAINER/layers		one folder name a line: keeps image layers (image.h)
 *	DATA/pods/SANDBOX/CONTAINER/upper, work		overlayfs's
 *
 * A record is JSON, written by one table that reads it too, and replaced at once.  Copying a configuration into the
 * runtime goes the same way, out and in again: what is remembered now is what a restart will find.  Unknown members are
 * skipped and missing ones are zero, so releases before and after read each other's records.
 */
#ifndef WHERRY_RUNTIME_RECORD_H
#define WHERRY_RUNTIME_RECORD_H

#include "base/buf.h"
#include "runtime/runtime.h"
#include "sys/process.h"

struct sandbox_record {
	struct str id;
	struct runtime_sandbox_config config;
	enum runtime_sandbox_state state;
	int64_t created_at;
	struct runtime_ips ips;
	struct str cgroup; /* parent of its containers' groups */
	struct str boot_id;
	struct process_id shim, pause;
};

struct container_record {
	struct str id, sandbox_id;
	struct runtime_container_config config;
	enum runtime_container_state state;
	int64_t created_at, started_at, finished_at;
	int32_t exit_code;
	struct str reason, message;
	struct str image_id, image_ref;
	struct str cgroup;
	struct process_id process;
	bool has_user;
	int64_t user_uid, user_gid;
	struct runtime_ints user_groups;
	struct str stop_signal; /* of the image or the configuration */
};

void sandbox_record_write(const struct sandbox_record *record, struct buf *out);
void container_record_write(const struct container_record *record, struct buf *out);
/* Everything lands in the arena. */
int sandbox_record_read(struct str text, struct arena *arena, struct sandbox_record *ret, struct error *err) MUST_CHECK;
int container_record_read(struct str text, struct arena *arena, struct container_record *ret,
			  struct error *err) MUST_CHECK;

#endif
