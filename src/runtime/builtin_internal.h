/*
 * The built-in runtime's state, shared by its files; see builtin.h.
 *
 * Locks.  builtin.lock guards the lists, every member of sandbox and container, and the records in them; it is held for
 * look-ups and changes of state and for writing a record, never for anything that waits.  `busy` marks an object some
 * operation is working on; another that wants to waits on builtin.changed.  An object is freed when nobody references
 * it and it is out of its list.
 *
 * Threads.  Callers', and one of our own that listens to the shims (builtin_events.c).
 */
#ifndef WHERRY_RUNTIME_BUILTIN_INTERNAL_H
#define WHERRY_RUNTIME_BUILTIN_INTERNAL_H

#include "base/list.h"
#include "runtime/builtin.h"
#include "runtime/image.h"
#include "runtime/oci.h"
#include "runtime/record.h"
#include "runtime/shim_client.h"
#include "sys/cgroup.h"
#include "sys/thread.h"

#define SHIM_TIMEOUT_MS	 10000
#define START_TIMEOUT_MS 120000
#define KILL_TIMEOUT_MS	 30000

struct sandbox {
	struct list link;
	struct arena arena;
	struct sandbox_record record;
	struct list containers;
	char *run_dir, *data_dir;
	int events_fd; /* subscription to its shim, or -1 */
	bool busy, gone;
	unsigned refs;
};

struct container {
	struct list link; /* sandbox.containers */
	struct sandbox *sandbox;
	struct arena arena;
	struct container_record record;
	char *run_dir, *data_dir;
	bool busy, gone;
	/* The shim said it ended, perhaps before we know that it started. */
	bool exit_known, exit_oom;
	int exit_code;
	int64_t exit_time;
	unsigned refs;
};

struct builtin {
	struct runtime runtime;
	struct builtin_config config;
	struct arena arena; /* the configuration's strings */
	struct str shim_path, oci_path, boot_id, oci_root, shims_cgroup, pods_cgroup;
	bool is_crun;
	int oom_score_floor;
	uint64_t bounding;
	struct cgroup_host cgroups;
	struct image_store *images;

	struct mutex lock;
	struct cond changed;
	struct list sandboxes;

	struct thread *events;
	int epoll_fd, wake_fd; /* of the events thread */
	bool ending;
};

static inline struct builtin *builtin_of(struct runtime *rt)
{
	return CONTAINER_OF(rt, struct builtin, runtime);
}

/* builtin.c: look-ups, with builtin.lock held */
struct sandbox *sandbox_get(struct builtin *b, struct str id);
struct container *container_get(struct builtin *b, struct str id);
/* Waits until it is not busy and makes it so, with a reference; NULL: gone meanwhile, or never there. */
struct sandbox *sandbox_begin(struct builtin *b, struct str id);
struct container *container_begin(struct builtin *b, struct str id);
void sandbox_end(struct builtin *b, struct sandbox *sandbox);
void container_end(struct builtin *b, struct container *container);
void sandbox_unref(struct sandbox *sandbox);
void container_unref(struct container *container);
struct sandbox *sandbox_new(struct builtin *b, struct str id);
struct container *container_new(struct builtin *b, struct sandbox *sandbox, struct str id);
int sandbox_save(struct sandbox *sandbox, struct error *err) MUST_CHECK;
int container_save(struct container *container, struct error *err) MUST_CHECK;
void builtin_emit(struct builtin *b, enum runtime_event_type type, const struct container *container);
/* 64 random hexadecimal digits. */
struct str builtin_new_id(struct arena *arena);

/* builtin_sandbox.c */
int builtin_run_pod_sandbox(struct runtime *rt, const struct runtime_sandbox_config *config, struct arena *arena,
			    struct str *ret_id, struct error *err) MUST_CHECK;
int builtin_stop_pod_sandbox(struct runtime *rt, struct str id, struct error *err) MUST_CHECK;
int builtin_remove_pod_sandbox(struct runtime *rt, struct str id, struct error *err) MUST_CHECK;
/* Takes away mounts, pins, network and shim of one that is stopped; everything is tried, the first failure returned. */
int sandbox_tear_down(struct builtin *b, struct sandbox *sandbox, struct error *err) MUST_CHECK;

/* builtin_files.c: hosts, resolv.conf, hostname */
int sandbox_write_files(struct sandbox *sandbox, struct error *err) MUST_CHECK;
struct str sandbox_hostname(const struct sandbox *sandbox, struct arena *arena);

/* builtin_container.c */
int builtin_create_container(struct runtime *rt, struct str sandbox_id, const struct runtime_container_config *config,
			     const struct runtime_sandbox_config *sandbox_config, struct arena *arena,
			     struct str *ret_id, struct error *err) MUST_CHECK;
