/* The pods that wait for a node; see queue.h. */
#include "scheduler/queue.h"

#include "base/clock.h"
#include "scheduler/framework.h"

#define BACKOFF_NS	  (1 * NS_PER_SEC)
#define BACKOFF_MAX_NS	  (10 * NS_PER_SEC)
#define UNSCHEDULABLE_MAX (300 * NS_PER_SEC)

static struct sched_pod *of_node(const struct heap_node *node)
{
	return CONTAINER_OF(node, struct sched_pod, heap);
}

static bool active_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct sched_pod *x = of_node(a), *y = of_node(b);

	if (plugin_priority_sort.before(x, y))
		return true;
	return !plugin_priority_sort.before(y, x) && x->sequence < y->sequence;
}

static bool backoff_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct sched_pod *x = of_node(a), *y = of_node(b);

	return x->ready_at != y->ready_at ? x->ready_at < y->ready_at : active_before(a, b);
}

void queue_init(struct queue *queue)
{
	*queue = (struct queue){0};
	heap_init(&queue->active, active_before);
	heap_init(&queue->backoff, backoff_before);
	list_init(&queue->unschedulable);
	list_init(&queue->gated);
}

void queue_release(struct queue *queue)
{
	heap_release(&queue->active);
	heap_release(&queue->backoff);
}

#define TO(place) (1 << (place))
static const uint8_t ways[POD_PLACE_MAX] = {
	[POD_NOWHERE] = TO(POD_ACTIVE) | TO(POD_BACKOFF) | TO(POD_GATED),
	[POD_ACTIVE] = TO(POD_NOWHERE) | TO(POD_ACTIVE) | TO(POD_DECIDING) | TO(POD_GATED),
	[POD_BACKOFF] = TO(POD_NOWHERE) | TO(POD_ACTIVE) | TO(POD_DECIDING) | TO(POD_GATED),
	[POD_UNSCHEDULABLE] = TO(POD_NOWHERE) | TO(POD_ACTIVE) | TO(POD_BACKOFF) | TO(POD_GATED),
	[POD_GATED] = TO(POD_NOWHERE) | TO(POD_ACTIVE) | TO(POD_GATED),
	[POD_DECIDING] = TO(POD_NOWHERE) | TO(POD_BACKOFF) | TO(POD_UNSCHEDULABLE),
};

static void move(struct queue *queue, struct sched_pod *pod, enum sched_pod_place to)
{
	assert(ways[pod->place] & TO(to));
	if (pod->place == POD_ACTIVE)
		heap_remove(&queue->active, &pod->heap);
	if (pod->place == POD_BACKOFF)
		heap_remove(&queue->backoff, &pod->heap);
	if (pod->place == POD_UNSCHEDULABLE)
		queue->unschedulable_len--;
	if (pod->place == POD_GATED)
		queue->gated_len--;
	list_remove(&pod->link);
	pod->place = to;
	if (to == POD_ACTIVE || to == POD_BACKOFF) {
		pod->sequence = ++queue->sequence;
		heap_push(to == POD_ACTIVE ? &queue->active : &queue->backoff, &pod->heap);
	} else if (to == POD_UNSCHEDULABLE) {
		queue->unschedulable_len++;
		list_append(&queue->unschedulable, &pod->link);
	} else if (to == POD_GATED) {
		queue->gated_len++;
		list_append(&queue->gated, &pod->link);
	}
}

static int64_t backoff(const struct sched_pod *pod)
{
	uint32_t times = pod->errors ? pod->errors : pod->rejections;

	if (times == 0)
		return 0;
	return times > 4 ? BACKOFF_MAX_NS : MIN(BACKOFF_NS << (times - 1), BACKOFF_MAX_NS);
}

