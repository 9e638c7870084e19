#!/usr/bin/python3
"""The test suites and how each is run and counted; called by tools/test.sh.

A suite is one function that runs programs and returns their results as JUnit files or by its own count.  Sanitizer builds
live beside the build folder (B-asan, B-tsan).  Everything a suite prints goes to B/suites/NAME.log; what failed is shown
at the end of the suite.  A suite has a time limit of its own, so that the whole stays bounded.
"""
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get('B') or os.path.join(ROOT, 'build'))
LOGS = os.path.join(BUILD, 'suites')
PYTHON = '/usr/bin/python3'

# Folders whose code runs on several threads: their tests also run under ThreadSanitizer.
THREADED = ['sys', 'net', 'store', 'client', 'component', 'apiserver', 'scheduler', 'controllers', 'kubelet', 'runtime', 'cmd']
SANITIZERS = {'asan': 'address,undefined', 'tsan': 'thread'}
SANITIZER_OPTIONS = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=1:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1:abort_on_error=1',
    'TSAN_OPTIONS': 'halt_on_error=1:abort_on_error=1:second_deadlock_stack=1',
}


class Failure(Exception):
    """A suite that could not be run; the message says why in a line."""


class Result:
    """What a suite found: counts, names of what failed, reasons of what was skipped."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add_junit(self, path):
        """Counts the cases of a JUnit file, by pytest or meson."""
        if not os.path.exists(path):
            raise Failure('no results in ' + os.path.relpath(path, ROOT))
        for suite in ElementTree.parse(path).getroot().iter('testsuite'):
            bad = 0
            for case in suite.iter('testcase'):
                name = '%s/%s' % (case.get('classname', ''), re.sub(r'^\d+ - ', '', case.get('name', '')))
                skipped = case.find('skipped')
                if case.find('failure') is not None or case.find('error') is not None:
                    self.failed.append(name)
                    bad += 1
                elif skipped is not None:
                    self.skipped.append('%s: %s' % (name, skipped.get('message') or skip_reason(suite)))
                else:
                    self.passed += 1
            # A program that died between two cases fails no case of its own.
            if not bad and (int(suite.get('errors', 0)) or int(suite.get('failures', 0))):
                self.failed.append(suite.get('name', 'a test program'))


def skip_reason(suite):
    """cmocka has no field for it: a test prints "skipped: why"."""
    match = re.search(r'skipped: (.*)', ''.join(out.text or '' for out in suite.iter('system-out')))
    return match.group(1) if match else 'no reason given'


class Suite:
    """One run of a suite: its log and its deadline."""

    def __init__(self, name, seconds):
        self.name, self.deadline = name, time.monotonic() + seconds
        self.log = os.path.join(LOGS, name + '.log')
        open(self.log, 'w', encoding='utf-8').close()

    def run(self, command, env=None):
        """Runs a command in its own session; returns its exit status, and ends all of it when time is up."""
        with open(self.log, 'ab') as log, subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, 'B': BUILD, **(env or {})}) as process:
            try:
                return process.wait(max(1, self.deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Once to let fixtures clean up, once for good.
                for number, patience in ((signal.SIGINT, 20), (signal.SIGKILL, 5)):
                    try:
                        os.killpg(process.pid, number)
                        process.wait(patience)
                        break
                    except (ProcessLookupError, subprocess.TimeoutExpired):
                        pass
                raise Failure('out of time') from None

    def need(self, command, what, env=None):
        if self.run(command, env):
            raise Failure(what)


def sanitizer_build(suite, kind):
    folder = '%s-%s' % (BUILD, kind)
    if not os.path.exists(os.path.join(folder, 'build.ninja')):
        # gcc's warnings misfire on instrumented code; the plain build is the one that judges warnings.
        suite.need(['meson', 'setup', folder, '-Db_sanitize=' + SANITIZERS[kind], '-Db_lundef=false', '-Dwerror=false'],
                   'the build with %s could not be set up' % SANITIZERS[kind])
    suite.need(['ninja', '-C', folder, '--quiet'], 'the build with %s failed' % SANITIZERS[kind])
    return folder


def meson_tests(suite, result, folder, suites, env=None):
    """Runs meson's tests of some suites, under setarch -R: sanitizers dislike a far-spread address space."""
    arguments = sum((['--suite', s] for s in suites), [])
    listed = subprocess.run(['meson', 'test', '-C', folder, '--no-rebuild', '--list'] + arguments, check=False, capture_output=True, text=True)
    if not listed.stdout.strip():
        return
    report = os.path.join(folder, 'meson-logs', 'testlog.junit.xml')
    if os.path.exists(report):
        os.unlink(report)
    suite.run(['setarch', '-R', 'meson', 'test', '-C', folder, '--no-rebuild', '--print-errorlogs'] + arguments, env)
    result.add_junit(report)


def suite_checks(suite, result):
    if suite.run(['tools/lint.sh', '--all']):
        result.failed.append('lint')
    else:
        result.passed += 1


def suite_unit(suite, result):
    meson_tests(suite, result, BUILD, ['unit'])


def suite_unit_asan(suite, result):
    meson_tests(suite, result, sanitizer_build(suite, 'asan'), ['unit'], SANITIZER_OPTIONS)


