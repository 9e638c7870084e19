#!/usr/bin/python3
"""Starts, fills and removes a cluster of hosts on one machine; called by tools/up.sh, which says what for.

Hosts are network namespaces on a switch, a bridge in a namespace of its own; one veth joins the machine to it.  The machine's
own addresses, routes and rules stay as they are, and no route leads out of the hosts.  What was made is written down in
the cluster's folder, so that `up` again and `down` know it.
"""
import base64
import glob
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests'))

from lib.image import Image                       # noqa: E402
from lib.testid import remove_cgroup, unmount_below   # noqa: E402

NAME = os.environ.get('WHERRY_UP') or 'wherry'
STATE = os.path.join('/var/lib/wherry-up', NAME)
RUN = os.path.join('/run/wherry-up', NAME)
PROGRAM = os.path.join(os.environ.get('B') or os.path.join(ROOT, 'build'), 'wherry')
MACHINE, SWITCH = 254, 253                        # last byte of their addresses; hosts count from 1
HOSTS_MAX = 50
SECURE_PORT, DEMO_PORT = 6443, 30080
DEMO_IMAGE = 'demo.local/web:1'


class Failed(Exception):
    """One clear line that says what to do."""


def ip(*args, netns=None, check=True):
    command = ['ip'] + (['-n', netns] if netns else []) + list(args)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise Failed('%s: %s' % (' '.join(command), done.stderr.strip()))
    return done.stdout


def say(text):
    print(text, flush=True)


def until(condition, what, seconds, hint):
    """Waits for a condition; after a second it says what for."""
    began, told = time.monotonic(), False
    while True:
        seen = condition()
        if seen:
            return seen
        waited = time.monotonic() - began
        if waited > seconds:
            raise Failed('%s: not within %d s; %s' % (what, seconds, hint))
        if waited > 1 and not told:
            say('waiting: ' + what)
            told = True
        time.sleep(0.05)


class Cluster:
    """The written-down state: number of hosts, address range, processes by pid and start time."""

    def __init__(self):
        self.path = os.path.join(STATE, 'cluster.json')
        self.nodes, self.subnet, self.processes, self.started = 0, None, {}, set()
        if os.path.exists(self.path):
            with open(self.path, encoding='utf-8') as f:
                self.__dict__.update(json.load(f))
        self.path = os.path.join(STATE, 'cluster.json')
        self.kubeconfig = os.path.join(STATE, 'kubeconfig')

    def save(self):
        os.makedirs(STATE, mode=0o755, exist_ok=True)
        with open(self.path + '.new', 'w', encoding='utf-8') as f:
            json.dump({'nodes': self.nodes, 'subnet': self.subnet, 'processes': self.processes}, f)
        os.rename(self.path + '.new', self.path)

    # Names and addresses
    def netns(self, host):
        return '%s-%s' % (NAME, host)

    def address(self, number):
        return '%s.%d' % (self.subnet, number)

    def data(self, number):
        return os.path.join(STATE, 'host%d' % number)

    def node_flags(self, number):
        """What makes a host's node: everything that it leaves on the machine derives from these."""
        return ['--data-dir', self.data(number), '--run-dir', os.path.join(RUN, 'host%d' % number), '--cgroup-root', '/%s-host%d' % (NAME, number),
                '--hostname-override', 'host%d' % number, '--node-ip', self.address(number)]

    def log(self, number):
        return os.path.join(STATE, 'host%d.log' % number)

    # Network
    def choose_subnet(self):
        if self.subnet:
            return
        taken = {route.get('dst', '') for route in json.loads(ip('-j', 'route', 'show', 'table', 'all') or '[]')}
        for third in range(77, 200):
            candidate = '10.%d.77' % third
            if not any(dst.startswith('10.%d.' % third) for dst in taken):
                self.subnet = candidate
                return
        raise Failed('no range of addresses is free among 10.77.77.0/24 to 10.199.77.0/24; remove a route of yours')

    def make_network(self):
        switch, link = self.netns('switch'), NAME[:9] + '-up'
        if not os.path.exists('/run/netns/' + switch):
            ip('netns', 'add', switch)
            for args in (('link', 'set', 'lo', 'up'), ('link', 'add', 'br0', 'type', 'bridge'), ('link', 'set', 'br0', 'up'),
                         ('addr', 'add', self.address(SWITCH) + '/24', 'dev', 'br0')):
                ip(*args, netns=switch)
        if not ip('link', 'show', link, check=False):
            ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'machine', 'netns', switch)
            ip('link', 'set', 'machine', 'master', 'br0', 'up', netns=switch)
            ip('addr', 'add', self.address(MACHINE) + '/24', 'dev', link)
            ip('link', 'set', link, 'up')
        for number in range(1, self.nodes + 1):
            self.make_host(number, switch)

    def make_host(self, number, switch):
        netns, port = self.netns('host%d' % number), 'host%d' % number
        if os.path.exists('/run/netns/' + netns):
            return
        ip('netns', 'add', netns)
        ip('link', 'set', 'lo', 'up', netns=netns)
        ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns, netns=switch)
        ip('link', 'set', port, 'master', 'br0', 'up', netns=switch)
        ip('addr', 'add', self.address(number) + '/24', 'dev', 'eth0', netns=netns)
        ip('link', 'set', 'eth0', 'up', netns=netns)
        ip('route', 'add', 'default', 'via', self.address(SWITCH), netns=netns)

    def remove_network(self):
        for number in range(self.nodes, 0, -1):
            ip('netns', 'del', self.netns('host%d' % number), check=False)
        ip('link', 'del', NAME[:9] + '-up', check=False)
        ip('netns', 'del', self.netns('switch'), check=False)

    # Processes
    def pidfd(self, number):
        """A descriptor of the host's process, or None: a pid is it only with the start time that was written down."""
        pid, started = self.processes.get(str(number), (0, 0))
        if not pid:
            return None
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        if start_time(pid) != started or select.select([descriptor], [], [], 0)[0]:
            os.close(descriptor)
            return None
        return descriptor

    def start(self, number, command):
        """Starts a host's process in its network, apart from this one; True when it did not run already."""
        descriptor = self.pidfd(number)
        if descriptor is not None:
            os.close(descriptor)
            return False
        # Not `ip netns exec`, which mounts a /sys of its own and hides the cgroups.
        with open(self.log(number), 'ab') as log:
            process = subprocess.Popen(['nsenter', '--net=/run/netns/' + self.netns('host%d' % number), '--', *command], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True, cwd='/')
        self.processes[str(number)] = (process.pid, start_time(process.pid))
        self.started.add(number)
        self.save()
        return True

    def check(self):
        """True while every process that was started just now runs; else its last words are the failure."""
        for number in self.started:
            descriptor = self.pidfd(number)
            if descriptor is None:
                with open(self.log(number), encoding='utf-8', errors='replace') as f:
                    last = (f.read().splitlines() or ['it said nothing'])[-1]
                raise Failed('host %d ended: %s (see %s)' % (number, last, self.log(number)))
            os.close(descriptor)
        return True

    def stop(self, number):
        descriptor = self.pidfd(number)
        if descriptor is None:
            return
        for signal_number, seconds in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
            signal.pidfd_send_signal(descriptor, signal_number)
            if select.select([descriptor], [], [], seconds)[0]:
                break
        os.close(descriptor)


