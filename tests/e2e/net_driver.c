/* The loop of the network test driver; see net_driver.h. */
#include "net_driver.h"

#include <netinet/in.h>

#define LINE_MAX_SIZE 65536

size_t split_words(struct arena *arena, struct str line, const char *const **ret)
{
	VEC_OF(const char *) words = {0};

	while (line.len > 0) {
		struct str word;

		str_cut(line, ' ', &word, &line);
		if (word.len > 0)
			vec_push(arena, &words, str_c(arena_str(arena, word)));
	}
	*ret = words.items;
	return words.len;
}

int parse_addresses(const struct call *call, const char *text, const struct ip_address **ret, size_t *ret_len,
		    struct error *err)
{
	VEC_OF(struct ip_address) list = {0};
	struct str rest = str_from(text), word;
	struct ip_address address;

	while (rest.len > 0 && !str_eq_c(rest, "-")) {
		str_cut(rest, ',', &word, &rest);
		if (ip_parse(word, &address) < 0)
			return error_set(err, ERR_INVALID, "bad address " STR_FMT, STR_ARG(word));
		vec_push(call->arena, &list, address);
	}
	*ret = list.items;
	*ret_len = list.len;
	return 0;
}

int parse_prefixes(const struct call *call, const char *text, const struct ip_prefix **ret, size_t *ret_len,
		   struct error *err)
{
	VEC_OF(struct ip_prefix) list = {0};
	struct str rest = str_from(text), word;
	struct ip_prefix prefix;

	while (rest.len > 0 && !str_eq_c(rest, "-")) {
		str_cut(rest, ',', &word, &rest);
		if (ip_prefix_parse(word, &prefix) < 0)
			return error_set(err, ERR_INVALID, "bad prefix " STR_FMT, STR_ARG(word));
		vec_push(call->arena, &list, prefix);
	}
	*ret = list.items;
	*ret_len = list.len;
	return 0;
}

int parse_port(const char *text, uint16_t *ret, struct error *err)
{
	uint64_t number;

	if (str_parse_uint64(str_from(text), &number) < 0 || number > 65535)
		return error_set(err, ERR_INVALID, "bad port %s", text);
	*ret = (uint16_t)number;
	return 0;
}

int parse_protocol(const char *text, uint8_t *ret, struct error *err)
{
	if (strcmp(text, "tcp") == 0)
		*ret = IPPROTO_TCP;
	else if (strcmp(text, "udp") == 0)
		*ret = IPPROTO_UDP;
	else
		return error_set(err, ERR_INVALID, "bad protocol %s", text);
	return 0;
}

static const struct command *find_command(const char *name)
{
	static const struct command *const tables[] = {podnet_commands, proxy_commands};

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct command *command = tables[i]; command->name; command++)
			if (strcmp(command->name, name) == 0)
				return command;
	return NULL;
}

static int run_line(struct arena *arena, struct str line, struct buf *out, struct error *err)
{
	const char *const *words;
	size_t len = split_words(arena, line, &words);
	const struct command *command = len ? find_command(words[0]) : NULL;
	struct call call = {arena, words + 1, len ? len - 1 : 0, out};

	if (!command)
		return error_set(err, ERR_INVALID, "unknown command");
	if (call.len < command->words_min)
		return error_set(err, ERR_INVALID, "%s needs %zu words", command->name, command->words_min);
	return command->run(&call, err);
}

int main(void)
{
	static char line[LINE_MAX_SIZE];

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		struct arena cleanup_arena arena = {0};
		struct buf cleanup_buf out;
		struct error err = {0};

		buf_init(&out, LINE_MAX_SIZE);
		if (run_line(&arena, str_trim(str_from(line)), &out, &err) < 0)
			printf("error %s\n", err.message);
		else
			printf("ok%s\n", out.data);
	}
	return 0;
}
