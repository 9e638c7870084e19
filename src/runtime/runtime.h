/*
 * What the kubelet asks of whatever runs containers: the Container Runtime Interface as C.
 *
 * Shape and words are CRI's (k8s.io/cri-api, runtime/v1), so that two implementations fit behind one vtable: the
 * built-in runtime (builtin.h) and a client of containerd's or CRI-O's socket; and so that the built-in one can be
 * served as a CRI socket.  The structs are this header's own: nothing here knows the API types, the kubelet translates.
 *
 * Threads: every operation may be called from any thread, several at once, and may block (a container start some
 * 10 ms, a stop as long as its timeout, a pull for minutes).  None may be called from inside an event callback.
 * Operations on one container or sandbox exclude each other inside the runtime, except that exec, attach, status and
 * list never wait for a stop.
 *
 * Ownership: what is passed in is borrowed for the call.  What comes out (strings, lists) is allocated in the caller's
 * arena and shares nothing with the runtime.  Descriptors that come out belong to the caller.
 *
 * Idempotence, as CRI asks: stopping what is stopped or unknown and removing what is unknown succeed; status and start
 * of what is unknown fail with ERR_NOT_FOUND.  Removing a sandbox stops and removes its containers.
 *
 * Identity: ids are 64 hexadecimal digits.  A sandbox id or a container id is never used again, so a stale caller
 * cannot act on something newer.  Nothing runs twice: a container is started at most once, a restart is a new container
 * with attempt + 1.
 *
 *	struct str sandbox, container;
 *	if (runtime_run_pod_sandbox(rt, &pod, &arena, &sandbox, err) < 0 ||
 *	    runtime_create_container(rt, sandbox, &config, &pod, &arena, &container, err) < 0 ||
 *	    runtime_start_container(rt, container, err) < 0)
 *		return error_wrap(err, "...");
 *	... the callback given to the implementation's constructor says RUNTIME_EVENT_CONTAINER_STOPPED ...
 */
#ifndef WHERRY_RUNTIME_RUNTIME_H
#define WHERRY_RUNTIME_RUNTIME_H

#include "base/address.h"
#include "base/arena.h"
#include "base/error.h"

/* A list of strings, and a map as a list of pairs; both borrowed. */
struct runtime_strs {
	const struct str *items;
	size_t len;
};
struct runtime_pair {
	struct str key, value;
};
struct runtime_pairs {
	const struct runtime_pair *items;
	size_t len;
};
struct runtime_ints {
	const int64_t *items;
	size_t len;
};
struct runtime_ips {
	const struct ip_address *items;
	size_t len;
};

/* The value of @key, or the absent string (data == NULL). */
struct str runtime_pairs_get(struct runtime_pairs pairs, struct str key);

/* ---- version and status ---- */

struct runtime_version {
	struct str runtime_name; /* "wherry", "containerd": the scheme of a containerID */
	struct str runtime_version;
	struct str runtime_api_version; /* "v1" */
};

/* Conditions of the runtime, CRI's RuntimeReady and NetworkReady. */
struct runtime_condition {
	struct str type;
	bool status;
	struct str reason, message;
};
#define RUNTIME_READY	      "RuntimeReady"
#define RUNTIME_NETWORK_READY "NetworkReady"

struct runtime_status {
	struct runtime_condition *conditions;
	size_t conditions_len;
	struct str cgroup_driver; /* "cgroupfs" or "systemd" */
};

/* ---- what a sandbox and a container are made from ---- */

/* Who shares a namespace with whom (CRI NamespaceMode). */
enum runtime_namespace_mode {
	RUNTIME_NAMESPACE_POD,	     /* shared by the pod's containers */
	RUNTIME_NAMESPACE_CONTAINER, /* one for each container (pid only) */
	RUNTIME_NAMESPACE_NODE,	     /* the host's */
	RUNTIME_NAMESPACE_TARGET,    /* that of target_id (pid only) */
};

struct runtime_namespace_options {
	enum runtime_namespace_mode network, pid, ipc;
	struct str target_id; /* a container, for RUNTIME_NAMESPACE_TARGET */
};

enum runtime_profile_type { RUNTIME_PROFILE_RUNTIME_DEFAULT, RUNTIME_PROFILE_UNCONFINED, RUNTIME_PROFILE_LOCALHOST };

