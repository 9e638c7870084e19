/* Validation of claims, volumes and what provides them. */
#include "unit.h"

#include "validation.h"

#define CLAIM		      "/v1/persistentvolumeclaims"
#define SIZE(size)	      "resources: {requests: {storage: " size "}}"
#define CLAIM_OF(more)	      "{spec: {accessModes: [ReadWriteOnce], " SIZE("1Gi") more "}}"
#define VOLUME		      "/v1/persistentvolumes"
#define VOLUME_OF(more)	      "{spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], " more "}}"
#define HOST		      "hostPath: {path: /data}"
#define CLASS		      "storage.k8s.io/v1/storageclasses"
#define DRIVER		      "storage.k8s.io/v1/csidrivers"
#define CSI_NODE	      "storage.k8s.io/v1/csinodes"
#define CAPACITY	      "storage.k8s.io/v1/csistoragecapacities"
#define ATTACHMENT	      "storage.k8s.io/v1/volumeattachments"
#define ATTACHMENT_OF(source) "{spec: {attacher: d.example.com, nodeName: nn, source: {" source "}}}"
#define ATTRIBUTES	      "storage.k8s.io/v1/volumeattributesclasses"
#define SUBDOMAIN                                                                                                      \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "     \
	"start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "              \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static void test_claims(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{CLAIM, CLAIM_OF(", storageClassName: ''"), ""},
		{CLAIM, CLAIM_OF(", dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: s}"),
		 ""},
		{CLAIM, "{spec: {}}",
		 "[spec.accessModes: Required value: at least 1 access mode is required, spec.resources[storage]: "
		 "Required value]"},
		{CLAIM, "{spec: {accessModes: [ReadWriteOncePod, ReadWriteMany, X], " SIZE("-1") "}}",
		 "[spec.accessModes: Unsupported value: \"X\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", "
		 "\"ReadWriteOnce\", \"ReadWriteOncePod\", spec.accessModes: Forbidden: may not use ReadWriteOncePod "
		 "with other "
		 "access modes, spec.resources[storage]: Invalid value: \"-1\": must be greater than zero]"},
		{CLAIM, CLAIM_OF(", volumeMode: Tape"),
		 "spec.volumeMode: Unsupported value: \"Tape\": supported values: \"Block\", \"Filesystem\""},
		{CLAIM, CLAIM_OF(", dataSource: {kind: PersistentVolumeClaim}"),
		 "[spec.dataSource.name: Required value, spec.dataSourceRef.name: Required value]"},
		{CLAIM,
		 CLAIM_OF(", dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: "
			  "PersistentVolumeClaim, name: b}"),
		 "spec: Invalid value: {}: must match dataSourceRef"},
		{CLAIM, CLAIM_OF(", volumeAttributesClassName: B_"),
		 "spec.volumeAttributesClassName: Invalid value: \"B_\": " SUBDOMAIN},
		{CLAIM, CLAIM_OF(", volumeName: v"), "", .old = CLAIM_OF("")},
		{CLAIM, CLAIM_OF(", storageClassName: s"), "", .old = CLAIM_OF("")},
		{CLAIM,
		 "{status: {phase: Bound}, spec: {accessModes: [ReadWriteOnce], volumeName: v, " SIZE("2Gi") "}}", "",
		 .old = CLAIM_OF(", volumeName: v")},
		{CLAIM, CLAIM_OF(", volumeMode: Block"),
		 "[spec: Forbidden: spec is immutable after creation except "
		 "resources.requests and volumeAttributesClassName for bound claims\n@@ -11,7 +11,7 @@\n  },\n  "
		 "\"VolumeName\": "
		 "\"\",\n  \"StorageClassName\": null,\n- \"VolumeMode\": \"Filesystem\",\n+ \"VolumeMode\": "
		 "\"Block\",\n  "
		 "\"DataSource\": null,\n  \"DataSourceRef\": null,\n  \"VolumeAttributesClassName\": null\n, "
		 "volumeMode: Invalid "
		 "value: \"Block\": field is immutable]",
		 .old = CLAIM_OF("")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_volumes(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{VOLUME, VOLUME_OF(HOST), ""},
		{VOLUME, VOLUME_OF("nfs: {server: s, path: /x}, mountOptions: [hard], claimRef: {name: a}"), ""},
		{VOLUME,
		 VOLUME_OF(
			 "csi: {driver: D.example.com, volumeHandle: h, nodeStageSecretRef: {name: a, namespace: b}}"),
		 ""},
		{VOLUME, "{spec: {}}",
		 "[spec.accessModes: Required value, spec.capacity: Required value, spec.capacity: Unsupported value: "
		 "null: "
		 "supported values: \"storage\", spec: Required value: must specify a volume type]"},
		{VOLUME, "{spec: {capacity: {cpu: 1}, accessModes: [ReadWriteOnce], " HOST "}}",
		 "spec.capacity: Unsupported value: {\"cpu\":\"1\"}: supported values: \"storage\""},
		{VOLUME, VOLUME_OF(HOST ", nfs: {}"), "spec.nfs: Forbidden: may not specify more than 1 volume type"},
		{VOLUME, VOLUME_OF("csi: {nodePublishSecretRef: {}}"),
		 "[spec.csi.driver: Required value, spec.csi.volumeHandle: Required value, "
		 "spec.csi.nodePublishSecretRef.name: "
		 "Required value, spec.csi.nodePublishSecretRef.namespace: Required value]"},
		{VOLUME, VOLUME_OF("local: {path: /a/../b}"),
		 "[spec.local.path: Invalid value: \"/a/../b\": must not contain '..', spec.nodeAffinity: Required "
		 "value: Local "
		 "volume requires node affinity]"},
		{VOLUME, VOLUME_OF("nodeAffinity: {}, " HOST),
		 "spec.nodeAffinity.required: Required value: must specify required node constraints"},
		{VOLUME, VOLUME_OF("persistentVolumeReclaimPolicy: Recycle, hostPath: {path: //.}"),
		 "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"},
		{VOLUME, VOLUME_OF("volumeAttributesClassName: '', " HOST),
		 "[spec.volumeAttributesClassName: Required value: an empty string is disallowed, spec.csi: Required "
		 "value: has to "
		 "be specified when using volumeAttributesClassName]"},
		{VOLUME, VOLUME_OF("iscsi: {iqn: x}"),
		 "[spec.iscsi.targetPortal: Required value, spec.iscsi.iqn: Invalid value: \"x\": must be valid "
		 "format]"},
		{VOLUME, VOLUME_OF("flexVolume: {options: {kubernetes.io/x: a}}"),
		 "[spec.flexVolume.driver: Required value, spec.flexVolume.options[kubernetes.io/x]: Invalid value: "
		 "\"kubernetes.io/x\": kubernetes.io and k8s.io namespaces are reserved]"},
		{VOLUME, VOLUME_OF("storageClassName: s, " HOST), "", .old = VOLUME_OF(HOST)},
		{VOLUME,
		 VOLUME_OF("csi: {driver: d, volumeHandle: h, controllerExpandSecretRef: {name: a, namespace: b}}"), "",
		 .old = VOLUME_OF("csi: {driver: d, volumeHandle: h}")},
		{VOLUME, VOLUME_OF("volumeMode: Block, " HOST),
		 "volumeMode: Invalid value: \"Block\": field is immutable", .old = VOLUME_OF(HOST)},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_classes(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{CLASS, "{provisioner: Kubernetes.io/no-provisioner, parameters: {a: b}}", ""},
		{CLASS, "{}", "provisioner: Required value"},
		{CLASS, "{provisioner: p, parameters: {'': b}}",
		 "parameters: Invalid value: \"\": field can not be empty."},
		{CLASS, "{provisioner: p, reclaimPolicy: Recycle, volumeBindingMode: Later}",
		 "[reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\", "
		 "volumeBindingMode: "
		 "Unsupported value: \"Later\": supported values: \"Immediate\", \"WaitForFirstConsumer\"]"},
		{CLASS,
		 "{provisioner: p, allowedTopologies: [{matchLabelExpressions: [{key: a}, {key: a, values: [x, x]}]}]}",
		 "[allowedTopologies[0].matchLabelExpressions[0].values: Required value, "
		 "allowedTopologies[0].matchLabelExpressions[1].values[1]: Duplicate value: \"x\", "
		 "allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: \"a\"]"},
		{CLASS,
		 "{provisioner: q, parameters: {a: c}, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer}",
		 "[parameters: Invalid value: {\"a\":\"c\"}: field is immutable, provisioner: Invalid value: \"q\": "
		 "field is "
		 "immutable, reclaimPolicy: Invalid value: \"Retain\": field is immutable, volumeBindingMode: Invalid "
		 "value: "
		 "\"WaitForFirstConsumer\": field is immutable]",
		 .old = "{provisioner: p, parameters: {a: b}}"},
		{CLASS, "{provisioner: p, allowVolumeExpansion: true, mountOptions: [a]}", "",
		 .old = "{provisioner: p}"},
		{ATTRIBUTES, "{driverName: d.example.com, parameters: {a: b}}", ""},
		{ATTRIBUTES, "{}",
		 "[driverName: Required value, parameters: Required value: must contain at least one key/value pair]"},
		{ATTRIBUTES, "{driverName: e, parameters: {a: b}}",
		 "driverName: Forbidden: updates to driverName are forbidden.",
		 .old = "{driverName: d, parameters: {a: b}}"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_csi(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{DRIVER, "{spec: {attachRequired: false, fsGroupPolicy: File, tokenRequests: [{audience: a}]}}", ""},
		{DRIVER, "{spec: {volumeLifecycleModes: [X], fsGroupPolicy: X}}",
		 "[spec.fsGroupPolicy: Unsupported value: \"X\": supported values: \"File\", \"None\", "
		 "\"ReadWriteOnceWithFSType\", spec.volumeLifecycleModes: Unsupported value: \"X\": supported values: "
		 "\"Persistent\", \"Ephemeral\"]"},
		{DRIVER, "{spec: {tokenRequests: [{audience: a, expirationSeconds: 5}, {audience: a}]}}",
		 "[spec.tokenRequests[0].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 "
		 "minutes, "
		 "spec.tokenRequests[1].audience: Duplicate value: \"a\"]"},
		{DRIVER, "{spec: {nodeAllocatableUpdatePeriodSeconds: 9, serviceAccountTokenInSecrets: true}}",
		 "[spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 "
		 "seconds, "
		 "spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no "
		 "tokenRequests are specified]"},
		{DRIVER, "{spec: {attachRequired: false}}",
		 "spec.attachedRequired: Invalid value: false: field is immutable", .old = "{spec: {}}"},
		{CSI_NODE, "{spec: {drivers: [{name: d, nodeID: nn, topologyKeys: [topology.example.com/zone]}]}}", ""},
		{CSI_NODE,
		 "{spec: {drivers: [{name: a, nodeID: x, topologyKeys: [k, k]}, {name: a, allocatable: {count: -1}}]}}",
		 "[spec.drivers[0]: Duplicate value: \"k\", spec.drivers[1].nodeID: Required value, "
		 "spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0, "
		 "spec.drivers[1].name: "
		 "Duplicate value: \"a\"]"},
		{CSI_NODE, "{spec: {drivers: [{name: d, nodeID: nn, allocatable: {count: 1}}]}}", "",
		 .old = "{spec: {drivers: [{name: d, nodeID: nn}]}}"},
		{CSI_NODE, "{spec: {drivers: [{name: d, nodeID: m, topologyKeys: []}]}}",
		 "spec.drivers: Invalid value: "
		 "{\"Name\":\"d\",\"NodeID\":\"m\",\"TopologyKeys\":[],\"Allocatable\":null}: field is "
		 "immutable",
		 .old = "{spec: {drivers: [{name: d, nodeID: nn}]}}"},
		{CAPACITY, "{storageClassName: s, capacity: 1Gi, nodeTopology: {}}", ""},
		{CAPACITY, "{capacity: -1}",
		 "[storageClassName: Invalid value: \"\": " SUBDOMAIN
		 ", capacity: Invalid value: \"-1\": must be greater than or equal to 0]"},
		{CAPACITY, "{storageClassName: t}", "storageClassName: Invalid value: \"t\": field is immutable",
		 .old = "{storageClassName: s}"},
		{ATTACHMENT, ATTACHMENT_OF("persistentVolumeName: pv"), ""},
		{ATTACHMENT,
		 ATTACHMENT_OF("inlineVolumeSpec: {accessModes: [ReadWriteOnce], csi: {driver: d, volumeHandle: h}}"),
		 ""},
		{ATTACHMENT, ATTACHMENT_OF(""),
		 "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"},
		{ATTACHMENT, ATTACHMENT_OF("inlineVolumeSpec: {capacity: {storage: 1}, nfs: {server: s, path: /}}"),
		 "[spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline "
		 "volumes, "
		 "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline "
		 "volumes, "
		 "spec.source.inlineVolumeSpec.accessModes: Required value]"},
		{ATTACHMENT, "{spec: {source: {persistentVolumeName: pv}, nodeName: nn}}",
		 "spec.attacher: Required value"},
		{ATTACHMENT, ATTACHMENT_OF("persistentVolumeName: pw"),
		 "spec: Invalid value: {\"Attacher\":\"d.example.com\",\"Source\":{\"PersistentVolumeName\":\"pw\","
		 "\"InlineVolumeSpec\":null},\"NodeName\":\"nn\"}: field is immutable",
		 .old = ATTACHMENT_OF("persistentVolumeName: pv")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_csi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
