#!/usr/bin/python3
"""Replays recorded cases area by area, prints a table, and holds the result against the lists of cases that must pass.

An area is one file of recordings.  It runs against the server that its cases were recorded with: the API server alone,
with scheduler and controllers, or with a node.  Called by tools/golden.sh.
"""
import argparse
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests'))

from lib import wait                              # noqa: E402
from lib.cluster import Server, program           # noqa: E402
from lib.hosts import Network                     # noqa: E402
from lib.testid import TestId                     # noqa: E402

PASSING = os.path.join(ROOT, 'tests', 'golden', 'passing')
ALONE = ['--disable-scheduler', '--disable-controller-manager']
SECONDS = 600
AT_A_TIME = 8


def administrator(server):
    """A kubeconfig of the user whose answers were recorded: in system:masters, and called admin."""
    path = os.path.join(server.folder, 'recorded.kubeconfig')
    command = [program(), 'kubeconfig', '--client-name', 'admin', '--org', 'system:masters', '--server', server.url, '--data-dir', server.data]
    with open(path, 'w', encoding='utf-8') as f:
        subprocess.run(command, stdout=f, check=True)
    return path


class Area:
    """One file of recordings: its cases, those that must pass, and what came of them."""

    def __init__(self, folder, name):
        self.name, self.path, self.list_path = name, os.path.join(folder, name + '.jsonl'), os.path.join(PASSING, name + '.txt')
        with open(self.path, encoding='utf-8') as f:
            self.cases = sum(1 for line in f if line.strip())
        self.must = []
        if os.path.exists(self.list_path):
            with open(self.list_path, encoding='utf-8') as f:
                self.must = [line for line in f.read().splitlines() if line and not line.startswith('#')]
        self.verdicts, self.seconds = {}, 0.0

    @property
    def kind(self):
        return self.name.split('-')[0] if self.name.startswith(('controllers-', 'node-')) else 'alone'

    @property
    def passed(self):
        return sorted(name for name, good in self.verdicts.items() if good)

    @property
    def lost(self):
        return [name for name in self.must if not self.verdicts.get(name)]

    def replay(self, folder, kubeconfig, netns, args):
        """Runs replay.py over the area and notes what passed."""
        names = '|'.join(map(re.escape, self.must)) if args.listed else ''
        pattern = args.show or ('^%s/(%s)$' % (re.escape(self.name), names) if names else '')
        command = ['/usr/bin/python3', os.path.join(folder, 'replay.py'), '--kubeconfig', kubeconfig, '-j', str(AT_A_TIME)]
        command += (['--run', pattern] if pattern else []) + ['-v'] * bool(args.show) + [self.path]
        if netns:
            command = ['nsenter', '--net=/run/netns/' + netns, '--'] + command
        began = time.monotonic()
        try:
            out = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=False).stdout
        except subprocess.TimeoutExpired as late:
            out = (late.stdout or b'').decode() if isinstance(late.stdout, bytes) else late.stdout or ''
            print('golden: %s stopped after %d s' % (self.name, SECONDS), file=sys.stderr)
        self.seconds = time.monotonic() - began
        for verdict, name in re.findall(r'^(PASS|FAIL) [^/]+/(.*)$', out, re.M):
            self.verdicts[name] = verdict == 'PASS'
        if args.show:
            print(out)
        elif self.lost:
            shown, keep = [], False
            for line in out.splitlines():
                match = re.match(r'(PASS|FAIL) [^/]+/(.*)$', line)
                keep = bool(match and match.group(2) in self.lost) if match else keep and line.startswith('    ')
                shown += [line] * keep
            print('\n'.join(shown[:200]))

    def update(self):
        """Rewrites the list with what passed now."""
        if not self.passed:
            if os.path.exists(self.list_path):
                os.unlink(self.list_path)
            return
        os.makedirs(PASSING, exist_ok=True)
        with open(self.list_path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(self.passed) + '\n')


def run_alone(areas, folder, args, flags):
    """Areas against a control plane without a node."""
    with TestId() as test_id, Server(test_id, flags=flags) as server:
        for area in areas:
            area.replay(folder, administrator(server), None, args)