struct runtime_security_profile {
	enum runtime_profile_type type;
	struct str localhost_ref; /* absolute path of a seccomp profile */
};

enum runtime_protocol { RUNTIME_PROTOCOL_TCP, RUNTIME_PROTOCOL_UDP, RUNTIME_PROTOCOL_SCTP };

struct runtime_port_mapping {
	enum runtime_protocol protocol;
	uint16_t container_port, host_port; /* host_port 0: none */
	struct ip_address host_ip;	    /* IP_NONE: every address */
};

struct runtime_dns_config {
	struct runtime_strs servers, searches, options;
};

/* Which pod: its identity in names and labels, and how many sandboxes it had before this one. */
struct runtime_sandbox_metadata {
	struct str name, uid, namespace_;
	uint32_t attempt;
};

struct runtime_container_metadata {
	struct str name;
	uint32_t attempt;
};

/* Resources; zero means "not given" for every number but cpu_quota and memory_swap, where -1 is "no limit". */
struct runtime_hugepage_limit {
	struct str page_size; /* "2MB" */
	uint64_t limit;
};
struct runtime_linux_resources {
	int64_t cpu_period, cpu_quota; /* microseconds */
	int64_t cpu_shares;	       /* v1's scale, 2 ... 262144; converted to a weight on v2 */
	int64_t memory_limit;	       /* bytes */
	int64_t memory_swap;	       /* bytes, memory included */
	int64_t pids_limit;
	int64_t oom_score_adj; /* of a container: clamped to what this host lets us set */
	struct str cpuset_cpus, cpuset_mems;
	const struct runtime_hugepage_limit *hugepage_limits;
	size_t hugepage_limits_len;
	struct runtime_pairs unified; /* v2 file name -> value */
};

struct runtime_sandbox_config {
	struct runtime_sandbox_metadata metadata;
	struct str hostname; /* "": the host's, with the host's network */
	struct str log_directory;
	struct runtime_dns_config dns_config; /* no servers at all: the host's resolv.conf is used */
	const struct runtime_port_mapping *port_mappings;
	size_t port_mappings_len;
	struct runtime_pairs labels, annotations; /* kept and returned, never read */
	struct str cgroup_parent; /* below the hierarchies' roots, "/x/kubepods/pod..."; "": the runtime's own */
	struct runtime_namespace_options namespaces;
	struct runtime_pairs sysctls;
	/* Lines appended to the runtime's own part of /etc/hosts (hostAliases), "address name name"; used for
	 * containers that do not mount their own. */
	struct runtime_strs extra_hosts;
	struct str runtime_handler; /* "" or the built-in one's only */
};

enum runtime_propagation {
	RUNTIME_PROPAGATION_PRIVATE,
	RUNTIME_PROPAGATION_HOST_TO_CONTAINER,
	RUNTIME_PROPAGATION_BIDIRECTIONAL
};

struct runtime_mount {
	struct str container_path;
	struct str host_path;
	bool readonly;
	enum runtime_propagation propagation;
};

struct runtime_device {
	struct str container_path, host_path, permissions; /* "rwm" */
};

struct runtime_security_context {
	bool privileged;
	struct runtime_strs capabilities_add, capabilities_drop; /* without "CAP_"; "ALL" is all */
	struct runtime_namespace_options namespaces;
	bool has_run_as_user, has_run_as_group;
	int64_t run_as_user, run_as_group;
	struct str run_as_username; /* looked up in the image's /etc/passwd; the image's USER when none is given */
	struct runtime_ints supplemental_groups;
	bool strict_groups; /* those and the primary one only, none from the image's /etc/group (CRI: Strict) */
	bool readonly_rootfs, no_new_privs;
	struct runtime_security_profile seccomp;
	struct runtime_strs masked_paths,
		readonly_paths; /* replaced by nothing when privileged; defaults when len is 0 */
};

struct runtime_container_config {
	struct runtime_container_metadata metadata;
	struct str image;	     /* a name or an id (CRI ImageSpec.image) of a present image */
	struct str user_image;	     /* as the user wrote it, for status */
	struct runtime_strs command; /* replaces the image's Entrypoint, and then its Cmd too */
	struct runtime_strs args;    /* replaces the image's Cmd */
	struct str working_dir;
	struct runtime_pairs envs; /* after the image's; later ones win */
	const struct runtime_mount *mounts;
	size_t mounts_len;
	const struct runtime_device *devices;
	size_t devices_len;
	struct runtime_pairs labels, annotations;
	struct str log_path; /* below the sandbox's log_directory; "": output is dropped */
	bool stdin, stdin_once, tty;
	struct runtime_linux_resources resources;
	struct runtime_security_context security;
	struct str stop_signal; /* "SIGUSR1"; "": the image's, else SIGTERM */
};

