"""The house checks find what they are for: each case is a small tree with one breach."""
import os
import shutil

import pytest

from lib import proc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = '/* What it is. */\n'
LATER = 'TO' + 'DO'

BREACHES = {
    'a lower layer includes a higher one': ('src/base/a.c', HEAD + '#include "types/b.h"\n', 'src/base may not include src/types'),
    'a program includes another': ('src/scheduler/a.c', HEAD + '#include "kubelet/b.h"\n', 'src/scheduler may not include src/kubelet'),
    'net is beside types': ('src/net/a.c', HEAD + '#include "types/b.h"\n', 'src/net may not include src/types'),
    'a folder without a layer': ('src/misc/a.c', HEAD, 'no place in the dependency law'),
    'a name without its folder': ('src/base/a.c', HEAD + '#include "b.h"\n', 'name it from src/'),
    'a file that is too long': ('src/base/a.c', HEAD + '\n' * 1200, '1201 lines; the ceiling is 1200'),
    'a function that is too long': ('src/base/a.c', HEAD + 'int f(void)\n{\n' + '\n' * 120 + '}\n', 'f() has 122 lines'),
    'a main that is too long': ('src/cmd/a.c', HEAD + 'int main(void)\n{\n' + '\n' * 60 + '}\n', 'main() has 62 lines'),
    'a file without a head': ('src/base/a.c', 'int x;\n', 'opens without a comment'),
    'a script without a head': ('tools/a.sh', '#!/bin/bash\ntrue\n', 'opens without a comment'),
    'a script that does not parse': ('tools/a.sh', '#!/bin/bash\n# It.\nif\n', 'syntax error'),
    'a program that does not parse': ('tools/a.py', '"""It."""\ndef f(:\n', 'invalid syntax'),
    'a word for later work': ('src/base/a.c', HEAD + '/* %s: more */\n' % LATER, 'a word for later work: ' + LATER),
    'a registry': ('tools/a.sh', '# It: http://deb.' + 'debian.org/\n', 'the host of a package registry'),
}


def judge(tree, name, text):
    """Runs the checks over a fresh tree that holds one more file."""
    os.makedirs(tree + '/tools')
    shutil.copy(ROOT + '/tools/check.py', tree + '/tools/check.py')
    path = os.path.join(tree, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    for folder in {'tools', name.split('/')[0], '/'.join(name.split('/')[:2]) if name.startswith('src/') else 'tools'}:
        with open('%s/%s/README.md' % (tree, folder), 'w', encoding='utf-8') as f:
            f.write('# it\n')
    proc.run(['git', 'init', '-q', tree])
    return proc.run(['/usr/bin/python3', tree + '/tools/check.py', '--build', tree + '/build'], check=False)


@pytest.mark.parametrize('case', sorted(BREACHES))
def test_breach_is_found(test_id, case):
    name, text, complaint = BREACHES[case]
    result = judge(test_id.folder('tree'), name, text)
    assert not result.ok and complaint in result.out, result
    assert result.out.endswith('1 breaches\n'), result


def test_what_is_right_passes(test_id):
    result = judge(test_id.folder('tree'), 'src/types/a.c', HEAD + '#include "base/b.h"\n\nint f(void)\n{\n' + '\n' * 100 + '}\n')
    assert result.ok, result