def start_time(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8') as f:
            return int(f.read().rsplit(')', 1)[1].split()[19])
    except (OSError, IndexError):
        return 0


class Api:
    """The cluster's API as its administrator."""

    def __init__(self, path):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        value = lambda key: re.search(r'^\s*(?:- )?%s:\s*"?([^\s"]+)' % key, text, re.M).group(1)
        self.server = value('server')
        self.tls = ssl.create_default_context(cadata=base64.b64decode(value('certificate-authority-data')).decode())
        with tempfile.NamedTemporaryFile('wb') as pem:
            pem.write(base64.b64decode(value('client-certificate-data')) + b'\n' + base64.b64decode(value('client-key-data')))
            pem.flush()
            self.tls.load_cert_chain(pem.name)

    def call(self, path, body=None, content_type=None):
        """Status and body."""
        request = urllib.request.Request(self.server + path, data=body, headers={'Content-Type': content_type} if body else {})
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.tls) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def call_quietly(kubeconfig, path):
    """The body of a good answer, else nothing: for waiting."""
    try:
        status, body = Api(kubeconfig).call(path)
        return body if status == 200 else None
    except (OSError, AttributeError, ValueError, http.client.HTTPException):
        return None


def start_servers(cluster):
    first = cluster.start(1, [PROGRAM, 'server', '--bind-address', cluster.address(1), '--secure-port', str(SECURE_PORT),
                              '--write-kubeconfig', cluster.kubeconfig, *cluster.node_flags(1)])
    if first:
        say('host 1: server and node')
    hint = 'see ' + cluster.log(1)
    until(lambda: cluster.check() and os.path.exists(cluster.kubeconfig) and call_quietly(cluster.kubeconfig, '/readyz'), 'the API server is ready', 30, hint)
    for number in range(2, cluster.nodes + 1):
        path = os.path.join(STATE, 'host%d.kubeconfig' % number)
        if not os.path.exists(path):
            made = subprocess.run([PROGRAM, 'kubeconfig', '--data-dir', cluster.data(1), '--client-name', 'system:node:host%d' % number, '--org', 'system:nodes',
                                   '--server', 'https://%s:%d' % (cluster.address(1), SECURE_PORT)],
                                  capture_output=True, text=True, check=False)
            if made.returncode:
                raise Failed('no kubeconfig for host %d: %s' % (number, made.stderr.strip()))
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as f:
                f.write(made.stdout)
        if cluster.start(number, [PROGRAM, 'agent', '--kubeconfig', path, *cluster.node_flags(number)]):
            say('host %d: node' % number)

    def all_ready():
        cluster.check()
        nodes = json.loads(call_quietly(cluster.kubeconfig, '/api/v1/nodes') or b'{}').get('items', [])
        ready = [n for n in nodes if any(c['type'] == 'Ready' and c['status'] == 'True' for c in n.get('status', {}).get('conditions', []))]
        return len(ready) >= cluster.nodes
    until(all_ready, 'every node is Ready', 30, 'see %s' % os.path.join(STATE, 'host*.log'))


