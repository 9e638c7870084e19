/* The nftables socket, the `nft` program, and reading what is there; see nftables.h.  Batches are in nft_batch.c. */
#include "sys/nftables.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "sys/nft_internal.h"
#include "sys/process.h"

#define NFT_TIMEOUT_NS (60 * NS_PER_SEC)

int nft_open(struct nft **ret, struct error *err)
{
	struct nft *nft = XNEW(struct nft);

	nft->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nft->socket || mnl_socket_bind(nft->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		nft_close(nft);
		return error_set_errno(err, error, "open a netfilter socket");
	}
	nft->port = mnl_socket_get_portid(nft->socket);
	*ret = nft;
	return 0;
}

struct nft *nft_close(struct nft *nft)
{
	if (nft && nft->socket)
		mnl_socket_close(nft->socket);
	free(nft);
	return NULL;
}

/* A file in memory with the text of the script, read from its beginning. */
static int script_fd(struct str script)
{
	cleanup_close int fd = memfd_create("nft", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < script.len) {
		ssize_t n = write(fd, script.data + done, script.len - done);

		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return TAKE_FD(fd);
}

int nft_load(struct str script, struct error *err)
{
	static const char *const args[] = {"nft", "-f", "-", NULL};
	cleanup_close int input = script_fd(script);
	cleanup_close int output = memfd_create("nft", MFD_CLOEXEC);
	struct process_options options = {.argv = args, .stdio = {input, output, output}};
	char said[400] = "";
	int status = 0;
	ssize_t len;
	pid_t pid;

	if (input < 0 || output < 0)
		return error_set_errno(err, errno, "prepare the nft program");
	if (process_spawn(&options, &pid, err) < 0)
		return error_wrap(err, "run the nft program (package nftables)");
	if (process_wait(pid, clock_monotonic_ns() + NFT_TIMEOUT_NS, &status) < 0) {
		kill(pid, SIGKILL);
		if (process_wait(pid, 0, &status) < 0)
			return error_set(err, ERR_TIMEOUT, "the nft program cannot be waited for");
		return error_set(err, ERR_TIMEOUT, "the nft program did not finish");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	len = pread(output, said, sizeof(said) - 1, 0);
	for (ssize_t i = 0; i < len; i++)
		if (said[i] == '\n')
			said[i] = ' ';
	return error_set(err, ERR_SYSTEM, "nft refused the rules: %s", said);
}

struct nlmsghdr *nft_start(struct nft *nft, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(nft->buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = ++nft->sequence;
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return request;
}

int nft_talk(struct nft *nft, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	unsigned sequence = request->nlmsg_seq;

	if (mnl_socket_sendto(nft->socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(nft->socket, nft->buffer, sizeof(nft->buffer));
		int result;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		result = mnl_cb_run(nft->buffer, (size_t)len, sequence, nft->port, each, data);
		if (result < 0)
			return -errno;
		if (result == MNL_CB_STOP)
			return 0;
	}
}

struct set_reader {
	void (*each)(void *data, const struct nft_element *element);
	void *data;
};

static const struct nlattr *child(const struct nlattr *parent, uint16_t type)
{
	const struct nlattr *attr;

	MNL_ATTR_FOREACH_NESTED (attr, parent)
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static void read_verdict(const struct nlattr *verdict, struct nft_element *ret)
{
	const struct nlattr *code = child(verdict, NFTA_VERDICT_CODE), *chain = child(verdict, NFTA_VERDICT_CHAIN);
	int32_t number = code ? (int32_t)ntohl(mnl_attr_get_u32(code)) : 0;

	ret->kind = NFT_VALUE_OTHER;
	if (number == NFT_GOTO && chain && mnl_attr_get_payload_len(chain) < NFT_NAME_SIZE) {
		ret->kind = NFT_VALUE_GOTO;
		memcpy(ret->chain, mnl_attr_get_payload(chain), mnl_attr_get_payload_len(chain));
	} else if (code && number == NF_DROP) {
		ret->kind = NFT_VALUE_DROP;
	}
}

/* False for an element we could not have made. */
static bool read_element(const struct nlattr *attr, struct nft_element *ret)
{
	const struct nlattr *key = child(attr, NFTA_SET_ELEM_KEY), *data = child(attr, NFTA_SET_ELEM_DATA);
	const struct nlattr *value = key ? child(key, NFTA_DATA_VALUE) : NULL;
	size_t size = value ? mnl_attr_get_payload_len(value) : 0;

	memset(ret, 0, sizeof(*ret));
	if (size == 0 || size > NFT_KEY_SIZE)
		return false;
	ret->key_size = (uint8_t)size;
	memcpy(ret->key, mnl_attr_get_payload(value), size);
	if (!data)
		return true;
	value = child(data, NFTA_DATA_VERDICT);
	if (value) {
		read_verdict(value, ret);
		return true;
	}
	value = child(data, NFTA_DATA_VALUE);
	size = value ? mnl_attr_get_payload_len(value) : 0;
	if (size == 0 || size > NFT_VALUE_SIZE)
		return false;
	ret->kind = NFT_VALUE_DATA;
	ret->value_size = (uint8_t)size;
	memcpy(ret->value, mnl_attr_get_payload(value), size);
	return true;
}

static int take_elements(const struct nlmsghdr *message, void *data)
{
	const struct set_reader *reader = data;
	const struct nlattr *attr, *item;
	struct nft_element element;

	MNL_ATTR_FOREACH (attr, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		MNL_ATTR_FOREACH_NESTED (item, attr)
			if (read_element(item, &element))
				reader->each(reader->data, &element);
	}
	return MNL_CB_OK;
}

int nft_set_read(struct nft *nft, const struct nft_set *set,
		 void (*each)(void *data, const struct nft_element *element), void *data, struct error *err)
{
	struct set_reader reader = {each, data};
	int result = -EINTR;

	for (int i = 0; i < 10 && result == -EINTR; i++) {
		struct nlmsghdr *request = nft_start(nft, NFT_MSG_GETSETELEM, NLM_F_DUMP, set->family);

		if (i > 0)
			each(data, NULL);
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, set->table);
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set->name);
		result = nft_talk(nft, request, take_elements, &reader);
	}
	if (result == -ENOENT)
		return error_set(err, ERR_NOT_FOUND, "nftables set %s of table %s is gone", set->name, set->table);
	return result < 0 ? error_set_errno(err, -result, "read nftables set %s", set->name) : 0;
}

struct chain_reader {
	const char *table;
	char chain[NFT_NAME_SIZE];
	unsigned rules;
	void (*each)(void *data, const char *chain, unsigned rules);
	void *data;
};

static const struct nlattr *find(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr;

	MNL_ATTR_FOREACH (attr, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static bool attr_is(const struct nlattr *attr, const char *text)
{
	return attr && mnl_attr_get_payload_len(attr) == strlen(text) + 1 &&
	       memcmp(mnl_attr_get_payload(attr), text, strlen(text)) == 0;
}

static int count_rule(const struct nlmsghdr *message, void *data)
{
	struct chain_reader *reader = data;

	if (attr_is(find(message, NFTA_RULE_TABLE), reader->table) &&
	    attr_is(find(message, NFTA_RULE_CHAIN), reader->chain))
		reader->rules++;
	return MNL_CB_OK;
}

struct chain_names {
	const char *table;
	size_t len, cap;
	char (*names)[NFT_NAME_SIZE];
};

static int take_chain(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *name = find(message, NFTA_CHAIN_NAME);
	struct chain_names *list = data;

	if (!attr_is(find(message, NFTA_CHAIN_TABLE), list->table) || !name ||
	    mnl_attr_get_payload_len(name) > NFT_NAME_SIZE)
		return MNL_CB_OK;
	if (list->len == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 64;
		list->names = xrealloc_array(list->names, list->cap, sizeof(*list->names));
	}
	snprintf(list->names[list->len++], NFT_NAME_SIZE, "%s", mnl_attr_get_str(name));
	return MNL_CB_OK;
}

int nft_table_read_chains(struct nft *nft, uint8_t family, const char *table,
			  void (*each)(void *data, const char *chain, unsigned rules), void *data, struct error *err)
{
	struct chain_names list = {.table = table};
	int result = -EINTR;

	for (int i = 0; i < 10 && result == -EINTR; i++) {
		list.len = 0;
		result = nft_talk(nft, nft_start(nft, NFT_MSG_GETCHAIN, NLM_F_DUMP, family), take_chain, &list);
	}
	for (size_t i = 0; i < list.len && result >= 0; i++) {
		struct chain_reader reader = {.table = table};
		struct nlmsghdr *request;

		snprintf(reader.chain, sizeof(reader.chain), "%s", list.names[i]);
		result = -EINTR;
		for (int attempt = 0; attempt < 10 && result == -EINTR; attempt++) {
			reader.rules = 0;
			request = nft_start(nft, NFT_MSG_GETRULE, NLM_F_DUMP, family);
			mnl_attr_put_strz(request, NFTA_RULE_TABLE, table);
			mnl_attr_put_strz(request, NFTA_RULE_CHAIN, reader.chain);
			result = nft_talk(nft, request, count_rule, &reader);
		}
		if (result >= 0)
			each(data, reader.chain, reader.rules);
	}
	free(list.names);
	return result < 0 ? error_set_errno(err, -result, "read the chains of nftables table %s", table) : 0;
}

static int take_generation(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *id = find(message, NFTA_GEN_ID);

	if (id)
		*(uint32_t *)data = ntohl(mnl_attr_get_u32(id));
	return MNL_CB_OK;
}

int nft_generation(struct nft *nft, uint32_t *ret, struct error *err)
{
	struct nlmsghdr *request = nft_start(nft, NFT_MSG_GETGEN, NLM_F_ACK, AF_UNSPEC);
	uint32_t id = 0;
	int result = nft_talk(nft, request, take_generation, &id);

	if (result < 0)
		return error_set_errno(err, -result, "ask for the nftables generation");
	*ret = id;
	return 0;
}

int nft_table_delete(struct nft *nft, uint8_t family, const char *table, struct error *err)
{
	struct nft_batch *batch = nft_batch_new();
	struct error why = {0};
	int result;

	nft_batch_delete_table(batch, family, table);
	result = nft_batch_commit(nft, batch, &why);
	nft_batch_free(batch);
	return result < 0 && why.code != ERR_NOT_FOUND ? error_pass(err, &why) : 0;
}
