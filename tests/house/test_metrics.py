"""The reader of Prometheus' text refuses what Prometheus would, and what only looks right."""
import pytest

from lib.metrics import parse

GOOD = '''# HELP a_total Things
# TYPE a_total counter
a_total{x="1",y="a\\"b"} 3
a_total{x="2",y=""} 4e+06
# HELP g G
# TYPE g gauge
g -1.5
# HELP h H
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="+Inf"} 2
h_sum 3.25
h_count 2
'''


def test_figures():
    found = parse(GOOD.encode())
    assert set(found) == {'a_total', 'g', 'h'} and found['a_total'].kind == 'counter'
    assert found.total('a_total') == 4000003 and found.total('a_total', x='1', y='a"b') == 3
    assert found.total('g') == -1.5 and found.total('h_count') == 2 and found.total('h_bucket', le='0.5') == 1
    assert found.total('a_total', x='3') == 0 and found.total('nothing') == 0


@pytest.mark.parametrize('old, new', [
    ('# TYPE a_total counter\n', ''), ('# HELP a_total Things\n', ''), ('# TYPE g gauge', '# TYPE g thing'),
    ('# HELP g G', '# HELP a_total G'), ('a_total{x="1"', 'b_total{x="1"'), ('g -1.5', 'g -1,5'), ('g -1.5', 'g'),
    ('x="2",y=""', 'x="2",x=""'), ('x="2",y=""', 'x="1",y="a\\"b"'), ('x="2",y=""', 'x="2" y=""'), ('x="2"', 'x="\\q"'),
    ('} 3\n', '} -3\n'), ('h_bucket{le="0.5"} 1', 'h_bucket{le="0.5"} 3'), ('h_count 2', 'h_count 1'), ('h_sum 3.25\n', ''),
    ('h_bucket{le="+Inf"} 2\n', ''), ('h_count 2\n', 'h_count 2'),
])
def test_what_is_refused(old, new):
    assert old in GOOD
    with pytest.raises((ValueError, KeyError)):
        parse(GOOD.replace(old, new, 1))
