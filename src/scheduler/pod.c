/* A pod as the scheduler knows it; see pod.h. */
#include "scheduler/pod.h"

#include "client/informer.h"
#include "logic/pod_requests.h"

/* Upstream's guesses for a container that asks for nothing (DefaultMilliCPURequest, DefaultMemoryRequest). */
#define LOAD_CPU    100
#define LOAD_MEMORY (INT64_C(200) * 1024 * 1024)

static const char *const base_names[SCHED_BASE_MAX] = {
	[SCHED_CPU] = "cpu", [SCHED_MEMORY] = "memory", [SCHED_EPHEMERAL_STORAGE] = "ephemeral-storage"};

static uint32_t add_name(struct resource_names *names, struct str name)
{
	uint32_t number = (uint32_t)names->len++;
	struct str kept = arena_str(&names->arena, name);

	names->names = xrealloc_array(names->names, names->len, sizeof(*names->names));
	names->names[number] = kept;
	map_set(&names->numbers, kept, (void *)(uintptr_t)(number + 1));
	return number;
}

void resource_names_init(struct resource_names *names)
{
	*names = (struct resource_names){0};
	for (size_t i = 0; i < SCHED_BASE_MAX; i++)
		add_name(names, str_from(base_names[i]));
}

void resource_names_release(struct resource_names *names)
{
	map_release(&names->numbers);
	free(names->names);
	arena_release(&names->arena);
}

/* Upstream's IsScalarResourceName: extended resources, huge pages, volume counts. */
static bool is_scalar(struct str name)
{
	return str_index(name, '/') >= 0 || str_has_prefix(name, STR("hugepages-")) ||
	       str_has_prefix(name, STR("attachable-volumes-"));
}

bool resource_names_number(struct resource_names *names, struct str name, uint32_t *ret)
{
	uintptr_t known = (uintptr_t)map_get(&names->numbers, name);

	if (!known && !is_scalar(name))
		return false;
	*ret = known ? (uint32_t)known - 1 : add_name(names, name);
	return true;
}

static void count_requests(struct sched_pod *pod, struct resource_names *names)
{
	static const struct pod_requests_options real = {.use_status = true};
	static const struct pod_requests_options guessed = {
		.use_status = true, .default_cpu = LOAD_CPU, .default_memory = LOAD_MEMORY};
	struct resource_amounts amounts, load;
	struct sched_amount *requests;

	pod_requests(pod->pod, &real, &pod->arena, &amounts);
	pod_requests(pod->pod, &guessed, &pod->arena, &load);
	pod->load[SCHED_CPU] = resource_amounts_get(&load, STR("cpu"));
	pod->load[SCHED_MEMORY] = resource_amounts_get(&load, STR("memory"));
	requests = ARENA_NEW_N(&pod->arena, struct sched_amount, amounts.len);
	pod->requests_len = 0;
	for (size_t i = 0; i < amounts.len; i++) {
		struct sched_amount one = {.amount = amounts.items[i].amount};

		if (one.amount > 0 && resource_names_number(names, amounts.items[i].name, &one.number))
			requests[pod->requests_len++] = one;
	}
	pod->requests = requests;
}

static void add_ports(struct host_port *ports, size_t *len, const struct core_v1_container *container)
{
	SLICE_FOREACH (port, container->ports)
		if (port->host_port > 0)
			ports[(*len)++] =
				(struct host_port){.ip = port->host_ip.len ? port->host_ip : STR("0.0.0.0"),
						   .protocol = port->protocol.len ? port->protocol : STR("TCP"),
						   .port = port->host_port};
}

/* Containers' and sidecars' (they run at the same time); init containers' come and go. */
static void collect_ports(struct sched_pod *pod)
{
	const struct core_v1_pod_spec *spec = &pod->pod->spec;
	struct host_port *ports;
	size_t most = 0;

	SLICE_FOREACH (container, spec->containers)
		most += container->ports.len;
	SLICE_FOREACH (container, spec->init_containers)
		most += container->ports.len;
	ports = most ? ARENA_NEW_N(&pod->arena, struct host_port, most) : NULL;
	pod->ports_len = 0;
	SLICE_FOREACH (container, spec->containers)
		add_ports(ports, &pod->ports_len, container);
	SLICE_FOREACH (container, spec->init_containers)
		if (container->restart_policy && str_eq(*container->restart_policy, STR("Always")))
			add_ports(ports, &pod->ports_len, container);
	pod->ports = ports;
}

void sched_pod_update(struct sched_pod *pod, struct resource_names *names, struct object *object)
{
	struct object *old = pod->object;

	pod->object = object_ref(object);
	pod->pod = OBJECT_AS(core_v1_pod, object);
	arena_release(&pod->arena);
	pod->priority = pod->pod->spec.priority ? *pod->pod->spec.priority : 0;
	count_requests(pod, names);
	collect_ports(pod);
	pod_affinities_parse(pod->pod, &pod->arena, &pod->affinities);
	object_unref(old);
}

struct sched_pod *sched_pod_new(struct resource_names *names, struct object *object)
{
	struct sched_pod *pod = XNEW(struct sched_pod);
	struct arena cleanup_arena arena = {0};
	struct str key = object_key(object, &arena);

	pod->key = (struct str){xmemdup(key.data, key.len), key.len};
	pod->node = NODE_NONE;
	list_init(&pod->link);
	sched_pod_update(pod, names, object);
	return pod;
}

struct sched_pod *sched_pod_free(struct sched_pod *pod)
{
	if (!pod)
		return NULL;
	assert(pod->node == NODE_NONE && pod->place == POD_NOWHERE && !pod->nominated);
	object_unref(pod->object);
	arena_release(&pod->arena);
	free(UNCONST(char *, pod->key.data)); /* made by sched_pod_new() */
	free(pod);
	return NULL;
}

bool host_ports_clash(const struct host_port *a, const struct host_port *b)
{
	static const struct str any = STR_INIT("0.0.0.0");

	return a->port == b->port && str_eq(a->protocol, b->protocol) &&
	       (str_eq(a->ip, b->ip) || str_eq(a->ip, any) || str_eq(b->ip, any));
}
