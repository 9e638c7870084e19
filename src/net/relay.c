/* Relays; see relay.h.  Each direction reads from one side only while the other has room in its queue. */
#include "net/relay.h"

#include "base/limits.h"
#include "net/conn.h"
#include "sys/loop.h"

#define READ_SIZE      (16 * 1024)
#define READS_PER_TURN 8
#define LINGER	       (INT64_C(5) * 1000000000)

struct side {
	struct relay *relay;
	struct side *other;
	struct conn *conn;
	uint64_t bytes; /* read here */
	bool ended;	/* said all it has to say */
};

struct relay {
	struct side sides[2];
	struct loop_defer defer;
	void (*ended)(void *data, uint64_t a_to_b, uint64_t b_to_a);
	void *data;
	bool over;
};

static void end_later(struct relay *relay)
{
	relay->over = true;
	loop_defer(&relay->defer);
}

static void run_end(struct loop_defer *defer)
{
	struct relay *relay = CONTAINER_OF(defer, struct relay, defer);

	for (size_t i = 0; i < ARRAY_LEN(relay->sides); i++) {
		/* What the other side said last still goes out. */
		if (relay->sides[i].other->ended)
			conn_free_drained(relay->sides[i].conn, LINGER);
		else
			conn_free(relay->sides[i].conn);
		relay->sides[i].conn = NULL;
	}
	if (relay->ended)
		relay->ended(relay->data, relay->sides[0].bytes, relay->sides[1].bytes);
	free(relay);
}

static void on_readable(struct conn *conn, void *owner)
{
	struct side *side = owner;
	char buffer[READ_SIZE];

	for (int i = 0; i < READS_PER_TURN; i++) {
		size_t waiting = conn_pending(side->other->conn), room;
		ssize_t n;

		if (side->relay->over || side->ended)
			return;
		if (waiting >= LIMIT_RELAY_BUFFER) {
			conn_pause(conn);
			return;
		}
		room = MIN(sizeof(buffer), LIMIT_RELAY_BUFFER - waiting);
		n = conn_read(conn, buffer, room);
		if (n < 0)
			return;
		if (n == 0) {
			side->ended = true;
			conn_pause(conn);
			conn_shutdown_write(side->other->conn);
			if (side->other->ended)
				end_later(side->relay);
			return;
		}
		side->bytes += (uint64_t)n;
		conn_queue(side->other->conn, (struct str){buffer, (size_t)n});
	}
}

static void on_drained(struct conn *conn UNUSED, void *owner)
{
	struct side *side = owner;

	if (!side->other->ended && !side->relay->over)
		conn_resume(side->other->conn);
}

static void on_broken(struct conn *conn UNUSED, void *owner, const struct error *why UNUSED)
{
	end_later(((struct side *)owner)->relay);
}

static const struct conn_ops ops = {.readable = on_readable, .drained = on_drained, .broken = on_broken};

struct relay *relay_new(struct conn *a, struct conn *b, void (*ended)(void *data, uint64_t a_to_b, uint64_t b_to_a),
			void *data)
{
	struct relay *relay = XNEW(struct relay);
	struct conn *conns[] = {a, b};

	assert(conn_loop(a) == conn_loop(b));
	relay->ended = ended;
	relay->data = data;
	loop_defer_init(&relay->defer, conn_loop(a), run_end);
	for (size_t i = 0; i < ARRAY_LEN(conns); i++) {
		struct side *side = &relay->sides[i];

		*side = (struct side){.relay = relay, .other = &relay->sides[1 - i], .conn = conns[i]};
		conn_set_owner(side->conn, &ops, side);
		conn_resume(side->conn);
	}
	return relay;
}

struct relay *relay_free(struct relay *relay)
{
	if (relay) {
		loop_defer_cancel(&relay->defer);
		conn_free(relay->sides[0].conn);
		conn_free(relay->sides[1].conn);
		free(relay);
	}
	return NULL;
}
