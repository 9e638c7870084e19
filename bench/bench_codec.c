/* The codecs on a typical Pod of about two kilobytes, as a node's kubelet sees it: JSON, protobuf, trees, YAML. */
#include "bench.h"

#include <stdlib.h>

#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "types/codec.h"
#include "types/field_owners.h"
#include "types/gen/core_v1.h"

static const char pod_text[] =
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web-7d4b9c6f5-x2x8z\",\"generateName\":\"web-"
	"7d4b9c6f5-\",\"namespace\":\"default\",\"uid\":\"1c7ad0a2-8b7e-4b7c-9d53-2f6f1e9d6a11\",\"resourceVersion\":"
	"\"48213\",\"creationTimestamp\":\"2025-03-04T10:11:12Z\",\"labels\":{\"app\":\"web\",\"pod-template-hash\":"
	"\"7d4b9c6f5\"},\"ownerReferences\":[{\"apiVersion\":\"apps/"
	"v1\",\"kind\":\"ReplicaSet\",\"name\":\"web-7d4b9c6f5\","
	"\"uid\":\"aa0b6f0e-94f1-4b6e-8a5f-0a4a9a0d1b22\",\"controller\":true,\"blockOwnerDeletion\":true}]},\"spec\":{"
	"\"volumes\":[{\"name\":\"kube-api-access-8vq2x\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{"
	"\"expirationSeconds\":3607,\"path\":\"token\"}},{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{"
	"\"key\":"
	"\"ca.crt\",\"path\":\"ca.crt\"}]}}],\"defaultMode\":420}}],\"containers\":[{\"name\":\"web\",\"image\":"
	"\"registry."
	"example/web:1.27.3\",\"args\":[\"--listen\",\":8080\"],\"ports\":[{\"name\":\"http\",\"containerPort\":8080,"
	"\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"MODE\",\"value\":\"production\"}],\"resources\":{\"limits\":{"
	"\"cpu\":"
	"\"500m\",\"memory\":\"128Mi\"},\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}},\"volumeMounts\":[{"
	"\"name\":"
	"\"kube-api-access-8vq2x\",\"readOnly\":true,\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"}],"
	"\"readinessProbe\":{\"httpGet\":{\"path\":\"/"
	"healthz\",\"port\":\"http\",\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,"
	"\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3},\"terminationMessagePath\":\"/dev/"
	"termination-"
	"log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],\"restartPolicy\":"
	"\"Always\","
	"\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\"serviceAccountName\":\"default\","
	"\"nodeName\":"
	"\"node-1\",\"securityContext\":{},\"schedulerName\":\"default-scheduler\",\"tolerations\":[{\"key\":\"node."
	"kubernetes"
	".io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}],\"priority\":0,"
	"\"enableServiceLinks\":true,\"preemptionPolicy\":\"PreemptLowerPriority\"},\"status\":{\"phase\":\"Running\","
	"\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
	"\"2025-03-04T10:11:15Z\"}],\"hostIP\":\"10.0.0.5\",\"podIP\":\"10.244.1.7\",\"qosClass\":\"Burstable\"}}";

static void check(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "bench_codec: %s\n", what);
		exit(1);
	}
}

static void bench_json(struct str text, const void *pod)
{
	struct buf cleanup_buf out;

	buf_init(&out, LIMIT_OBJECT);
	encode_json(&schema_core_v1_pod, pod, ENCODE_KIND, &out);
	check(str_eq(buf_view(&out), text), "the pod is not written as it was read");
	BENCH ("codec/json/decode", text.len) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		void *data;

		check(decode_json(&schema_core_v1_pod, text, &arena, NULL, &data, &err) == 0, "decode_json");
		bench_keep(data);
	}
	BENCH ("codec/json/encode", text.len) {
		buf_clear(&out);
		encode_json(&schema_core_v1_pod, pod, ENCODE_KIND, &out);
		bench_keep(out);
	}
}

