/*
 * nftables transactions: messages gathered in one buffer, sent as one datagram; see nftables.h.
 *
 * Elements of the same verb and set share messages, as many as a nested attribute's 16-bit length allows.  Offsets are
 * kept, not pointers, as the buffer moves when it grows.
 */
#include "sys/nft_internal.h"

#include <libnftnl/rule.h>

#include "base/buf.h"
#include "base/limits.h"

#define ROOM	  4096 /* more than any single message but a rule takes */
#define RULE_ROOM 16384
#define LIST_FULL 60000 /* bytes of elements in one message: below the 65 535 of an attribute */

struct nft_batch {
	struct buf buf;
	size_t len;
	uint32_t sequence;
	/* The message elements are being added to; `open` is 0 for none. */
	size_t open, list;
	enum nft_verb verb;
	uint8_t family;
	char table[NFT_NAME_SIZE], set[NFT_NAME_SIZE];
};

static struct nlmsghdr *put_message(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family, size_t room)
{
	char *at = buf_reserve(&batch->buf, room);
	struct nfgenmsg *header;
	struct nlmsghdr *message;

	if (!at)
		return NULL;
	message = mnl_nlmsg_put_header(at);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++batch->sequence;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return message;
}

static struct nlmsghdr *put_nft(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family, size_t room)
{
	batch->len++;
	return put_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, room);
}

static void end_message(struct nft_batch *batch, const struct nlmsghdr *message)
{
	buf_advance(&batch->buf, MNL_ALIGN(message->nlmsg_len));
}

struct nft_batch *nft_batch_new(void)
{
	struct nft_batch *batch = XNEW(struct nft_batch);
	struct nlmsghdr *begin;

	buf_init(&batch->buf, LIMIT_NFT_BATCH);
	begin = put_message(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, ROOM);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(begin))->res_id = htons(NFNL_SUBSYS_NFTABLES);
	end_message(batch, begin);
	return batch;
}

struct nft_batch *nft_batch_free(struct nft_batch *batch)
{
	if (batch)
		buf_release(&batch->buf);
	free(batch);
	return NULL;
}

size_t nft_batch_len(const struct nft_batch *batch)
{
	return batch->len;
}

size_t nft_batch_size(const struct nft_batch *batch)
{
	return batch->buf.len;
}

/* The open message of elements gets its lengths, and no more elements. */
static void close_list(struct nft_batch *batch)
{
	struct nlmsghdr *message;
	struct nlattr *list;

	if (!batch->open || batch->buf.overflow)
		return;
	message = (void *)(batch->buf.data + batch->open);
	list = (void *)(batch->buf.data + batch->list);
	list->nla_len = (uint16_t)(batch->buf.len - batch->list);
	message->nlmsg_len = (uint32_t)(batch->buf.len - batch->open);
	batch->open = 0;
}

static bool open_list(struct nft_batch *batch, enum nft_verb verb, const struct nft_set *set)
{
	uint16_t type = verb == NFT_ADD ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM;
	struct nlmsghdr *message;
	struct nlattr *list;

	if (batch->open && batch->verb == verb && batch->family == set->family &&
	    batch->buf.len - batch->list < LIST_FULL && strcmp(batch->set, set->name) == 0 &&
	    strcmp(batch->table, set->table) == 0)
		return true;
	close_list(batch);
	message = put_nft(batch, type, verb == NFT_ADD ? NLM_F_CREATE | NLM_F_EXCL : 0, set->family, ROOM);
	if (!message)
		return false;
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, set->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set->name);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	batch->open = batch->buf.len;
	batch->list = batch->open + (size_t)((char *)list - (char *)message);
	batch->verb = verb;
	batch->family = set->family;
	snprintf(batch->table, sizeof(batch->table), "%s", set->table);
	snprintf(batch->set, sizeof(batch->set), "%s", set->name);
	end_message(batch, message);
	return true;
}

/* Attributes are written by hand here: libmnl's writers account to a message header, and this is the hot path. */
static struct nlattr *put_attr(char **at, uint16_t type, const void *data, size_t size)
{
	struct nlattr *attr = (void *)*at;
	size_t aligned = MNL_ALIGN(size);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(MNL_ATTR_HDRLEN + size);
	if (size) {
		memset(*at + MNL_ATTR_HDRLEN + aligned - 4, 0, 4);
		memcpy(*at + MNL_ATTR_HDRLEN, data, size);
	}
	*at += MNL_ATTR_HDRLEN + aligned;
	return attr;
}

static struct nlattr *begin_nest(char **at, uint16_t type)
{
	return put_attr(at, type | NLA_F_NESTED, NULL, 0);
}

static void end_nest(const char *at, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)(at - (char *)nest);
}

static void put_verdict(char **at, const struct nft_element *element)
{
	uint32_t code = htonl(element->kind == NFT_VALUE_GOTO ? (uint32_t)NFT_GOTO : NF_DROP);
	struct nlattr *verdict = begin_nest(at, NFTA_DATA_VERDICT);

	put_attr(at, NFTA_VERDICT_CODE, &code, sizeof(code));
	if (element->kind == NFT_VALUE_GOTO)
		put_attr(at, NFTA_VERDICT_CHAIN, element->chain, strlen(element->chain) + 1);
	end_nest(*at, verdict);
}

