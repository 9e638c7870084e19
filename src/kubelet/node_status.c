/* What the Node object says of this machine; see node_status.h. */
#include "kubelet/node_status.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "kubelet/resources.h"
#include "logic/version.h"
#include "types/copy.h"
#include "types/quantity.h"

#define RESERVED_MEMORY	 (INT64_C(100) * 1024 * 1024) /* eviction's memory.available<100Mi */
#define RESERVED_DISK_PC 10			      /* nodefs.available<10% */
#define TEXT_FILE_MAX	 4096

static struct str text_file(const char *path, struct arena *arena)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[TEXT_FILE_MAX];
	ssize_t len = fd >= 0 ? read(fd, text, sizeof(text)) : 0;

	return len > 0 ? arena_str(arena, str_trim((struct str){text, (size_t)len})) : STR_EMPTY;
}

/* The value of PRETTY_NAME in os-release. */
static struct str os_image(struct arena *arena)
{
	struct str text = text_file("/etc/os-release", arena), line;

	while (text.len) {
		str_cut(text, '\n', &line, &text);
		if (!str_has_prefix(line, STR("PRETTY_NAME=")))
			continue;
		line = str_from_at(line, 12);
		if (line.len >= 2 && line.data[0] == '"')
			line = str_sub(line, 1, line.len - 2);
		return arena_str(arena, line);
	}
	return STR("Linux");
}

static struct str architecture(const struct utsname *name)
{
	return strcmp(name->machine, "x86_64") == 0    ? STR("amd64")
	       : strcmp(name->machine, "aarch64") == 0 ? STR("arm64")
						       : str_from(name->machine);
}

static struct core_v1_node_system_info system_info(const struct kubelet_context *context, struct arena *arena)
{
	struct utsname *name = ARENA_NEW(arena, struct utsname);
	struct runtime_version version = {0};
	struct error err = {0};
	struct str uuid;

	uname(name);
	if (RUNTIME_CALL(context->runtime, version, arena, &version, &err) < 0)
		version.runtime_name = STR_EMPTY;
	uuid = text_file("/sys/class/dmi/id/product_uuid", arena);
	return (struct core_v1_node_system_info){
		.machine_id = text_file("/etc/machine-id", arena),
		.system_uuid = uuid,
		.boot_id = text_file("/proc/sys/kernel/random/boot_id", arena),
		.kernel_version = str_from(name->release),
		.os_image = os_image(arena),
		.container_runtime_version = arena_printf(arena, STR_FMT "://" STR_FMT, STR_ARG(version.runtime_name),
							  STR_ARG(version.runtime_version)),
		.kubelet_version = STR(KUBERNETES_VERSION),
		.operating_system = STR("linux"),
		.architecture = architecture(name),
	};
}

/* --- Capacity --------------------------------------------------------------------------------------------------- */

struct amounts {
	int64_t cpus, memory, disk, pods;
};

static struct amounts measure(const struct kubelet_context *context)
{
	struct statvfs fs;
	struct amounts amounts = {.cpus = sysconf(_SC_NPROCESSORS_ONLN),
				  .memory = (int64_t)machine_memory(),
				  .pods = context->config->max_pods};

	if (statvfs(str_c(context->config->root_dir), &fs) == 0)
		amounts.disk = (int64_t)(fs.f_blocks * fs.f_frsize);
	return amounts;
}

static struct quantity_map list_of(const struct amounts *amounts, struct arena *arena)
{
	struct quantity_pair *pairs = ARENA_NEW_N(arena, struct quantity_pair, 6);
	size_t len = 0;

	pairs[len++] = (struct quantity_pair){STR("cpu"), quantity_from_int(amounts->cpus, QUANTITY_DECIMAL_SI)};
	pairs[len++] =
		(struct quantity_pair){STR("ephemeral-storage"), quantity_from_int(amounts->disk, QUANTITY_BINARY_SI)};
	pairs[len++] = (struct quantity_pair){STR("hugepages-1Gi"), quantity_from_int(0, QUANTITY_BINARY_SI)};
	pairs[len++] = (struct quantity_pair){STR("hugepages-2Mi"), quantity_from_int(0, QUANTITY_BINARY_SI)};
	pairs[len++] = (struct quantity_pair){STR("memory"), quantity_from_int(amounts->memory, QUANTITY_BINARY_SI)};
	pairs[len++] = (struct quantity_pair){STR("pods"), quantity_from_int(amounts->pods, QUANTITY_DECIMAL_SI)};
	return (struct quantity_map){pairs, len};
}

