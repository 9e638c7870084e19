#!/usr/bin/python3
"""The rules of the house that a program can judge: tools/check.py [--build DIR] [--all].

Layers (who may include whom), sizes, a comment at the head of every file, a README in every folder, words that must not
appear, scripts that parse.  With a build folder: headers that compile alone (remembered there, so that a second run is
quick), and with --all the shared objects of the program too.  There is no list of exceptions; what a generator writes
into the build folder is not looked at.  docs/style.md has the reasons.
"""
import argparse
import ast
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

FILE_LINES, FUNCTION_LINES, MAIN_LINES = 1200, 120, 60
SHARED_OBJECTS = {'libc.so.6', 'libm.so.6', 'libssl.so.3', 'libcrypto.so.3', 'libyyjson.so.0', 'libwslay.so.1', 'libmnl.so.0',
                  'libnfnetlink.so.0', 'libnetfilter_conntrack.so.3'}
SHARED_OBJECTS_MAX = 10

# The dependency law (docs/architecture.md, section 3): a folder of src/ -> the folders that it may include, besides itself.
_SYS = ['base']
_CODEC = ['base', 'sys']
_TYPES = _CODEC + ['codec']
_LOGIC = _TYPES + ['types']
_NET = ['base', 'sys']
_ABOVE = _LOGIC + ['net']
_COMPONENT = _LOGIC + ['logic', 'net', 'store', 'client']
_PROGRAM = _COMPONENT + ['component']
PROGRAMS = ['apiserver', 'scheduler', 'controllers', 'kubelet', 'proxy', 'dns', 'kubectl']
LAW = {
    'base': [], 'sys': _SYS, 'codec': _CODEC, 'types': _TYPES, 'logic': _LOGIC, 'net': _NET,
    'store': _ABOVE, 'client': _ABOVE, 'component': _COMPONENT,
    'podnet': ['base', 'sys', 'codec', 'net'], 'runtime': ['base', 'sys', 'codec', 'net', 'podnet'],
    **{program: _PROGRAM for program in PROGRAMS},
}
LAW['kubelet'] = _PROGRAM + ['runtime']
LAW['cmd'] = sorted(set(sum(LAW.values(), [])) | set(LAW))