static void bench_proto(const void *pod)
{
	struct buf cleanup_buf out;
	struct bytes message;

	buf_init(&out, LIMIT_OBJECT);
	encode_proto(&schema_core_v1_pod, pod, &out);
	message = (struct bytes){(const uint8_t *)out.data, out.len};
	BENCH ("codec/proto/decode", message.len) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		void *data;

		check(decode_proto(&schema_core_v1_pod, message, &arena, &data, &err) == 0, "decode_proto");
		bench_keep(data);
	}
	BENCH ("codec/proto/encode", message.len) {
		struct buf cleanup_buf again;

		buf_init(&again, LIMIT_OBJECT);
		encode_proto(&schema_core_v1_pod, pod, &again);
		bench_keep(again);
	}
}

static void bench_trees(struct str text, const void *pod)
{
	struct arena cleanup_arena kept = {0};
	struct value *tree = encode_value(&schema_core_v1_pod, pod, ENCODE_KIND, &kept);
	struct buf cleanup_buf yaml;

	buf_init(&yaml, LIMIT_OBJECT);
	BENCH ("codec/tree/parse", text.len) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		struct value *value;

		check(json_parse(text, &arena, NULL, &value, &err) == 0, "json_parse");
		bench_keep(value);
	}
	BENCH ("codec/tree/to-struct", 0) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		void *data;

		check(decode_value(&schema_core_v1_pod, tree, &arena, NULL, &data, &err) == 0, "decode_value");
		bench_keep(data);
	}
	BENCH ("codec/tree/from-struct", 0) {
		struct arena cleanup_arena arena = {0};
		struct value *value = encode_value(&schema_core_v1_pod, pod, ENCODE_KIND, &arena);

		bench_keep(value);
	}
	yaml_write(tree, &yaml);
	BENCH ("codec/yaml/decode", yaml.len) {
		struct arena cleanup_arena arena = {0};
		struct error err = {0};
		void *data;

		check(decode_yaml(&schema_core_v1_pod, buf_view(&yaml), &arena, NULL, &data, &err) == 0, "decode_yaml");
		bench_keep(data);
	}
}

/* Whose the fields are after an update that changed the phase: the trees of both states, the comparison, the owners. */
static void bench_owners(const struct core_v1_pod *pod)
{
	struct core_v1_pod changed = *pod;
	const struct schema *schema = &schema_core_v1_pod;

	changed.status.phase = STR("Failed");
	BENCH ("fields/update", 0) {
		struct arena cleanup_arena arena = {0};
		struct field_owners owners = {.arena = &arena};
		struct field_actor actor = {.manager = STR("m"), .api_version = STR("v1")};
		struct field_change change = {
			.schema = schema,
			.live = encode_value(schema, pod, ENCODE_KIND, &arena),
			.ignored = field_set_server_owned(&arena),
		};

		field_owners_update(&owners, &change, encode_value(schema, &changed, ENCODE_KIND, &arena), &actor);
		bench_keep(owners);
	}
	BENCH ("fields/create", 0) {
		struct arena cleanup_arena arena = {0};
		struct field_owners owners = {.arena = &arena};
		struct field_actor actor = {.manager = STR("m"), .api_version = STR("v1")};
		struct core_v1_pod nothing = {.metadata.name = STR("web")};
		struct field_change change = {
			.schema = schema,
			.live = encode_value(schema, &nothing, ENCODE_KIND, &arena),
			.ignored = field_set_server_owned(&arena),
		};

		field_owners_update(&owners, &change, encode_value(schema, pod, ENCODE_KIND, &arena), &actor);
		bench_keep(owners);
	}
}

int main(void)
{
	struct str text = {pod_text, sizeof(pod_text) - 1};
	struct arena cleanup_arena arena = {0};
	struct error err = {0};
	void *pod;

	check(decode_json(&schema_core_v1_pod, text, &arena, NULL, &pod, &err) == 0, err.message);
	printf("# a pod of %zu bytes\n", text.len);
	bench_json(text, pod);
	bench_proto(pod);
	bench_trees(text, pod);
	bench_owners(pod);
	return 0;
}