/* What pods may have of it. */
static struct amounts without_reserve(struct amounts amounts)
{
	amounts.memory = MAX(INT64_C(0), amounts.memory - RESERVED_MEMORY);
	amounts.disk -= amounts.disk / 100 * RESERVED_DISK_PC;
	return amounts;
}

struct quantity_map node_allocatable(const struct kubelet_context *context, struct arena *arena)
{
	struct amounts amounts = without_reserve(measure(context));

	return list_of(&amounts, arena);
}

/* --- Conditions ------------------------------------------------------------------------------------------------- */

static void add_condition(const struct core_v1_node_status *before, struct core_v1_node_condition *out, size_t *len,
			  int64_t now, const char *type, bool value, const char *reason, struct str message)
{
	struct timestamp time = {.seconds = now / NS_PER_SEC, .is_set = true};
	struct core_v1_node_condition condition = {.type = str_from(type),
						   .status = value ? STR("True") : STR("False"),
						   .last_heartbeat_time = time,
						   .last_transition_time = time,
						   .reason = str_from(reason),
						   .message = message};

	SLICE_FOREACH (old, before->conditions)
		if (str_eq(old->type, condition.type) && str_eq(old->status, condition.status))
			condition.last_transition_time = old->last_transition_time;
	out[(*len)++] = condition;
}

/* Empty when the runtime is ready, else why it is not. */
static struct str runtime_trouble(const struct kubelet_context *context, struct arena *arena)
{
	struct runtime_status status;
	struct str trouble = STR_EMPTY;
	struct error err = {0};

	if (RUNTIME_CALL(context->runtime, status, arena, &status, &err) < 0)
		return arena_printf(arena, "container runtime is down: %s", err.message);
	for (size_t i = 0; i < status.conditions_len; i++) {
		const struct runtime_condition *condition = &status.conditions[i];
		bool network = str_eq(condition->type, STR(RUNTIME_NETWORK_READY));

		if (condition->status)
			continue;
		trouble =
			arena_printf(arena, STR_FMT "%s%s: " STR_FMT "=false reason:" STR_FMT " message:" STR_FMT,
				     STR_ARG(trouble), trouble.len ? ", " : "",
				     network ? "container runtime network not ready" : "container runtime not ready",
				     STR_ARG(condition->type), STR_ARG(condition->reason), STR_ARG(condition->message));
	}
	return trouble;
}

static struct core_v1_node_condition_slice conditions(const struct kubelet_context *context,
						      const struct core_v1_node_status *before, int64_t now,
						      struct arena *arena)
{
	struct core_v1_node_condition *all =
		ARENA_NEW_N(arena, struct core_v1_node_condition, 4 + before->conditions.len);
	struct str trouble = runtime_trouble(context, arena);
	size_t len = 0;

	add_condition(before, all, &len, now, "MemoryPressure", false, "KubeletHasSufficientMemory",
		      STR("kubelet has sufficient memory available"));
	add_condition(before, all, &len, now, "DiskPressure", false, "KubeletHasNoDiskPressure",
		      STR("kubelet has no disk pressure"));
	add_condition(before, all, &len, now, "PIDPressure", false, "KubeletHasSufficientPID",
		      STR("kubelet has sufficient PID available"));
	if (trouble.len)
		add_condition(before, all, &len, now, "Ready", false, "KubeletNotReady", trouble);
	else
		add_condition(before, all, &len, now, "Ready", true, "KubeletReady",
			      STR("kubelet is posting ready status"));
	/* NetworkUnavailable and the like belong to others. */
	SLICE_FOREACH (old, before->conditions) {
		bool ours = false;

		for (size_t i = 0; i < 4; i++)
			ours = ours || str_eq(all[i].type, old->type);
		if (!ours)
			all[len++] = *old;
	}
	return (struct core_v1_node_condition_slice){all, len};
}

/* --- The whole -------------------------------------------------------------------------------------------------- */

static struct core_v1_node_address_slice addresses(const struct kubelet_context *context, struct arena *arena)
{
	const struct runtime_ips *ips = &context->config->node_ips;
	struct core_v1_node_address *all = ARENA_NEW_N(arena, struct core_v1_node_address, ips->len + 1);