void nft_batch_element(struct nft_batch *batch, enum nft_verb verb, const struct nft_set *set,
		       const struct nft_element *element)
{
	struct nlattr *item, *key, *data;
	char *start, *at;

	assert(element->key_size > 0 && element->key_size <= NFT_KEY_SIZE && element->value_size <= NFT_VALUE_SIZE);
	assert(element->kind != NFT_VALUE_OTHER);
	if (!open_list(batch, verb, set))
		return;
	start = at = buf_reserve(&batch->buf, 512);
	if (!start)
		return;
	item = begin_nest(&at, NFTA_LIST_ELEM);
	key = begin_nest(&at, NFTA_SET_ELEM_KEY);
	put_attr(&at, NFTA_DATA_VALUE, element->key, element->key_size);
	end_nest(at, key);
	if (element->kind != NFT_VALUE_NONE) {
		data = begin_nest(&at, NFTA_SET_ELEM_DATA);
		if (element->kind == NFT_VALUE_DATA)
			put_attr(&at, NFTA_DATA_VALUE, element->value, element->value_size);
		else
			put_verdict(&at, element);
		end_nest(at, data);
	}
	end_nest(at, item);
	buf_advance(&batch->buf, (size_t)(at - start));
}

void nft_batch_chain(struct nft_batch *batch, enum nft_verb verb, uint8_t family, const char *table, const char *chain)
{
	struct nlmsghdr *message;

	close_list(batch);
	message = put_nft(batch, verb == NFT_ADD ? NFT_MSG_NEWCHAIN : NFT_MSG_DELCHAIN,
			  verb == NFT_ADD ? NLM_F_CREATE : 0, family, ROOM);
	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain);
	end_message(batch, message);
}

void nft_batch_flush_chain(struct nft_batch *batch, uint8_t family, const char *table, const char *chain)
{
	struct nlmsghdr *message;

	close_list(batch);
	message = put_nft(batch, NFT_MSG_DELRULE, 0, family, ROOM);
	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
	end_message(batch, message);
}

void nft_batch_rule(struct nft_batch *batch, const struct nftnl_rule *rule)
{
	uint8_t family = (uint8_t)nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY);
	struct nlmsghdr *message;

	close_list(batch);
	message = put_nft(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family, RULE_ROOM);
	if (!message)
		return;
	/* libnftnl only reads the rule; its parameter lacks the const. */
	nftnl_rule_nlmsg_build_payload(message, UNCONST(struct nftnl_rule *, rule));
	end_message(batch, message);
}

void nft_batch_delete_table(struct nft_batch *batch, uint8_t family, const char *table)
{
	struct nlmsghdr *message;

	close_list(batch);
	message = put_nft(batch, NFT_MSG_DELTABLE, 0, family, ROOM);
	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
	end_message(batch, message);
}

/*
 * The kernel works the batch off within sendto() and queues its answers before that returns: an error for each message
 * that failed, and the acknowledgement asked for with the last message if nothing did.  So whatever there is to read
 * is there already, and silence means that even the acknowledgement had no room.
 */
static int read_answers(struct nft *nft)
{
	int first = 0;
	bool acknowledged = false;

	for (;;) {
		ssize_t len = recv(mnl_socket_get_fd(nft->socket), nft->buffer, sizeof(nft->buffer), MSG_DONTWAIT);
		const struct nlmsghdr *message = (void *)nft->buffer;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			break;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR)
				continue;
			if (answer->error == 0)
				acknowledged = true;
			else if (first == 0)
				first = answer->error;
		}
	}
	if (first == 0 && !acknowledged)
		return errno == EAGAIN ? -EIO : -errno;
	return first;
}

static int send_all(struct nft *nft, const struct buf *buf)
{
	int fd = mnl_socket_get_fd(nft->socket), size = (int)buf->len + ROOM;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	/* A datagram must fit the send buffer whole; the second call covers a namespace without that capability. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (sendto(fd, buf->data, buf->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* The last message asks for an acknowledgement, so that success is told from an answer that got lost. */
static void ask_acknowledgement(struct nft_batch *batch)
{
	struct nlmsghdr *message = (void *)batch->buf.data, *last = NULL;
	int left = (int)batch->buf.len;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		last = message;
	if (last)
		last->nlmsg_flags |= NLM_F_ACK;
}

static int commit_error(struct error *err, int result)
{
	if (result == -ENOENT)
		return error_set(err, ERR_NOT_FOUND, "nftables: something to be changed is not there");
	if (result == -EEXIST)
		return error_set(err, ERR_ALREADY_EXISTS, "nftables: something to be made is there already");
	return error_set_errno(err, -result, "nftables refused a transaction");
}

int nft_batch_commit(struct nft *nft, struct nft_batch *batch, struct error *err)
{
	size_t body;
	struct nlmsghdr *end;
	int result;

	if (batch->len == 0)
		return 0;
	close_list(batch);
	body = batch->buf.len;
	ask_acknowledgement(batch);
	end = put_message(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, ROOM);
	if (!end || batch->buf.overflow)
		return error_set(err, ERR_TOO_LARGE, "nftables transaction is over %d bytes", LIMIT_NFT_BATCH);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(end))->res_id = htons(NFNL_SUBSYS_NFTABLES);
	end_message(batch, end);
	result = send_all(nft, &batch->buf);
	if (result == 0)
		result = read_answers(nft);
	buf_truncate(&batch->buf, body);
	return result < 0 ? commit_error(err, result) : 0;
}
