/* health_server PORT: a gRPC health server (tests/unit/kubelet/health_server.h) as a program for an image. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "kubelet/health_server.h"

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((unsigned short)(argc > 1 ? strtol(argv[1], NULL, 10) : 0))};
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return 1;
	health_serve(fd);
	return 1;
}