def run_node(areas, folder, args):
    """Areas against a control plane with one node, on a host of its own; leaves none of the cases' folders in /tmp."""
    if os.geteuid():
        print('golden: %d areas need a node, and that needs root' % len(areas))
        return
    with TestId() as test_id, Network(test_id, 1) as network:
        host, root = network[1], test_id.cgroup_root('node')
        flags = ['--run-dir', test_id.folder('run'), '--cgroup-root', root]
        with Server(test_id, address=host.address, netns=host.netns, node=True, flags=flags) as server:
            box = os.path.join(test_id.path, 'box.tar')
            subprocess.run(['/usr/bin/python3', os.path.join(folder, 'image.py'), box], check=True)
            subprocess.run([program(), 'image', 'import', '--data-dir', server.data, box], check=True, stdout=subprocess.DEVNULL)
            # kubectl wait gives up at once on what is not there yet.
            wait.until(lambda: server.kubectl('get', 'nodes', '-o', 'name').out, 'a node', 30)
            server.kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=30s', seconds=40)
            for area in areas:
                area.replay(folder, server.kubeconfig, host.netns, args)
    for name in os.listdir('/tmp'):
        if name.startswith('golden-'):
            subprocess.run(['rm', '-rf', '--one-file-system', '/tmp/' + name], check=False)


def print_table(areas):
    print('%-26s %6s %7s %6s %5s %7s' % ('area', 'cases', 'passed', '', 'lost', 'time'))
    for area in areas:
        passed = len(area.passed)
        print('%-26s %6d %7d %5.0f%% %5d %5.1f s' % (area.name, area.cases, passed, 100 * passed / area.cases, len(area.lost), area.seconds))
    total = sum(a.cases for a in areas)
    passed = sum(len(a.passed) for a in areas)
    print('%-26s %6d %7d %5.0f%% %5d' % ('all', total, passed, 100 * passed / total, sum(len(a.lost) for a in areas)))


def write_results(areas):
    """For the test suites: a line for every case that must pass."""
    path = os.environ.get('WHERRY_GOLDEN_RESULTS')
    if path:
        with open(path, 'w', encoding='utf-8') as f:
            for area in areas:
                for name in area.must:
                    f.write('%s %s/%s\n' % ('FAIL' if name in area.lost else 'PASS', area.name, name))


def main():
    parser = argparse.ArgumentParser(prog='tools/golden.sh', description=__doc__.splitlines()[0])
    parser.add_argument('--update', action='store_true', help='rewrite the lists of passing cases')
    parser.add_argument('--listed', action='store_true', help='run only the cases that must pass')
    parser.add_argument('--show', metavar='REGEX', help='run the cases that match AREA/NAME and show every difference')
    parser.add_argument('areas', nargs='*', metavar='AREA', help='files, without .jsonl; all without a node when none is named')
    args = parser.parse_args()
    folder = os.environ.get('WHERRY_GOLDEN', '')
    if not os.path.isdir(folder):
        sys.exit('golden: WHERRY_GOLDEN names no folder with recorded answers')
    every = sorted(f[:-len('.jsonl')] for f in os.listdir(folder) if f.endswith('.jsonl'))
    unknown = set(args.areas) - set(every)
    if unknown:
        sys.exit('golden: no recordings of %s; there are %s' % (' '.join(unknown), ' '.join(every)))
    areas = [Area(folder, name) for name in args.areas or every]
    if args.listed:
        areas = [area for area in areas if area.must]
    elif not args.areas:
        areas = [area for area in areas if area.kind != 'node' or area.must]
    for kind, run in (('alone', lambda chosen: run_alone(chosen, folder, args, ALONE)),
                      ('controllers', lambda chosen: run_alone(chosen, folder, args, [])),
                      ('node', lambda chosen: run_node(chosen, folder, args))):
        chosen = [area for area in areas if area.kind == kind]
        if chosen:
            run(chosen)
    if args.show or not areas:
        return
    print_table(areas)
    write_results(areas)
    if args.update:
        for area in areas:
            area.update()
    for area in areas:
        for name in area.lost:
            print('lost: %s/%s' % (area.name, name))
    sys.exit(any(area.lost for area in areas) and not args.update)


if __name__ == '__main__':
    main()