/* To ACTIVE, over BACKOFF when that has not passed. */
static void requeue(struct queue *queue, struct sched_pod *pod, int64_t now)
{
	int64_t ready_at = pod->entered_at + backoff(pod);

	if (!framework_admits(pod)) {
		if (pod->place != POD_DECIDING)
			move(queue, pod, POD_GATED);
		return;
	}
	pod->ready_at = ready_at - ready_at % NS_PER_SEC;
	move(queue, pod, pod->ready_at > now && pod->place != POD_GATED ? POD_BACKOFF : POD_ACTIVE);
}

void queue_add(struct queue *queue, struct sched_pod *pod, int64_t now)
{
	pod->entered_at = now;
	requeue(queue, pod, now);
}

void queue_update(struct queue *queue, struct sched_pod *pod, const struct cluster_event *event, int64_t now)
{
	switch (pod->place) {
	case POD_ACTIVE:
	case POD_BACKOFF:
		if (!framework_admits(pod))
			move(queue, pod, POD_GATED);
		else
			heap_update(pod->place == POD_ACTIVE ? &queue->active : &queue->backoff, &pod->heap);
		break;
	case POD_GATED:
		if (framework_admits(pod))
			move(queue, pod, POD_ACTIVE);
		break;
	case POD_UNSCHEDULABLE:
		if (event->what && framework_wakes(pod, event))
			requeue(queue, pod, now);
		break;
	case POD_NOWHERE:
	case POD_DECIDING:
	case POD_PLACE_MAX:
		break;
	}
}

void queue_remove(struct queue *queue, struct sched_pod *pod)
{
	if (pod->place != POD_NOWHERE)
		move(queue, pod, POD_NOWHERE);
}

/* The first in backoff that a free scheduler may take before its time. */
static struct sched_pod *early(const struct queue *queue)
{
	struct sched_pod *first = queue->backoff.len ? of_node(heap_peek(&queue->backoff)) : NULL;

	return first && first->errors == 0 ? first : NULL;
}

struct sched_pod *queue_pop(struct queue *queue, int64_t now)
{
	struct sched_pod *pod;

	queue_tick(queue, now);
	pod = queue->active.len ? of_node(heap_peek(&queue->active)) : early(queue);
	if (pod)
		move(queue, pod, POD_DECIDING);
	return pod;
}

void queue_reject(struct queue *queue, struct sched_pod *pod, uint32_t rejected_by, int64_t now)
{
	pod->rejections++;
	pod->errors = 0;
	pod->rejected_by = rejected_by;
	pod->entered_at = now;
	move(queue, pod, POD_UNSCHEDULABLE);
}

void queue_fail(struct queue *queue, struct sched_pod *pod, int64_t now)
{
	int64_t ready_at;

	pod->errors++;
	pod->rejected_by = 0;
	pod->entered_at = now;
	ready_at = now + backoff(pod);
	pod->ready_at = ready_at - ready_at % NS_PER_SEC;
	move(queue, pod, POD_BACKOFF);
}

size_t queue_event(struct queue *queue, const struct cluster_event *event, int64_t now)
{
	size_t woken = 0;

	LIST_FOREACH_SAFE (struct sched_pod, pod, &queue->unschedulable, link)
		if (framework_wakes(pod, event)) {
			requeue(queue, pod, now);
			woken++;
		}
	return woken;
}

void queue_tick(struct queue *queue, int64_t now)
{
	while (queue->backoff.len && of_node(heap_peek(&queue->backoff))->ready_at <= now)
		move(queue, of_node(heap_peek(&queue->backoff)), POD_ACTIVE);
	/* In the order in which they came. */
	for (struct sched_pod *pod; (pod = LIST_FIRST(&queue->unschedulable, struct sched_pod, link)) &&
				    now - pod->entered_at >= UNSCHEDULABLE_MAX;)
		requeue(queue, pod, now);
}

int64_t queue_next_tick(const struct queue *queue)
{
	const struct sched_pod *oldest = LIST_FIRST(&queue->unschedulable, struct sched_pod, link);
	int64_t next = queue->backoff.len ? of_node(heap_peek(&queue->backoff))->ready_at : INT64_MAX;

	return oldest ? MIN(next, oldest->entered_at + UNSCHEDULABLE_MAX) : next;
}