/* ---- what is ---- */

enum runtime_sandbox_state { RUNTIME_SANDBOX_READY, RUNTIME_SANDBOX_NOTREADY };

struct runtime_sandbox_status {
	struct str id;
	struct runtime_sandbox_metadata metadata;
	enum runtime_sandbox_state state;
	int64_t created_at;	/* ns since 1970 */
	struct runtime_ips ips; /* the pod's, in the order the network gave them; none with the host's network */
	struct runtime_namespace_options namespaces;
	struct runtime_pairs labels, annotations;
	struct str netns_path;	  /* the pinned network namespace; "" with the host's network */
	struct str cgroup_parent; /* where its containers' cgroups are */
};
struct runtime_sandbox_list {
	struct runtime_sandbox_status *items;
	size_t len;
};

enum runtime_container_state {
	RUNTIME_CONTAINER_CREATED,
	RUNTIME_CONTAINER_RUNNING,
	RUNTIME_CONTAINER_EXITED,
	RUNTIME_CONTAINER_UNKNOWN
};

/* Reasons of an exited container. */
#define RUNTIME_REASON_COMPLETED   "Completed"	/* exit code 0 */
#define RUNTIME_REASON_ERROR	   "Error"	/* any other */
#define RUNTIME_REASON_OOM_KILLED  "OOMKilled"	/* its cgroup met the memory limit */
#define RUNTIME_REASON_START_ERROR "StartError" /* it could not be started; exit code 128, message says why */
#define RUNTIME_REASON_SHIM_DIED   "ShimDied"	/* its keeper was killed and it was stopped; exit code 137 */
#define RUNTIME_REASON_UNKNOWN	   "Unknown"	/* the machine went down under it; exit code 255 */

struct runtime_container_status {
	struct str id, sandbox_id;
	struct runtime_container_metadata metadata;
	enum runtime_container_state state;
	int64_t created_at, started_at, finished_at; /* ns since 1970; 0: not yet */
	int32_t exit_code;			     /* 128 + signal when a signal ended it */
	struct str image;			     /* as asked for */
	struct str image_ref;			     /* a digest reference "name@sha256:..." or the id */
	struct str image_id;
	struct str reason, message;
	struct runtime_pairs labels, annotations;
	struct str log_path; /* whole path */
	int32_t pid;	     /* of its first process while running, in our pid namespace; else 0 */
	struct runtime_linux_resources resources;
	bool has_user;
	int64_t user_uid, user_gid; /* what it runs as */
	struct runtime_ints user_groups;
};
struct runtime_container_list {
	struct runtime_container_status *items;
	size_t len;
};

/* Empty fields match everything; the labels must all be there. */
struct runtime_filter {
	struct str id;
	struct str sandbox_id; /* containers only */
	struct runtime_pairs label_selector;
};

struct runtime_container_stats {
	struct str id, sandbox_id;
	struct runtime_container_metadata metadata;
	struct runtime_pairs labels;
	int64_t timestamp;	     /* ns since 1970 */
	uint64_t cpu_usage_ns;	     /* since it started */
	uint64_t memory_usage;	     /* bytes */
	uint64_t memory_working_set; /* usage without inactive file pages */
	uint64_t memory_rss;
	uint64_t pids;
};
struct runtime_container_stats_list {
	struct runtime_container_stats *items;
	size_t len;
};

/* ---- events ---- */

enum runtime_event_type {
	RUNTIME_EVENT_CONTAINER_CREATED,
	RUNTIME_EVENT_CONTAINER_STARTED,
	RUNTIME_EVENT_CONTAINER_STOPPED,
	RUNTIME_EVENT_CONTAINER_DELETED,
	/* The implementation lost count: list everything anew. */
	RUNTIME_EVENT_RELIST
};

struct runtime_event {
	enum runtime_event_type type;
	struct str container_id, sandbox_id; /* borrowed */
	int64_t created_at;		     /* ns since 1970 */
	int32_t exit_code;		     /* RUNTIME_EVENT_CONTAINER_STOPPED */
};

