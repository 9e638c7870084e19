/*
 * The thread that listens to the shims; see builtin_internal.h.
 *
 * One connection per live shim, on one epoll, asleep until a container ends.  A connection that ends is a shim that
 * died: nobody writes down any more how its containers end, and they are stopped.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/builtin_internal.h"

int sandbox_subscribe(struct builtin *b, struct sandbox *sandbox, struct error *err)
{
	cleanup_shim_call struct shim_call *call = shim_call_new(SHIM_SUBSCRIBE);
	struct epoll_event event = {.events = EPOLLIN};
	cleanup_close int fd = -1;
	int r = shim_connect(sandbox->run_dir, &fd, err);

	if (r == 0)
		r = shim_exchange(fd, call, NULL, 0, SHIM_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	MUTEX_GUARD(&b->lock);
	event.data.fd = fd;
	if (epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return error_set_errno(err, errno, "watch shim");
	sandbox->events_fd = TAKE_FD(fd);
	return 0;
}

void sandbox_unsubscribe(struct builtin *b, struct sandbox *sandbox)
{
	MUTEX_GUARD(&b->lock);
	/* Also taken off the epoll by the closing; the thread looks its descriptor up under the lock. */
	sandbox->events_fd = close_fd(sandbox->events_fd);
}

/* The sandbox a descriptor belongs to, with a reference. */
static struct sandbox *sandbox_of_fd(struct builtin *b, int fd)
{
	MUTEX_GUARD(&b->lock);
	LIST_FOREACH (struct sandbox, sandbox, &b->sandboxes, link)
		if (sandbox->events_fd == fd) {
			sandbox->refs++;
			return sandbox;
		}
	return NULL;
}

static void container_ended(struct builtin *b, const struct wire_message *message)
{
	struct container *container;
	bool finish = false;

	{
		MUTEX_GUARD(&b->lock);
		container = container_get(b, wire_get_str(message, SHIM_TAG_CONTAINER));
		if (!container || container->exit_known || container->record.state == RUNTIME_CONTAINER_EXITED)
			return;
		container->exit_known = true;
		container->exit_code = (int)wire_get_int(message, SHIM_TAG_CODE, 255);
		container->exit_time = wire_get_int(message, SHIM_TAG_TIME, 0);
		container->exit_oom = wire_get_int(message, SHIM_TAG_OOM, 0) != 0;
		container->refs++;
		/* Else it is being started, and who starts it will see exit_known. */
		finish = container->record.state == RUNTIME_CONTAINER_RUNNING;
	}
	if (finish)
		container_finish(b, container, container->exit_code, container->exit_time, container->exit_oom, NULL);
	MUTEX_GUARD(&b->lock);
	container_unref(container);
}

void sandbox_shim_died(struct builtin *b, struct sandbox *sandbox)
{
	log_warn("shim died", "sandbox=" STR_FMT, STR_ARG(sandbox->record.id));
	for (;;) {
		struct container *running = NULL;

		{
			MUTEX_GUARD(&b->lock);
			sandbox->record.state = RUNTIME_SANDBOX_NOTREADY;
			LIST_FOREACH (struct container, container, &sandbox->containers, link)
				if (container->record.state == RUNTIME_CONTAINER_RUNNING)
					running = container;
			if (running) {
				running->exit_known = true;
				running->refs++;
			}
		}
		if (!running)
			break;
		container_finish(b, running, 137, clock_wall_ns(), false, RUNTIME_REASON_SHIM_DIED);
		MUTEX_GUARD(&b->lock);
		container_unref(running);
	}
	MUTEX_GUARD(&b->lock);
	if (!sandbox->gone) {
		struct error err = {0};

		if (sandbox_save(sandbox, &err) < 0)
			log_warn("record not written", "err=%s", err.message);
	}
}

static void shim_ready(struct builtin *b, int fd, char *buffer)
{
	struct sandbox *sandbox = sandbox_of_fd(b, fd);
	struct wire_message message;
	int r;

	if (!sandbox)
		return;
	r = wire_receive(fd, buffer, LIMIT_SHIM_MESSAGE, &message);
	if (r == 0) {
		if (message.type == SHIM_EXITED)
			container_ended(b, &message);
		wire_close_fds(&message);
	} else if (r != -EAGAIN) {
		bool stopping;

		sandbox_unsubscribe(b, sandbox);
		mutex_lock(&b->lock);
		stopping = sandbox->busy || sandbox->gone || sandbox->record.state != RUNTIME_SANDBOX_READY;
		mutex_unlock(&b->lock);
		/* One that is being stopped ends its shim itself. */
		if (!stopping)
			sandbox_shim_died(b, sandbox);
	}
	MUTEX_GUARD(&b->lock);
	sandbox_unref(sandbox);
}

static void events_main(void *data)
{
	struct builtin *b = data;
	struct epoll_event events[16];
	char *buffer = xmalloc(LIMIT_SHIM_MESSAGE);

	log_set_component("runtime");
	for (;;) {
		int n = epoll_wait(b->epoll_fd, events, ARRAY_LEN(events), -1);

		if (__atomic_load_n(&b->ending, __ATOMIC_ACQUIRE))
			break;
		for (int i = 0; i < n; i++)
			if (events[i].data.fd != b->wake_fd)
				shim_ready(b, events[i].data.fd, buffer);
	}
	free(buffer);
}

int builtin_events_start(struct builtin *b, struct error *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	b->wake_fd = eventfd(0, EFD_CLOEXEC);
	event.data.fd = b->wake_fd;
	if (b->epoll_fd < 0 || b->wake_fd < 0 || epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, b->wake_fd, &event) < 0)
		return error_set_errno(err, errno, "watch shims");
	return thread_start("runtime", events_main, b, &b->events, err);
}

void builtin_events_stop(struct builtin *b)
{
	if (b->events) {
		__atomic_store_n(&b->ending, true, __ATOMIC_RELEASE);
		if (eventfd_write(b->wake_fd, 1) < 0)
			abort();
		b->events = thread_join(b->events);
	}
	b->wake_fd = close_fd(b->wake_fd);
	b->epoll_fd = close_fd(b->epoll_fd);
}
