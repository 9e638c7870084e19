/* Images of containers; see images.h. */
#include "kubelet/images.h"

#include "base/clock.h"
#include "kubelet/pull_secrets.h"
#include "types/duration.h"

static void tell(const struct kubelet_context *context, const struct pod_view *view,
		 const struct container_view *container, const char *type, const char *reason, struct str message)
{
	pod_event(context, view->object, str_c(container->field), container->spec->name, type, reason, STR_FMT,
		  STR_ARG(message));
}

/* The image waits in back-off; @error is why the last pull failed. */
static void wait_in_backoff(const struct kubelet_context *context, const struct pod_view *view,
			    const struct container_view *container, struct container_memory *memory,
			    struct arena *arena)
{
	struct str text =
		arena_printf(arena, "Back-off pulling image \"" STR_FMT "\"", STR_ARG(container->spec->image));
	struct str error =
		strcmp(memory->reason, "ErrImagePull") == 0 ? arena_str_c(arena, memory->message) : STR_EMPTY;

	if (strcmp(memory->reason, "ImagePullBackOff") == 0)
		return;
	tell(context, view, container, "Normal", "BackOff", text);
	tell(context, view, container, "Warning", "Failed", STR("Error: ImagePullBackOff"));
	if (error.len)
		container_memory_wait(memory, "ImagePullBackOff", STR_FMT ": ErrImagePull: " STR_FMT, STR_ARG(text),
				      STR_ARG(error));
	else
		container_memory_wait(memory, "ImagePullBackOff", STR_FMT, STR_ARG(text));
}

static bool pull(const struct kubelet_context *context, const struct pod_view *view,
		 const struct container_view *container, struct container_memory *memory, int64_t now,
		 struct arena *arena, struct runtime_image *ret, int64_t *ret_wake_at)
{
	struct str image = container->spec->image, ref;
	int64_t started = clock_monotonic_ns(), left = backoff_left(&memory->pull, memory->pull.updated_at, now);
	struct runtime_auth auth = {0};
	struct error err = {0};
	char took[DURATION_TEXT_SIZE];

	if (left > 0) {
		wait_in_backoff(context, view, container, memory, arena);
		*ret_wake_at = now + left;
		return false;
	}
	tell(context, view, container, "Normal", "Pulling",
	     arena_printf(arena, "Pulling image \"" STR_FMT "\"", STR_ARG(image)));
	pull_secrets_find(context, view, image, arena, &auth);
	if (RUNTIME_CALL(context->runtime, pull_image, image, &auth, arena, &ref, &err) < 0 ||
	    RUNTIME_CALL(context->runtime, image_status, ref, arena, ret, &err) < 0) {
		backoff_next(&memory->pull, now, now);
		tell(context, view, container, "Warning", "Failed",
		     arena_printf(arena, "Failed to pull image \"" STR_FMT "\": %s", STR_ARG(image), err.message));
		tell(context, view, container, "Warning", "Failed", STR("Error: ErrImagePull"));
		container_memory_wait(memory, "ErrImagePull", "%s", err.message);
		*ret_wake_at = now + memory->pull.delay_ns;
		return false;
	}
	duration_format((clock_monotonic_ns() - started) / NANOS_PER_MILLI * NANOS_PER_MILLI, took);
	tell(context, view, container, "Normal", "Pulled",
	     arena_printf(arena,
			  "Successfully pulled image \"" STR_FMT
			  "\" in %s (%s including waiting). Image size: %llu bytes.",
			  STR_ARG(image), took, took, (unsigned long long)ret->size));
	memory->pull = (struct backoff){0};
	return true;
}

bool image_ensure(const struct kubelet_context *context, const struct pod_view *view,
		  const struct container_view *container, struct container_memory *memory, int64_t now,
		  struct arena *arena, struct runtime_image *ret, int64_t *ret_wake_at)
{
	struct str image = container->spec->image, policy = container->spec->image_pull_policy;
	struct error err = {0};
	bool present = RUNTIME_CALL(context->runtime, image_status, image, arena, ret, &err) == 0;

	*ret_wake_at = 0;
	if (!present && err.code == ERR_INVALID) {
		struct str text = arena_printf(arena,
					       "Failed to apply default image tag \"" STR_FMT
					       "\": couldn't parse image name \"" STR_FMT "\": %s",
					       STR_ARG(image), STR_ARG(image), err.message);

		if (strcmp(memory->reason, "InvalidImageName") != 0) {
			tell(context, view, container, "Warning", "InspectFailed", text);
			tell(context, view, container, "Warning", "Failed", STR("Error: InvalidImageName"));
		}
		container_memory_wait(memory, "InvalidImageName", STR_FMT, STR_ARG(text));
		return false;
	}
	if (!present && err.code != ERR_NOT_FOUND) {
		container_memory_wait(memory, "ImageInspectError", "Failed to inspect image \"" STR_FMT "\": %s",
				      STR_ARG(image), err.message);
		*ret_wake_at = now + BACKOFF_BASE_NS;
		return false;
	}
	if (present && !str_eq(policy, STR("Always"))) {
		tell(context, view, container, "Normal", "Pulled",
		     arena_printf(arena,
				  "Container image \"" STR_FMT
				  "\" already present on machine and can be accessed by the pod",
				  STR_ARG(image)));
		return true;
	}
	if (!present && str_eq(policy, STR("Never"))) {
		if (strcmp(memory->reason, "ErrImageNeverPull") != 0) {
			tell(context, view, container, "Warning", "ErrImageNeverPull",
			     arena_printf(arena,
					  "Container image \"" STR_FMT "\" is not present with pull policy of Never",
					  STR_ARG(image)));
			tell(context, view, container, "Warning", "Failed", STR("Error: ErrImageNeverPull"));
		}
		container_memory_wait(memory, "ErrImageNeverPull",
				      "Container image \"" STR_FMT "\" is not present with pull policy of Never",
				      STR_ARG(image));
		*ret_wake_at = now + BACKOFF_BASE_NS;
		return false;
	}
	return pull(context, view, container, memory, now, arena, ret, ret_wake_at);
}
