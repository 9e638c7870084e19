/* What a pod's jobs remember; see pod_memory.h. */
#include "kubelet/pod_memory.h"

#include <stdio.h>

int64_t backoff_left(struct backoff *backoff, int64_t since, int64_t now)
{
	if (!backoff->delay_ns)
		return 0;
	if (since - backoff->updated_at > BACKOFF_RESET_NS) {
		*backoff = (struct backoff){0};
		return 0;
	}
	return MAX(INT64_C(0), since + backoff->delay_ns - now);
}

void backoff_next(struct backoff *backoff, int64_t since, int64_t now)
{
	if (!backoff->delay_ns || since - backoff->updated_at > BACKOFF_RESET_NS)
		backoff->delay_ns = BACKOFF_BASE_NS;
	else
		backoff->delay_ns = MIN(backoff->delay_ns * 2, BACKOFF_MAX_NS);
	backoff->updated_at = now;
}

struct container_memory *pod_memory_of(struct pod_memory *memory, struct str container)
{
	struct container_memory *found = map_get(&memory->containers, container);
	char *name;

	if (found)
		return found;
	found = xcalloc(1, sizeof(*found) + container.len + 1);
	name = (char *)(found + 1);
	memcpy(name, container.data, container.len);
	found->name = (struct str){name, container.len};
	map_set(&memory->containers, found->name, found);
	return found;
}

void pod_memory_release(struct pod_memory *memory)
{
	MAP_FOREACH (it, &memory->containers)
		free(it->value);
	map_release(&memory->containers);
}

void container_memory_wait(struct container_memory *memory, const char *reason, const char *format, ...)
{
	va_list args;

	snprintf(memory->reason, sizeof(memory->reason), "%s", reason);
	va_start(args, format);
	vsnprintf(memory->message, sizeof(memory->message), format, args);
	va_end(args);
}