def suite_unit_tsan(suite, result):
    meson_tests(suite, result, sanitizer_build(suite, 'tsan'), THREADED, SANITIZER_OPTIONS)


def pytest(suite, result, folder, env=None, workers=4):
    report = os.path.join(LOGS, suite.name + '.xml')
    if os.path.exists(report):
        os.unlink(report)
    parallel = subprocess.run([PYTHON, '-c', 'import xdist'], check=False, capture_output=True).returncode == 0
    spread = ['-n', str(workers), '--dist', 'loadfile'] if parallel and workers > 1 else []
    status = suite.run(['setarch', '-R', PYTHON, '-m', 'pytest', '-q', '--junitxml', report] + spread + [folder], env)
    if status == 5:
        raise Failure('%s holds no tests' % folder)
    result.add_junit(report)
    if status and not result.failed:
        raise Failure('pytest ended with status %d' % status)


def suite_house(suite, result):
    pytest(suite, result, 'tests/house', workers=1)


def suite_server(suite, result):
    pytest(suite, result, 'tests/server')


def server_sanitized(suite, result, kind):
    """The tests of server with a program, and drivers, that watch themselves."""
    folder = sanitizer_build(suite, kind)
    pytest(suite, result, 'tests/server', {'B': folder, 'WHERRY_PROGRAM': os.path.join(folder, 'wherry'), 'WHERRY_SLOW': '4',
                                           **SANITIZER_OPTIONS}, workers=2)


def suite_server_asan(suite, result):
    server_sanitized(suite, result, 'asan')


def suite_server_tsan(suite, result):
    server_sanitized(suite, result, 'tsan')


def suite_e2e(suite, result):
    if os.geteuid():
        result.skipped.append('e2e: needs root, for namespaces and containers')
        return
    pytest(suite, result, 'tests/e2e', workers=2)


def suite_golden(suite, result):
    if not os.path.isdir(os.environ.get('WHERRY_GOLDEN', '')):
        result.skipped.append('golden: WHERRY_GOLDEN names no folder with recorded answers')
        return
    counts = os.path.join(LOGS, 'golden.txt')
    if os.path.exists(counts):
        os.unlink(counts)
    suite.run(['tools/golden.sh', '--listed'], {'WHERRY_GOLDEN_RESULTS': counts})
    if not os.path.exists(counts):
        raise Failure('tools/golden.sh ended without results')
    with open(counts, encoding='utf-8') as f:
        for line in f:
            verdict, name = line.split(None, 1)
            if verdict == 'PASS':
                result.passed += 1
            else:
                result.failed.append(name.strip())


def suite_fuzz(suite, result):
    status = suite.run(['tools/fuzz.sh'], {'FUZZ_SECONDS': '60'})
    if status:
        result.failed.append('fuzz')
    else:
        result.passed += 1


# name -> the function and its time limit in seconds
SUITES = {
    'checks': (suite_checks, 120), 'house': (suite_house, 120), 'unit': (suite_unit, 120), 'unit-asan': (suite_unit_asan, 240),
    'unit-tsan': (suite_unit_tsan, 240), 'server': (suite_server, 240), 'server-asan': (suite_server_asan, 1200),
    'server-tsan': (suite_server_tsan, 1200),
    'e2e': (suite_e2e, 400), 'golden': (suite_golden, 240), 'fuzz': (suite_fuzz, 3600),
}


def suites_of(names):
    chosen = []
    for name in names:
        path = os.path.join(ROOT, 'tests', name + '.list')
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                lines = [line.split('#')[0].strip() for line in f]
            chosen += [line for line in lines if line]
        else:
            chosen.append(name)
    unknown = [name for name in chosen if name not in SUITES]
    if unknown or not chosen:
        sys.exit('test: unknown suite %s; there are %s, and the lists commit and nightly' % (' '.join(unknown), ' '.join(SUITES)))
    return list(dict.fromkeys(chosen))


def run_suite(name):
    function, seconds = SUITES[name]
    suite, result, began = Suite(name, seconds), Result(), time.monotonic()
    try:
        function(suite, result)
    except Failure as failure:
        result.failed.append('%s: %s' % (name, failure))
    took = time.monotonic() - began
    print('%-12s %5d passed, %d failed%s  %.1f s' % (name, result.passed, len(result.failed),
                                                      ', %d skipped' % len(result.skipped) if result.skipped else '', took), flush=True)
    if result.failed:
        with open(suite.log, encoding='utf-8', errors='replace') as f:
            lines = f.read().splitlines()
        print('\n'.join(lines[-200:]))
        for case in result.failed[:100]:
            print('    failed: ' + case)
        print('    all of it: ' + suite.log, flush=True)
    for reason in result.skipped:
        print('    skipped: ' + reason, flush=True)
    return result


def main():
    os.makedirs(LOGS, exist_ok=True)
    results = [run_suite(name) for name in suites_of(sys.argv[1:] or ['commit'])]
    passed = sum(r.passed for r in results)
    failed = sum(len(r.failed) for r in results)
    skipped = sum(len(r.skipped) for r in results)
    summary = '%d passed, %d failed%s' % (passed, failed, ', %d skipped' % skipped if skipped else '')
    with open(os.path.join(LOGS, 'summary'), 'w', encoding='utf-8') as f:
        f.write(summary + '\n')
    print(summary)
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