	for (size_t i = 0; i < ips->len; i++) {
		char text[IP_TEXT_SIZE];

		ip_format(&ips->items[i], text);
		all[i] = (struct core_v1_node_address){STR("InternalIP"), arena_str_c(arena, text)};
	}
	all[ips->len] = (struct core_v1_node_address){STR("Hostname"), context->config->hostname};
	return (struct core_v1_node_address_slice){all, ips->len + 1};
}

static struct core_v1_container_image_slice images(const struct kubelet_context *context, struct arena *arena)
{
	VEC_OF(struct core_v1_container_image) all = {0};
	struct runtime_image_list list = {0};
	struct error err = {0};

	if (RUNTIME_CALL(context->runtime, list_images, arena, &list, &err) < 0)
		list.len = 0;
	for (size_t i = 0; i < list.len && all.len < 50; i++) {
		const struct runtime_image *image = &list.items[i];
		VEC_OF(struct str) names = {0};

		for (size_t j = 0; j < image->repo_digests.len && names.len < 5; j++)
			vec_push(arena, &names, image->repo_digests.items[j]);
		for (size_t j = 0; j < image->repo_tags.len && names.len < 5; j++)
			vec_push(arena, &names, image->repo_tags.items[j]);
		vec_push(arena, &all, (struct core_v1_container_image){{names.items, names.len}, (int64_t)image->size});
	}
	return (struct core_v1_container_image_slice){all.items, all.len};
}

struct core_v1_node_status node_status(const struct kubelet_context *context, const struct core_v1_node_status *before,
				       int64_t now, struct arena *arena)
{
	static const bool yes = true;
	struct core_v1_node_status status = *before;
	struct amounts amounts = measure(context), allocatable = without_reserve(amounts);
	struct core_v1_node_features *features = ARENA_NEW(arena, struct core_v1_node_features);
	struct core_v1_node_runtime_handler *handler = ARENA_NEW(arena, struct core_v1_node_runtime_handler);

	features->supplemental_groups_policy = &yes;
	status.capacity = list_of(&amounts, arena);
	status.allocatable = list_of(&allocatable, arena);
	status.conditions = conditions(context, before, now, arena);
	status.addresses = addresses(context, arena);
	status.daemon_endpoints.kubelet_endpoint.port = context->config->port;
	status.node_info = system_info(context, arena);
	status.images = images(context, arena);
	status.features = features;
	status.runtime_handlers = (struct core_v1_node_runtime_handler_slice){handler, 1};
	return status;
}

bool node_status_ready(const struct core_v1_node_status *status)
{
	SLICE_FOREACH (condition, status->conditions)
		if (str_eq(condition->type, STR("Ready")))
			return str_eq(condition->status, STR("True"));
	return false;
}

bool node_status_differs(const struct core_v1_node_status *a, const struct core_v1_node_status *b, struct arena *arena)
{
	struct core_v1_node_status x = *a, y = *b;
	struct core_v1_node_condition *compared;

	if (x.conditions.len != y.conditions.len)
		return true;
	compared = ARENA_NEW_N(arena, struct core_v1_node_condition, x.conditions.len + 1);
	for (size_t i = 0; i < x.conditions.len; i++) {
		compared[i] = x.conditions.items[i];
		compared[i].last_heartbeat_time = y.conditions.items[i].last_heartbeat_time;
	}
	x.conditions.items = compared;
	return !equal_struct(&schema_core_v1_node_status, &x, &y);
}

struct core_v1_node node_initial(const struct kubelet_context *context, struct arena *arena)
{
	struct utsname name;
	struct core_v1_node node = {.metadata = {.name = context->config->node_name}};
	struct str_pair *labels = ARENA_NEW_N(arena, struct str_pair, 5),
			*annotation = ARENA_NEW(arena, struct str_pair);
	struct str arch;

	uname(&name);
	arch = arena_str(arena, architecture(&name));
	labels[0] = (struct str_pair){STR("beta.kubernetes.io/arch"), arch};
	labels[1] = (struct str_pair){STR("beta.kubernetes.io/os"), STR("linux")};
	labels[2] = (struct str_pair){STR("kubernetes.io/arch"), arch};
	labels[3] = (struct str_pair){STR("kubernetes.io/hostname"), context->config->hostname};
	labels[4] = (struct str_pair){STR("kubernetes.io/os"), STR("linux")};
	*annotation = (struct str_pair){STR("volumes.kubernetes.io/controller-managed-attach-detach"), STR("true")};
	node.metadata.labels = (struct str_map){labels, 5};
	node.metadata.annotations = (struct str_map){annotation, 1};
	return node;
}
