/*
 * The node's network components against a real API server: component_driver KUBECONFIG NODE CLUSTERCIDRS
 *
 * kube-proxy on a thread, and the DNS feed on standard output, which a dns_driver reads.  Ends cleanly at the end of
 * standard input.
 */
#include "client/kubeconfig.h"
#include "dns/source.h"
#include "proxy/component.h"
#include "sys/loop.h"
#include "sys/thread.h"

static void run_proxy(void *component)
{
	proxy_component_run(component);
}

static void input(void *loop, unsigned events UNUSED)
{
	char byte;

	if (read(0, &byte, 1) <= 0)
		loop_stop(loop);
}

static void fail(const struct error *err)
{
	fprintf(stderr, "%s\n", err->message);
	exit(1);
}

static void run_feed(struct transport *transport)
{
	struct loop *loop = loop_new();
	struct informer_set *informers = informer_set_new(loop, transport);
	struct dns_source *source = dns_source_new(&(struct dns_source_config){.loop = loop, .informers = informers});
	struct loop_watch *watch;
	struct error err = {0};
	int error;

	informer_set_start(informers);
	if (dns_source_attach(source, 1, &err) < 0)
		fail(&err);
	watch = loop_watch_new(loop, 0, LOOP_READ, input, loop, &error);
	loop_run(loop);
	loop_watch_free(watch);
	informer_set_free(informers);
	dns_source_free(source);
	loop_free(loop);
}

int main(int argc, char **argv)
{
	struct proxy_component_config config = {.min_sync_ns = 50000000};
	struct arena cleanup_arena arena = {0};
	struct proxy_component *proxy;
	struct https_config https;
	struct transport *transport;
	struct ip_prefix cidr;
	struct error err = {0};
	struct thread *thread;

	if (argc != 4 || ip_prefix_parse(str_from(argv[3]), &cidr) < 0)
		return 2;
	if (kubeconfig_load(argv[1], STR_EMPTY, &arena, &https, &err) < 0 ||
	    https_transport_new(&https, &transport, &err) < 0)
		fail(&err);
	config.transport = transport;
	config.proxy = (struct proxy_config){.node_name = argv[2], .cluster_cidrs = &cidr, .cluster_cidrs_len = 1};
	if (proxy_component_new(&config, &proxy, &err) < 0 ||
	    thread_start("proxy", run_proxy, proxy, &thread, &err) < 0)
		fail(&err);
	run_feed(transport);
	proxy_component_stop(proxy);
	thread_join(thread);
	proxy_component_free(proxy);
	transport_free(transport);
	return 0;
}
