"""The built-in container runtime without a kubelet, driven through build/tests/tools/runtime_tool (see its opening comment)."""
import json
import os
import select
import signal
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('B') or os.path.join(TOP, 'build')
TOOL = os.path.join(BUILD, 'tests/tools/runtime_tool')
SHIM = os.path.join(BUILD, 'src/runtime/shim/wherry-shim')

POD, CONTAINER, NODE, TARGET = range(4)          # namespace modes


class RuntimeError_(Exception):
    """What an operation answered; .reason is the error's kind."""

    def __init__(self, answer):
        super().__init__(answer.get('error'))
        self.reason = answer.get('reason')


class Runtime:
    """One runtime with folders and a cgroup root of its own; restart() kills the process and starts another on them.

    It runs containers with the program `oci`, or what it finds."""

    def __init__(self, test_id, oci='', netns=None, env=None):
        self.command = ['nsenter', '--net=/run/netns/' + netns, '--'] if netns else []
        self.env = {**os.environ, **(env or {})}
        self.data, self.run = test_id.folder('data'), test_id.folder('run')
        self.logs = test_id.folder('logs')
        self.cgroup = '/wherry-' + test_id.word
        self.command += [TOOL, self.data, self.run, self.cgroup, SHIM, *([oci] if oci else [])]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.env)
        self._read(60)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def _read(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else b''
        assert line, 'the runtime does not answer'
        answer = json.loads(line)
        if not answer['ok']:
            raise RuntimeError_(answer)
        return answer

    def call(self, op, seconds=60, **args):
        self.process.stdin.write(json.dumps({'op': op, 'id': 'x', **args}).encode() + b'\n')
        self.process.stdin.flush()
        return self._read(seconds)

    def sandbox(self, name='pod', **config):
        """Runs a sandbox and returns its id."""
        config = {'metadata': {'name': name, 'uid': name, 'namespace_': 'default'}, 'hostname': name,
                  'log_directory': os.path.join(self.logs, name), 'namespaces': {'pid': CONTAINER}, **config}
        return self.call('run_sandbox', config=config)['id']

    def create(self, sandbox, name='app', image='busybox', security=None, **config):
        config = {'metadata': {'name': name}, 'image': image, 'log_path': name + '.log',
                  'security': {'namespaces': {'pid': CONTAINER}, 'seccomp': {'type': 1}, **(security or {})}, **config}
        return self.call('create', sandbox_id=sandbox, config=config)['id']

    def run_container(self, sandbox, command, **config):
        """Creates and starts a container with a shell command."""
        container = self.create(sandbox, command=['/bin/sh', '-c', command], **config)
        self.call('start', id=container)
        return container

    def status(self, container):
        return self.call('status', id=container)['status']

    def wait(self, container, state='exited', seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.status(container)
            if status['state'] == state:
                return status
            time.sleep(0.005)
        raise AssertionError('container is %s, not %s' % (status['state'], state))

    def log(self, pod='pod', name='app'):
        """The log's lines as (stream, tag, text)."""
        try:
            with open(os.path.join(self.logs, pod, name + '.log')) as f:
                return [tuple(line.rstrip('\n').split(' ', 3)[1:]) for line in f]
        except FileNotFoundError:
            return []

    def wait_log(self, text, seconds=20, **where):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(text in line[2] for line in self.log(**where)):
                return
            time.sleep(0.005)
        raise AssertionError('%r not in %r' % (text, self.log(**where)))

    def exec(self, container, *command, **args):
        return self.call('exec_sync', id=container, command=list(command), **args)

    def shims(self):
        """Pids of the shims of this runtime."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/cmdline' % pid, 'rb') as f:
                    argv = f.read().split(b'\0')
            except OSError:
                continue
            if argv[0].endswith(b'wherry-shim') and argv[1].startswith(self.run.encode()):
                found.append(int(pid))
        return found

    def leftovers(self):
        """What is left on the machine: cgroups with anything but the shims' own, shims, mounts."""
        left = ['shim %d' % pid for pid in self.shims()]
        for hierarchy in os.listdir('/sys/fs/cgroup'):
            root = '/sys/fs/cgroup/%s%s' % (hierarchy, self.cgroup)
            for folder, below, _ in os.walk(root):
                if folder not in (root, root + '/shims', root + '/pods') and not below:
                    left.append(folder)
        with open('/proc/%d/mountinfo' % self.process.pid if self.process.poll() is None else '/proc/self/mountinfo') as f:
            left += [line.split()[4] for line in f if line.split()[4].startswith(self.run + '/pods/')]
        return left

    def close(self):
        """Stops everything and removes what this runtime made."""
        if self.process.poll() is not None:
            self.start()
        try:
            for sandbox in self.call('sandboxes')['items']:
                self.call('remove_sandbox', id=sandbox['id'])
        finally:
            self.process.stdin.close()
            self.process.wait(30)
            subprocess.run([TOOL, '--reset', self.data, self.run, self.cgroup], check=True, timeout=60)


def memory_cgroup(runtime, container):
    """The file with a container's memory limit."""
    name = '/%s/memory.max' if os.path.exists('/sys/fs/cgroup/cgroup.controllers') else '/%s/memory.limit_in_bytes'
    top = '/sys/fs/cgroup/memory' if os.path.isdir('/sys/fs/cgroup/memory') else '/sys/fs/cgroup'
    for folder, below, _ in os.walk(top + runtime.cgroup):
        if container in below:
            return folder + name % container
    raise AssertionError('no cgroup of %s' % container)