int builtin_start_container(struct runtime *rt, struct str id, struct error *err) MUST_CHECK;
int builtin_stop_container(struct runtime *rt, struct str id, int64_t timeout_s, struct error *err) MUST_CHECK;
int builtin_remove_container(struct runtime *rt, struct str id, struct error *err) MUST_CHECK;
int builtin_update_container_resources(struct runtime *rt, struct str id,
				       const struct runtime_linux_resources *resources, struct error *err) MUST_CHECK;
int builtin_reopen_container_log(struct runtime *rt, struct str id, struct error *err) MUST_CHECK;
/*
 * It has ended: what is left of it (processes, cgroup, mount, the OCI runtime's state) goes, its record says how, and
 * whoever waits or listens is told.  The container is not locked; the caller has a reference.
 */
void container_finish(struct builtin *b, struct container *container, int code, int64_t time, bool oom,
		      const char *reason);
/* The message the OCI runtime left for a start or an exec. */
struct str container_oci_message(const char *path, struct arena *arena);

/* builtin_spec.c: what an OCI configuration is made from */
struct container_spec {
	struct arena arena;
	struct oci_spec oci;
	struct image_config image;
	struct user user;
};
int container_spec_load(struct builtin *b, struct container *container, struct container_spec *ret,
			struct error *err) MUST_CHECK;
void container_spec_release(struct container_spec *spec);
/* The OCI runtime's name and its options up to the verb. */
void builtin_put_oci_argv(struct builtin *b, struct shim_call *call, struct str log, const char *verb);
struct str builtin_console_path(struct builtin *b, struct arena *arena);

/* builtin_exec.c */
int builtin_exec(struct runtime *rt, const struct runtime_exec_request *request, struct runtime_stream **ret,
		 struct error *err) MUST_CHECK;
int builtin_exec_sync(struct runtime *rt, const struct runtime_exec_request *request, int64_t timeout_ms,
		      struct arena *arena, struct runtime_exec_result *ret, struct error *err) MUST_CHECK;
int builtin_attach(struct runtime *rt, const struct runtime_exec_request *request, struct runtime_stream **ret,
		   struct error *err) MUST_CHECK;
int builtin_port_forward(struct runtime *rt, struct str sandbox_id, uint16_t port, int *ret_fd,
			 struct error *err) MUST_CHECK;

/* builtin_status.c */
int builtin_pod_sandbox_status(struct runtime *rt, struct str id, struct arena *arena,
			       struct runtime_sandbox_status *ret, struct error *err) MUST_CHECK;
int builtin_list_pod_sandboxes(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
			       struct runtime_sandbox_list *ret, struct error *err) MUST_CHECK;
int builtin_container_status(struct runtime *rt, struct str id, struct arena *arena,
			     struct runtime_container_status *ret, struct error *err) MUST_CHECK;
int builtin_list_containers(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
			    struct runtime_container_list *ret, struct error *err) MUST_CHECK;
int builtin_list_container_stats(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
				 struct runtime_container_stats_list *ret, struct error *err) MUST_CHECK;

/* builtin_events.c */
int builtin_events_start(struct builtin *b, struct error *err) MUST_CHECK;
void builtin_events_stop(struct builtin *b);
/* Subscribes to a shim's news. */
int sandbox_subscribe(struct builtin *b, struct sandbox *sandbox, struct error *err) MUST_CHECK;
void sandbox_unsubscribe(struct builtin *b, struct sandbox *sandbox);
/* Its shim is gone: its containers are ended and reported.  A reference is held by the caller. */
void sandbox_shim_died(struct builtin *b, struct sandbox *sandbox);

/* builtin_adopt.c */
int builtin_adopt(struct builtin *b, struct error *err) MUST_CHECK;

/* builtin_image.c */
int builtin_list_images(struct runtime *rt, struct arena *arena, struct runtime_image_list *ret,
			struct error *err) MUST_CHECK;
int builtin_image_status(struct runtime *rt, struct str image, struct arena *arena, struct runtime_image *ret,
			 struct error *err) MUST_CHECK;
int builtin_pull_image(struct runtime *rt, struct str image, const struct runtime_auth *auth, struct arena *arena,
		       struct str *ret_ref, struct error *err) MUST_CHECK;
int builtin_remove_image(struct runtime *rt, struct str image, struct error *err) MUST_CHECK;
int builtin_image_fs_info(struct runtime *rt, struct arena *arena, struct runtime_filesystem_usage *ret,
			  struct error *err) MUST_CHECK;

#endif