def load(cluster, image):
    """Imports an archive on every host."""
    for number in range(1, cluster.nodes + 1):
        done = subprocess.run([PROGRAM, 'image', 'import', '--data-dir', cluster.data(number), image], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed('host %d did not import %s: %s' % (number, image, done.stderr.strip()))


def demo_image(path):
    """What the demo's containers run, as an archive: a web server, and the page of the front end."""
    files = {}
    for source in glob.glob(os.path.join(ROOT, 'demo', 'www', '**'), recursive=True):
        if os.path.isfile(source):
            with open(source, 'rb') as f:
                files[os.path.relpath(source, os.path.join(ROOT, 'demo'))] = f.read()
    return Image(DEMO_IMAGE, files=files, cmd=['httpd', '-f', '-p', '8080', '-h', '/www']).docker_archive(path)


def deploy_demo(cluster):
    """Creates the objects of demo/*.yaml that are not there; the API server reads YAML."""
    api = Api(cluster.kubeconfig)
    for path in sorted(glob.glob(os.path.join(ROOT, 'demo', '*.yaml'))):
        with open(path, encoding='utf-8') as f:
            documents = re.split(r'^---$', f.read(), flags=re.M)
        for document in documents:
            field = lambda key, text=document: (re.search(r'^%s: *(\S+)' % key, text, re.M) or [None, ''])[1]
            if not field('kind'):
                continue
            version, namespace = field('apiVersion'), field('  namespace')
            url = ('/apis/' if '/' in version else '/api/') + version + ('/namespaces/' + namespace if namespace else '') + '/' + field('kind').lower() + 's'
            status, body = api.call(url, document.encode(), 'application/yaml')
            if status not in (201, 409):
                raise Failed('the demo could not be created from %s: %s' % (os.path.relpath(path, ROOT), body.decode('utf-8', 'replace').strip()))
    url = 'http://%s:%d/' % (cluster.address(1), DEMO_PORT)

    def answers():
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                return b'back end' in reply.read()
        except (OSError, http.client.HTTPException):
            return False
    until(answers, 'the demo answers', 60, 'see KUBECONFIG=%s kubectl get pods -A' % cluster.kubeconfig)
    return url


def up():
    cluster = Cluster()
    wanted = int(os.environ.get('NODES') or 1)
    if not 1 <= wanted <= HOSTS_MAX:
        raise Failed('NODES=%d: from 1 to %d' % (wanted, HOSTS_MAX))
    cluster.nodes = max(cluster.nodes, wanted)
    cluster.choose_subnet()
    cluster.save()
    cluster.make_network()
    start_servers(cluster)
    load(cluster, demo_image(os.path.join(STATE, 'demo.tar')))
    url = deploy_demo(cluster)
    say('to use it:')
    say('export KUBECONFIG=%s' % cluster.kubeconfig)
    say('to stop it: make down')
    say('open ' + url)


def down():
    cluster = Cluster()
    if not cluster.nodes:
        say('nothing is up')
        return
    for number in range(cluster.nodes, 0, -1):
        say('host %d: stopping' % number)
        cluster.stop(number)
    for number in range(cluster.nodes, 0, -1):
        flags = cluster.node_flags(number)
        netns = '/run/netns/' + cluster.netns('host%d' % number)
        command = (['nsenter', '--net=' + netns, '--'] if os.path.exists(netns) else []) + [PROGRAM, 'reset', *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            say('host %d: wherry reset: %s' % (number, done.stderr.strip()))
        remove_cgroup(flags[flags.index('--cgroup-root') + 1])
    cluster.remove_network()
    for folder in (RUN, STATE):
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (os.path.dirname(RUN), os.path.dirname(STATE)):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def main():
    try:
        if sys.argv[1] == 'up':
            up()
        elif sys.argv[1] == 'down':
            down()
        else:
            cluster = Cluster()
            if not cluster.nodes:
                raise Failed('nothing is up: make up first')
            if len(sys.argv) < 3 or not os.path.isfile(sys.argv[2]):
                raise Failed('name an image archive: make load IMAGE=FILE')
            load(cluster, os.path.abspath(sys.argv[2]))
            say('imported %s on %d host%s' % (sys.argv[2], cluster.nodes, 's' * (cluster.nodes > 1)))
    except Failed as failure:
        sys.exit('up: %s' % failure)


if __name__ == '__main__':
    socket.setdefaulttimeout(10)
    main()