/*
 * Called on a thread of the runtime's, one event at a time; it must not block nor call the runtime: it queues the id
 * and returns.  An event is sent after the state it tells of can be read.
 */
typedef void runtime_event_fn(void *data, const struct runtime_event *event);

/* ---- exec and attach ---- */

/*
 * A process's (or a container's) standard streams.  The descriptors are pipes, non-blocking, or for a terminal
 * duplicates of its master; -1 where a stream was not asked for.  The user of the stream may take them (set them to -1
 * here) or leave them to runtime_stream_free().  Closing stdin_fd gives the process end of file; stdout_fd and
 * stderr_fd end with EOF (EIO on a terminal) when the last writer is gone.
 *
 * wait_fd becomes readable when the process has ended (exec) or the container has (attach); then
 * runtime_stream_result() does not block.  So a relay waits for everything on one event loop and holds no thread.
 */
struct runtime_stream {
	const struct runtime_stream_ops *ops;
	int stdin_fd, stdout_fd, stderr_fd;
	int wait_fd;
	bool tty;
};

struct runtime_stream_ops {
	int (*resize)(struct runtime_stream *stream, uint16_t width, uint16_t height, struct error *err);
	int (*result)(struct runtime_stream *stream, int32_t *ret_exit_code, struct error *err);
	int (*kill)(struct runtime_stream *stream, struct error *err);
	void (*free)(struct runtime_stream *stream);
};

struct runtime_exec_request {
	struct str container_id;
	struct runtime_strs command;
	bool tty;
	bool stdin, stdout, stderr; /* wanted; a terminal has no stderr of its own */
};

struct runtime_exec_result {
	int32_t exit_code;
	struct str stdout, stderr; /* each cut at LIMIT_EXEC_OUTPUT */
};

/* ---- images ---- */

struct runtime_auth {
	struct str username, password;
	struct str auth;	   /* base64 of "user:password", instead of the two */
	struct str identity_token; /* an OAuth2 refresh token */
	struct str registry_token; /* a bearer token, sent as it is */
	struct str server_address;
};

struct runtime_image {
	struct str id;			  /* "sha256:..." of its configuration */
	struct runtime_strs repo_tags;	  /* "docker.io/library/busybox:1.36" */
	struct runtime_strs repo_digests; /* "docker.io/library/busybox@sha256:..." */
	uint64_t size;			  /* bytes its layers take, compressed */
	bool has_uid;
	int64_t uid;	     /* the configuration's numeric USER */
	struct str username; /* else its name, "" for none */
	bool pinned;
};
struct runtime_image_list {
	struct runtime_image *items;
	size_t len;
};

struct runtime_filesystem_usage {
	int64_t timestamp;
	struct str mountpoint;
	uint64_t used_bytes, inodes_used;
};

/* ---- the vtable ---- */

struct runtime {
	const struct runtime_ops *ops;
};

struct runtime_ops {
	const char *name;
	int (*version)(struct runtime *rt, struct arena *arena, struct runtime_version *ret, struct error *err);
	int (*status)(struct runtime *rt, struct arena *arena, struct runtime_status *ret, struct error *err);

	/* Makes namespaces, network and a keeper; ready when it returns.  On failure nothing of it is left. */
	int (*run_pod_sandbox)(struct runtime *rt, const struct runtime_sandbox_config *config, struct arena *arena,
			       struct str *ret_id, struct error *err);
	/* Kills what runs in it and takes its network away; it stays, NOTREADY, until removed. */
	int (*stop_pod_sandbox)(struct runtime *rt, struct str id, struct error *err);
	int (*remove_pod_sandbox)(struct runtime *rt, struct str id, struct error *err);
	int (*pod_sandbox_status)(struct runtime *rt, struct str id, struct arena *arena,
				  struct runtime_sandbox_status *ret, struct error *err);
	int (*list_pod_sandboxes)(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
				  struct runtime_sandbox_list *ret, struct error *err);

