"""Prometheus' text format, read as strictly as its own parser does, and figures out of it.

    before = parse(api.get('/metrics').body)
    ...
    assert parse(api.get('/metrics').body).total('apiserver_request_total', verb='GET') == before.total(...) + 1
"""
import math
import re

NAME = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
ESCAPES = {'\\\\': '\\', '\\"': '"', '\\n': '\n'}
TYPES = ('counter', 'gauge', 'histogram')


class Family:
    """One metric with all its sets of labels: `samples` maps (name, sorted label pairs) to values."""

    def __init__(self, name, help_text, kind):
        self.name, self.help, self.kind, self.samples = name, help_text, kind, {}

    def owns(self, name):
        """May a sample called so stand under this family's TYPE?"""
        if self.kind == 'histogram':
            return name in (self.name + '_bucket', self.name + '_sum', self.name + '_count')
        return name == self.name


class Exposition(dict):
    """Families by name."""

    def total(self, sample, **labels):
        """The sum of all samples called so whose labels include these; 0 when there are none."""
        family = self.get(sample) or self.get(re.sub(r'_(bucket|sum|count)$', '', sample))
        wanted = set(labels.items())
        return sum(value for (name, pairs), value in family.samples.items() if name == sample and wanted <= set(pairs)) if family else 0


def _number(text, line):
    if not re.fullmatch(r'[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]Inf|NaN', text):
        raise ValueError('no number: %r' % line)
    return float(text.replace('Inf', 'inf'))


def _sample(line):
    """name{label="value",...} number [timestamp]"""
    name = NAME.match(line)
    if not name:
        raise ValueError('no sample: %r' % line)
    rest, labels = line[name.end():], []
    if rest.startswith('{'):
        rest = rest[1:]
        while not rest.startswith('}'):
            label = LABEL.match(rest)
            if not label:
                raise ValueError('bad labels: %r' % line)
            labels.append((label.group(1), re.sub(r'\\.', lambda m: ESCAPES[m.group()], label.group(2))))
            rest = rest[label.end():]
            if rest.startswith(','):
                rest = rest[1:]
            elif not rest.startswith('}'):
                raise ValueError('bad labels: %r' % line)
        rest = rest[1:]
    if len({label for label, _ in labels}) != len(labels):
        raise ValueError('a label twice: %r' % line)
    value = re.fullmatch(r' (\S+)( -?\d+)?', rest)
    if not value:
        raise ValueError('bad value: %r' % line)
    return name.group(), tuple(sorted(labels)), _number(value.group(1), line)


def _check_histogram(family):
    """Each set of labels has ascending buckets up to +Inf, whose last equals its count, and a sum."""
    series = {}
    for (name, labels), value in family.samples.items():
        bare = tuple(pair for pair in labels if pair[0] != 'le')
        one = series.setdefault(bare, {'buckets': []})
        if name.endswith('_bucket'):
            one['buckets'].append((float(dict(labels)['le'].replace('Inf', 'inf')), value))
        else:
            one[name.rsplit('_', 1)[1]] = value
    for labels, one in series.items():
        bounds, counts = zip(*one['buckets'])
        if list(bounds) != sorted(set(bounds)) or not math.isinf(bounds[-1]) or list(counts) != sorted(counts):
            raise ValueError('bad buckets: %s%s' % (family.name, labels))
        if counts[-1] != one['count'] or 'sum' not in one:
            raise ValueError('count and buckets differ: %s%s' % (family.name, labels))


def parse(body):
    """The families of a scrape; ValueError for whatever is not exactly as it should be."""
    text = body.decode('utf-8') if isinstance(body, bytes) else body
    if text and not text.endswith('\n'):
        raise ValueError('the last line does not end')
    found, family, help_text = Exposition(), None, None
    for line in text.split('\n')[:-1]:
        if line.startswith('# HELP '):
            name, help_text = line[7:].split(' ', 1)
            if name in found or not help_text:
                raise ValueError('a second or empty HELP: %r' % line)
            family = Family(name, help_text, None)
        elif line.startswith('# TYPE '):
            name, kind = line[7:].split(' ')
            if not family or family.name != name or family.kind or kind not in TYPES or not NAME.fullmatch(name):
                raise ValueError('TYPE without its HELP: %r' % line)
            family.kind = kind
            found[name] = family
        else:
            name, labels, value = _sample(line)
            if not family or not family.kind or not family.owns(name):
                raise ValueError('a sample outside of its family: %r' % line)
            if (name, labels) in family.samples:
                raise ValueError('a sample twice: %r' % line)
            if family.kind != 'gauge' and value < 0:
                raise ValueError('a negative count: %r' % line)
            family.samples[name, labels] = value
    for family in found.values():
        if family.kind == 'histogram':
            _check_histogram(family)
    return found
