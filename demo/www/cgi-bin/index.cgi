#!/bin/sh
# The front end's page: what it reads from the back end by its service name.  In the back end, its own text.
printf 'Content-Type: text/plain\n\n'
if [ -f /text/message ]; then
	printf 'back end %s: ' "$(hostname)"
	cat /text/message
else
	printf 'front end %s\n' "$(hostname)"
	wget -q -O - http://back-end/ || echo 'no answer from http://back-end/'
fi