	int (*create_container)(struct runtime *rt, struct str sandbox_id,
				const struct runtime_container_config *config,
				const struct runtime_sandbox_config *sandbox_config, struct arena *arena,
				struct str *ret_id, struct error *err);
	/* When the program cannot be started the container is EXITED, StartError, 128, and this fails with the message.
	 */
	int (*start_container)(struct runtime *rt, struct str id, struct error *err);
	/* The stop signal, then after @timeout_s seconds SIGKILL; 0 kills at once.  Returns when it has ended. */
	int (*stop_container)(struct runtime *rt, struct str id, int64_t timeout_s, struct error *err);
	/* Kills it first if it runs. */
	int (*remove_container)(struct runtime *rt, struct str id, struct error *err);
	int (*container_status)(struct runtime *rt, struct str id, struct arena *arena,
				struct runtime_container_status *ret, struct error *err);
	int (*list_containers)(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
			       struct runtime_container_list *ret, struct error *err);
	int (*update_container_resources)(struct runtime *rt, struct str id,
					  const struct runtime_linux_resources *resources, struct error *err);
	/* After the log file was renamed: output goes to a new one from now on. */
	int (*reopen_container_log)(struct runtime *rt, struct str id, struct error *err);
	int (*list_container_stats)(struct runtime *rt, const struct runtime_filter *filter, struct arena *arena,
				    struct runtime_container_stats_list *ret, struct error *err);

	/* Runs @request's command to its end, at most @timeout_ms (0: no limit; then ERR_TIMEOUT and it is killed). */
	int (*exec_sync)(struct runtime *rt, const struct runtime_exec_request *request, int64_t timeout_ms,
			 struct arena *arena, struct runtime_exec_result *ret, struct error *err);
	/* Starts it; the program has been executed when this returns, or it fails with the reason. */
	int (*exec)(struct runtime *rt, const struct runtime_exec_request *request, struct runtime_stream **ret,
		    struct error *err);
	/* Copies of the container's output from now on and, if it has a standard input, its input. */
	int (*attach)(struct runtime *rt, const struct runtime_exec_request *request, struct runtime_stream **ret,
		      struct error *err);
	/* A connection to @port on the pod's loopback: *ret_fd is a connected, non-blocking TCP socket. */
	int (*port_forward)(struct runtime *rt, struct str sandbox_id, uint16_t port, int *ret_fd, struct error *err);

	int (*list_images)(struct runtime *rt, struct arena *arena, struct runtime_image_list *ret, struct error *err);
	/* By name or id; ERR_NOT_FOUND when it is not here, ERR_INVALID when it cannot be a name. */
	int (*image_status)(struct runtime *rt, struct str image, struct arena *arena, struct runtime_image *ret,
			    struct error *err);
	/*
	 * Fetches it whole; *ret_ref is what image_status() finds it by.  Messages are those upstream users know
	 * ("failed to pull and unpack image ..."); codes: ERR_INVALID name, ERR_NOT_FOUND, ERR_UNAUTHORIZED,
	 * ERR_SERVICE_UNAVAILABLE (registry cannot be reached).
	 */
	int (*pull_image)(struct runtime *rt, struct str image, const struct runtime_auth *auth, struct arena *arena,
			  struct str *ret_ref, struct error *err);
	int (*remove_image)(struct runtime *rt, struct str image, struct error *err);
	int (*image_fs_info)(struct runtime *rt, struct arena *arena, struct runtime_filesystem_usage *ret,
			     struct error *err);

	/* Lets go of it.  What runs goes on running; the next start adopts it. */
	void (*free)(struct runtime *rt);
};

/* A relay's end of a stream: NULL is allowed. */
static inline void runtime_stream_free(struct runtime_stream *stream)
{
	if (stream)
		stream->ops->free(stream);
}

/* Helpers over the vtable, so that callers read as calls. */
#define RUNTIME_CALL(rt, op, ...)	  ((rt)->ops->op((rt), __VA_ARGS__))
#define runtime_run_pod_sandbox(rt, ...)  RUNTIME_CALL(rt, run_pod_sandbox, __VA_ARGS__)
#define runtime_stop_pod_sandbox(rt, ...) RUNTIME_CALL(rt, stop_pod_sandbox, __VA_ARGS__)
#define runtime_create_container(rt, ...) RUNTIME_CALL(rt, create_container, __VA_ARGS__)
#define runtime_start_container(rt, ...)  RUNTIME_CALL(rt, start_container, __VA_ARGS__)
#define runtime_stop_container(rt, ...)	  RUNTIME_CALL(rt, stop_container, __VA_ARGS__)

#endif
