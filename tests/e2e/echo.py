"""A server for network tests: says who it is and who asks.  echo.py NAME tcp:PORT|udp:PORT...  Prints `ready` when it listens."""
import select
import socket
import sys


def listen(kind, port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('::', int(port)))
    if kind == 'tcp':
        s.listen(128)
    return s


def main():
    name, sockets = sys.argv[1], [listen(*word.split(':')) for word in sys.argv[2:]]
    print('ready', flush=True)
    while True:
        for s in select.select(sockets, [], [])[0]:
            if s.type == socket.SOCK_STREAM:
                peer, address = s.accept()
                peer.sendall(('%s %s' % (name, address[0].replace('::ffff:', ''))).encode())
                peer.close()
            else:
                _, address = s.recvfrom(2048)
                s.sendto(('%s %s' % (name, address[0].replace('::ffff:', ''))).encode(), address)


main()
