/* wherry image: the images of this host's node; the work is runtime/image_command's. */
#include "runtime/image.h"
#include "cmd/command.h"

int command_image(int argc, char **argv)
{
	return image_command(argc, argv);
}