# Spelled in pieces, so that this file passes its own check.
FORBIDDEN = [
    ('a word for later work', r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b'),
    ('a word for later work', r'(?i)\bnot (yet )?' r'implemented\b'),
    ('the host of a package registry', r'\b(deb|security|snapshot|ftp|httpredir)\.' r'debian\.org\b'),
    ('the host of a package registry', r'\b(npm' r'js\.(org|com)|pyp' r'i\.org|python' r'hosted\.org|proxy\.go' r'lang\.org|crates\.' r'io)\b'),
    ('a path of one machine', r'/wo' r'rk/(w|main|shared|land|brief|\.mirror|\.library)\b|/ro' r'ot/\.pyenv|/ho' r'me/\w+/'),
]


class Checker:
    """Collects the breaches, one line each."""

    def __init__(self, build):
        self.build, self.breaches = build, []
        listed = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout
        self.files = sorted(f for f in set(listed.split('\0')) if f and os.path.isfile(os.path.join(ROOT, f)))
        self.texts = {}
        for name in self.files:
            try:
                with open(os.path.join(ROOT, name), encoding='utf-8') as f:
                    self.texts[name] = f.read()
            except UnicodeDecodeError:
                pass                      # fuzz inputs and the like

    def breach(self, where, what):
        self.breaches.append('%s: %s' % (where, what))

    def named(self, *endings):
        return [f for f in self.texts if f.endswith(endings)]

    def check_layers(self):
        for name in self.named('.c', '.h'):
            parts = name.split('/')
            if parts[0] != 'src' or len(parts) < 3:
                continue
            folder, first = parts[1], True
            if folder not in LAW:
                self.breach(name, 'the folder src/%s has no place in the dependency law (tools/check.py)' % folder)
                continue
            for number, line in enumerate(self.texts[name].splitlines(), 1):
                match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if not match:
                    continue
                target = match.group(1)
                own = name[len('src/'):-1] + 'h'
                if first and name.endswith('.c') and 'src/' + own in self.texts and target != own:
                    self.breach('%s:%d' % (name, number), 'its own header "%s" comes first' % own)
                first = False
                other = target.split('/')[0]
                if '/' not in target or other not in LAW:
                    self.breach('%s:%d' % (name, number), 'include "%s": name it from src/, as "folder/file.h"' % target)
                elif other != folder and other not in LAW[folder]:
                    self.breach('%s:%d' % (name, number), 'src/%s may not include src/%s' % (folder, other))

    def check_sizes(self):
        for name in self.named('.c', '.h', '.py', '.sh', '.build'):
            lines = self.texts[name].splitlines()
            if len(lines) > FILE_LINES:
                self.breach(name, '%d lines; the ceiling is %d' % (len(lines), FILE_LINES))
            functions = python_functions if name.endswith('.py') else c_functions if name.endswith(('.c', '.h')) else lambda text: ()
            try:
                for function, line, length in functions(self.texts[name]):
                    ceiling = MAIN_LINES if function == 'main' else FUNCTION_LINES
                    if length > ceiling:
                        self.breach('%s:%d' % (name, line), '%s() has %d lines; the ceiling is %d' % (function, length, ceiling))
            except SyntaxError as error:
                self.breach('%s:%s' % (name, error.lineno), error.msg)

    def check_heads(self):
        for name in self.named('.c', '.h', '.py', '.sh', '.api', '.list') + [f for f in self.texts if f == '.ci/run']:
            text = re.sub(r'\A#!.*\n', '', self.texts[name])
            opening = {'.c': '/*', '.h': '/*', '.py': '"""'}.get(os.path.splitext(name)[1], '#')
            if not text.startswith(opening) and text:
                self.breach(name, 'opens without a comment that says what it is')

    def check_readmes(self):
        folders = set()
        for name in self.files:
            parts = name.split('/')
            if len(parts) > 1 and not parts[0].startswith('.'):
                folders.add(parts[0])
            if len(parts) > 2 and parts[0] in ('src', 'tests'):
                folders.add('/'.join(parts[:2]))
        for folder in sorted(folders):
            if folder + '/README.md' not in self.texts:
                self.breach(folder, 'a folder without README.md')

    def check_words(self):
        patterns = [(what, re.compile(pattern)) for what, pattern in FORBIDDEN]
        for name, text in self.texts.items():
            for what, pattern in patterns:
                for match in pattern.finditer(text):
                    self.breach('%s:%d' % (name, text.count('\n', 0, match.start()) + 1), '%s: %s' % (what, match.group(0)))

    def check_tracked(self):
        listed = subprocess.run(['git', 'ls-files', '--cached', '--ignored', '--exclude-standard'], cwd=ROOT, check=True, capture_output=True,
                                text=True).stdout
        for name in listed.splitlines():
            self.breach(name, 'tracked, though .gitignore names it: git rm --cached')

    def check_scripts(self):
        for name in self.named('.sh') + [f for f in self.texts if f == '.ci/run']:
            run = subprocess.run(['bash', '-n', name], cwd=ROOT, capture_output=True, text=True, check=False)
            if run.returncode:
                self.breach(name, run.stderr.strip().splitlines()[0])

    def check_headers(self):
        """Every header compiles alone, with the flags of a source of its folder."""
        database = os.path.join(self.build, 'compile_commands.json')
        if not os.path.exists(database):
            return
        with open(database, encoding='utf-8') as f:
            entries = json.load(f)
        flags = {}
        for entry in entries:
            folder = os.path.dirname(os.path.relpath(os.path.join(entry['directory'], entry['file']), ROOT))
            flags.setdefault(folder, (entry['directory'], compile_flags(entry['command'])))
        memory = os.path.join(self.build, 'check-headers')
        os.makedirs(memory, exist_ok=True)

        def compile_one(name):
            folder = os.path.dirname(name)
            while folder and folder not in flags:
                folder = os.path.dirname(folder)
            if folder:
                where, arguments = flags[folder]
                return name, compile_header(name, where, arguments, memory)
            return name, None

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, complaint in pool.map(compile_one, [f for f in self.named('.h') if f.startswith('src/')]):
                if complaint:
                    self.breach(name, 'does not compile alone: ' + complaint)

    def check_shared_objects(self):
        program = os.path.join(self.build, 'wherry')
        if not os.path.exists(program):
            return
        out = subprocess.run(['ldd', program], check=False, capture_output=True, text=True).stdout
        needed = {line.split()[0] for line in out.splitlines() if line.strip()}
        if any(re.match(r'lib[alut]+san\.', n) for n in needed):
            return
        needed = {n for n in needed if not n.startswith(('linux-vdso', '/lib', 'statically', 'not'))}
        for extra in sorted(needed - SHARED_OBJECTS):
            self.breach('wherry', 'links %s, which is not on the list of shared objects' % extra)
        if len(needed) > SHARED_OBJECTS_MAX:
            self.breach('wherry', 'links %d shared objects; the ceiling is %d' % (len(needed), SHARED_OBJECTS_MAX))


def c_functions(text):
    """Yields name, line and length of each function; relies on the house formatting, braces of functions in column 0."""
    lines = text.splitlines()
    start = None
    for i, line in enumerate(lines):
        if line == '{':
            start = i
        elif line == '}' and start is not None:
            head = ''
            for j in range(start - 1, max(start - 12, -1), -1):
                head = lines[j] + ' ' + head
                if lines[j][:1].strip():
                    break
            match = re.search(r'(\w+)\s*\(', head)
            yield match.group(1) if match else '?', start + 1, i - start + 1
            start = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def compile_flags(command):
    """The arguments of a compilation without its input, its outputs and its dependency file."""
    words, kept, skip = shlex.split(command), [], False
    for word in words:
        if skip:
            skip = False
        elif word in ('-o', '-MF', '-MQ', '-MT', '-c'):
            skip = True
        elif word not in ('-MD', '-MMD'):
            kept.append(word)
    return kept


def compile_header(name, where, arguments, memory):
    """None, or the first complaint.  Skipped while nothing that the header reads is newer than the last good run."""
    stamp = os.path.join(memory, hashlib.sha256((name + '\0'.join(arguments)).encode()).hexdigest()[:24])
    try:
        made = os.stat(stamp).st_mtime
        with open(stamp, encoding='utf-8') as f:
            if all(os.stat(os.path.join(where, word)).st_mtime <= made for word in f.read().split()):
                return None
    except OSError:
        pass
    path = os.path.join(ROOT, name)
    include = '#include "%s"\n' % name[len('src/'):]
    run = subprocess.run(arguments + ['-fsyntax-only', '-MD', '-MF', stamp + '.d', '-x', 'c', '-'], cwd=where, input=include, check=False,
                         capture_output=True, text=True)
    if run.returncode:
        errors = [line for line in run.stderr.splitlines() if 'error' in line] or run.stderr.splitlines() or ['compiler failed']
        return errors[0].replace(path, name)
    with open(stamp + '.d', encoding='utf-8') as f:
        read = f.read().replace('\\\n', ' ').split(':', 1)[1].split()
    with open(stamp, 'w', encoding='utf-8') as f:
        f.write('\n'.join(word for word in read if word != '-'))
    os.unlink(stamp + '.d')
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default=os.environ.get('B') or os.path.join(ROOT, 'build'), help='the build folder')
    parser.add_argument('--all', action='store_true', help='look at the built program as well')
    args = parser.parse_args()
    checker = Checker(args.build)
    checks = [checker.check_layers, checker.check_sizes, checker.check_heads, checker.check_readmes, checker.check_words, checker.check_tracked,
              checker.check_scripts, checker.check_headers]
    for check in checks + [checker.check_shared_objects] * args.all:
        check()
    for line in checker.breaches:
        print(line)
    print('check: %d files, %d breaches' % (len(checker.files), len(checker.breaches)))
    sys.exit(bool(checker.breaches))


if __name__ == '__main__':
    main()
