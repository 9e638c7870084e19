"""Asks an echo server: ask.py tcp|udp ADDRESS PORT [COUNT [SOURCEPORT]].  One line per answer: what it said, or the error's name."""
import errno
import socket
import sys


def ask(kind, address, port, source):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        if source:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(('', source))
        try:
            s.connect((address, port))
            if kind == 'udp':
                s.send(b'?')
            return s.recv(2048).decode()
        except TimeoutError:
            return 'timeout'
        except OSError as error:
            return errno.errorcode[error.errno]


def main():
    kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    source = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    for _ in range(count):
        print(ask(kind, address, port, source), flush=True)


main()
