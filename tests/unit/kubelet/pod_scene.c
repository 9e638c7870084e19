/* A pod as the runtime has it, written as text; see pod_scene.h. */
#include "unit.h"

#include "pod_scene.h"

#include "base/clock.h"

#define WORDS_MAX 16

struct words {
	struct test_node *node;
	struct pod_scene *scene;
	struct runtime_sandbox_status sandboxes[WORDS_MAX];
	struct runtime_container_status containers[WORDS_MAX];
	char marks[WORDS_MAX]; /* of each container: what stands behind its name */
	size_t sandboxes_len, containers_len;
};

static int64_t made_at(size_t place)
{
	return (int64_t)(100 * place + 1) * NS_PER_SEC;
}

static void add_sandbox(struct words *words, bool ready, size_t place)
{
	size_t n = words->sandboxes_len++;

	words->sandboxes[n] = (struct runtime_sandbox_status){
		.id = arena_printf(&words->node->arena, "sandbox%zu", n),
		.metadata = {.attempt = (uint32_t)n},
		.state = ready ? RUNTIME_SANDBOX_READY : RUNTIME_SANDBOX_NOTREADY,
		.created_at = made_at(place),
	};
}

static const struct core_v1_container *spec_of(const struct core_v1_pod_spec *spec, struct str name)
{
	SLICE_FOREACH (container, spec->init_containers)
		if (str_eq(container->name, name))
			return container;
	SLICE_FOREACH (container, spec->containers)
		if (str_eq(container->name, name))
			return container;
	return NULL;
}

static uint32_t attempts_of(const struct words *words, struct str name)
{
	uint32_t made = 0;

	for (size_t i = 0; i < words->containers_len; i++)
		made += str_eq(words->containers[i].metadata.name, name);
	return made;
}

static void add_container(struct words *words, struct str word, size_t place)
{
	struct arena *arena = &words->node->arena;
	size_t n = words->containers_len++, len = 0;
	struct runtime_container_status *out = &words->containers[n];
	struct runtime_pair *hash = ARENA_NEW(arena, struct runtime_pair);
	const struct core_v1_container *spec;
	struct str name, mark;

	while (len < word.len && word.data[len] >= 'a' && word.data[len] <= 'z')
		len++;
	name = arena_str(arena, str_sub(word, 0, len));
	mark = str_from_at(word, len);
	spec = spec_of(&words->scene->view.pod->spec, name);
	hash->key = STR(ANNOTATION_HASH);
	hash->value = spec && !str_eq(mark, STR("#")) ? container_hash(spec, arena) : STR("other");
	*out = (struct runtime_container_status){
		.id = arena_printf(arena, "id%zu", place),
		.sandbox_id = words->sandboxes[words->sandboxes_len - 1].id,
		.metadata = {.name = name, .attempt = attempts_of(words, name)},
		.state = RUNTIME_CONTAINER_RUNNING,
		.created_at = made_at(place),
		.started_at = made_at(place),
		.image_ref = STR("image"),
		.annotations = {hash, spec ? 1 : 0},
	};
	if (str_eq(mark, STR(":created"))) {
		out->state = RUNTIME_CONTAINER_CREATED;
	} else if (str_eq(mark, STR(":unknown"))) {
		out->state = RUNTIME_CONTAINER_UNKNOWN;
	} else if (str_has_prefix(mark, STR("="))) {
		out->state = RUNTIME_CONTAINER_EXITED;
		out->exit_code = (int32_t)strtol(mark.data + 1, NULL, 10);
		out->finished_at = made_at(place) + 49 * NS_PER_SEC;
		out->reason = out->exit_code ? STR(RUNTIME_REASON_ERROR) : STR(RUNTIME_REASON_COMPLETED);
	}
	words->marks[n] = mark.len ? mark.data[0] : ' ';
}

static void judge(const struct words *words, struct container_view *container)
{
	char mark = ' ';

	for (size_t i = 0; i < words->containers_len; i++)
		if (container_runs(container) && str_eq(words->containers[i].id, container->latest->id))
			mark = words->marks[i];
	container->verdict = (struct probe_verdict){
		.started = container_runs(container) && mark != '~' && mark != '?',
		.ready = container_runs(container) && (mark == ' ' || mark == '#'),
		.failed_startup = mark == '?',
		.failed_liveness = mark == '!',
	};
}

void pod_scene_init(struct pod_scene *scene, struct test_node *node, const char *pod, const char *text)
{
	struct words words = {.node = node, .scene = scene};
	struct str rest = str_from(text), word;
	struct runtime_sandbox_list sandboxes;
	struct runtime_container_list containers;

	*scene = (struct pod_scene){.view.pod = test_node_pod(node, pod)};
	for (size_t place = 0; rest.len; place++) {
		struct str after = STR_EMPTY;

		if (!str_cut(rest, ' ', &word, &after))
			word = rest;
		rest = after;
		assert_true(place < WORDS_MAX);
		if (str_eq(word, STR("S")) || str_eq(word, STR("s")))
			add_sandbox(&words, word.data[0] == 'S', place);
		else
			add_container(&words, word, place);
	}
	sandboxes.items = arena_memdup(&node->arena, words.sandboxes, sizeof(words.sandboxes));
	sandboxes.len = words.sandboxes_len;
	containers.items = arena_memdup(&node->arena, words.containers, sizeof(words.containers));
	containers.len = words.containers_len;
	pod_view_arrange(&scene->view, sandboxes, containers, &node->arena);
	for (size_t i = 0; i < scene->view.len; i++)
		judge(&words, &scene->view.containers[i]);
}

void pod_scene_release(struct pod_scene *scene)
{
	pod_memory_release(&scene->memory);
}

const struct container_view *pod_scene_container(const struct pod_scene *scene, const char *name)
{
	for (size_t i = 0; i < scene->view.len; i++)
		if (str_eq_c(scene->view.containers[i].spec->name, name))
			return &scene->view.containers[i];
	fail_msg("no container %s", name);
	return NULL;
}
