/*
 * Every ceiling in one place.  Whatever outside data can make grow has a name here; code refers to the name, and the
 * error that turns something away says which limit it met.  Sizes are bytes.
 */
#ifndef WHERRY_BASE_LIMITS_H
#define WHERRY_BASE_LIMITS_H

#define KIB			  (1024)
#define MIB			  (1024 * 1024)

#define LIMIT_REQUEST_BODY	  (3 * MIB)  /* upstream's MaxRequestBodyBytes; more is 413 */
#define LIMIT_REQUEST_MEMORY	  (64 * MIB) /* one request's arena */
#define LIMIT_REQUEST_HEADERS	  (1 * MIB)  /* all header fields of a request; net/http's DefaultMaxHeaderBytes */
#define LIMIT_REQUEST_FIELDS	  1000	     /* header fields of a request */
#define LIMIT_RESPONSE_BODY	  (1024 * MIB)
#define LIMIT_DIFF_LINES	  2000		/* lines of each of two texts that an error compares */
#define LIMIT_OBJECT		  (3 * MIB / 2) /* a stored value: etcd's default request limit */
#define LIMIT_ANNOTATIONS	  (256 * KIB)	/* all keys and values of an object, upstream's */
#define LIMIT_STORE_KEY		  1024		/* a stored key, its topic too */
#define LIMIT_STORE_HEADER	  (512 * KIB)	/* labels and selectable fields of a stored value */
#define LIMIT_STORE_VERSIONS	  (1 << 18)	/* kept for watches and old pages of lists: 33 MB of memory */
#define LIMIT_STORE_OBJECTS	  (4 * MIB)	/* decoded objects of the last writes */
#define LIMIT_JSON_DEPTH	  1000		/* nesting of JSON, YAML and protobuf input (json.Decoder has 10 000) */
#define LIMIT_YAML_ALIASES	  99	/* nodes a document's aliases may add for each node written, as upstream */
#define LIMIT_PATCH_OPERATIONS	  10000 /* of one JSON patch, upstream's MaxJSONPatchOperations */
#define LIMIT_FIELD_UPDATERS	  10	/* entries of managedFields for updates, upstream's; older ones are joined */
#define LIMIT_CONNECTIONS	  10000 /* open connections of one server */
#define LIMIT_HTTP2_STREAMS	  250	/* concurrent streams of one connection, upstream's default */
#define LIMIT_HTTP2_RESETS	  1000	/* streams a peer may reset at once, and so requests it leaves behind */
#define LIMIT_HTTP2_RESETS_SECOND 33	/* and go on resetting each second */
#define LIMIT_HTTP2_ACKS	  1000	/* answers to PING and SETTINGS that a peer has not taken */
#define LIMIT_HTTP2_CONTINUATIONS 64	/* frames of one header; as many as LIMIT_REQUEST_HEADERS fills */
#define LIMIT_CONNECTION_BUFFER	  (1 * MIB)   /* bytes written and not yet taken by a peer */
#define LIMIT_SPDY_STREAMS	  1024	      /* of one connection: two for each connection of kubectl port-forward */
#define LIMIT_TIME_ZONE		  (256 * KIB) /* a file of the tz database */
#define LIMIT_SPDY_CONTROL	  (64 * KIB)  /* a control frame */
#define LIMIT_SPDY_HEADERS	  (64 * KIB)  /* a header block, decompressed */
#define LIMIT_SPDY_FIELDS	  100	      /* values in a header block */
#define LIMIT_WATCH_EVENTS	  1000 /* events queued for a watcher; what is beyond it reads from the history */
#define LIMIT_RELAY_BUFFER	  (256 * KIB)
#define LIMIT_HANDOVER		  (64 * KIB) /* one frame from a child to its supervisor */
#define LIMIT_LOG_LINE		  (16 * KIB)
#define LIMIT_LOG_RAW_LINE	  (256 * KIB) /* a line of a log file, its time and tags included */
#define LIMIT_HANDLER_THREADS	  600	  /* requests that may block at the same time; upstream's 400 + 200 in flight */
#define LIMIT_METRICS_PER_FAMILY  2000	  /* sets of label values; more share one called "other" */
#define LIMIT_QUEUE		  1000000 /* keys in a work queue */
#define LIMIT_OBJECT_KEYS	  100000  /* values one object is indexed under, keys one event concerns */
#define LIMIT_CLIENT_CALL_SECONDS 60	  /* one call of a component to the API */
#define LIMIT_CREDENTIAL	  (1 * MIB)  /* a kubeconfig, or a certificate, key or token it names */
#define LIMIT_RECORDED_EVENTS	  1000	     /* events waiting to be written */
#define LIMIT_KUBELET_REVIEWS	  8192	     /* answers to token and access reviews remembered, of each kind */
#define LIMIT_KUBELET_ASKING	  1000	     /* requests to a kubelet that wait for a review */
#define LIMIT_EXEC_OUTPUT	  (16 * MIB) /* each stream of a synchronous exec; containerd's maxExecSyncSize */
#define LIMIT_IMAGE_BLOB	  (UINT64_C(64) << 30) /* one layer, compressed or not */
#define LIMIT_IMAGE_ENTRIES	  2000000	       /* files in one layer */
#define LIMIT_IMAGE_JSON	  (4 * MIB)	       /* an index, manifest or configuration */
#define LIMIT_IMAGE_LAYERS	  120		       /* of one image; what one overlay mount takes */
#define LIMIT_IMAGE_NAME	  1024		       /* an image's name, tag and digest included */
#define LIMIT_RECORD		  (4 * MIB)	       /* a sandbox's or container's record on disk */
#define LIMIT_SHIM_MESSAGE	  (64 * KIB)	       /* one message of the shim's protocol */
#define LIMIT_NFT_BATCH		  (64 * MIB)	       /* one nftables transaction */
#define LIMIT_DNS_FRAME		  (16 * MIB)	       /* one frame of the DNS feed: a service with its endpoints */
#define LIMIT_DNS_BACKLOG	  (128 * MIB)	       /* frames a DNS process has not read yet: a snapshot and more */
#define LIMIT_DNS_CLIENTS	  256		       /* open TCP connections to the DNS server */
#define LIMIT_DNS_FORWARDS	  1000		       /* questions on their way to other name servers */
#define LIMIT_DNS_REQUESTS	  4096		       /* clients waiting for other name servers */
#define LIMIT_DNS_CACHE		  10000		       /* answers of other name servers remembered */

#endif
