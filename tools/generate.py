#!/usr/bin/python3
"""Make C from the API as data: structs, schemas and the resource table.

    generate.py API_FOLDER OUTPUT_FOLDER

Reads every *.api file (api/README.md tells the format) and writes, for each group and version, GROUP.h with its structs
and GROUP.c with its schemas, and once resources.c and all.h.  The output is data, not functions; src/types walks it.
"""
import json
import os
import re
import sys

SCALARS = {  # api type -> (C type, slice name, field type)
    'string': ('struct str', 'str', 'STRING'),
    'bool': ('bool', 'bool', 'BOOL'),
    'int32': ('int32_t', 'int32', 'INT32'),
    'int64': ('int64_t', 'int64', 'INT64'),
    'double': ('double', 'double', 'DOUBLE'),
    'bytes': ('struct bytes', 'bytes', 'BYTES'),
    'Quantity': ('struct quantity', 'quantity', 'QUANTITY'),
    'IntOrString': ('struct int_or_string', 'int_or_string', 'INT_OR_STRING'),
    'Time': ('struct timestamp', 'timestamp', 'TIME'),
    'MicroTime': ('struct timestamp', 'timestamp', 'MICRO_TIME'),
    'Duration': ('int64_t', 'int64', 'DURATION'),
    'RawExtension': ('struct raw_json', 'raw_json', 'RAW'),
    'FieldsV1': ('struct raw_json', 'raw_json', 'RAW'),
    'any': ('struct raw_json', 'raw_json', 'RAW'),
}
KEYWORDS = set('''auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool
true false'''.split())
CUSTOM_JSON = {'JSON': 'JSON_ANY', 'JSONSchemaPropsOrArray': 'JSON_OR_ARRAY', 'JSONSchemaPropsOrBool': 'JSON_OR_BOOL',
               'JSONSchemaPropsOrStringArray': 'JSON_OR_STRING_ARRAY'}
STRATEGIES = {'merge': 'PATCH_MERGE', 'replace': 'PATCH_REPLACE', 'retainKeys': 'PATCH_RETAIN_KEYS'}


def snake(name):
    """hostIPs -> host_ips, HTTPGetAction -> http_get_action."""
    name = re.sub(r'([A-Z]{2,})s(?=[A-Z]|$)', lambda m: m.group(1)[0] + m.group(1)[1:].lower() + 's', name)
    name = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', name)
    name = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    return re.sub(r'\W', '_', name).lower()


def member(name):
    word = snake(name.lstrip('$'))
    return word + '_' if word in KEYWORDS else word


def c_string(text):
    out = []
    for b in text.encode():
        out.append(chr(b) if 32 <= b < 127 and b not in (34, 92) else '\\%03o' % b)
    return '"' + ''.join(out) + '"'


def c_str(text):
    return 'STR_INIT(%s)' % c_string(text)


def words(line):
    """The words of a line; JSON strings are one word."""
    return [json.loads(w) if w.startswith('"') else w for w in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line)]


class Group:
    def __init__(self, name, attributes):
        self.group = '' if name == 'core' else name
        self.version = attributes['version']
        self.key = attributes.get('key', name + '/' + self.version)
        self.prefix = name.split('.')[0].replace('-', '_') + '_' + self.version
        self.package = attributes['package']
        self.priority = int(attributes.get('priority', 1000))
        # The types of meta/v1 are registered in every group; served alone they say v1.
        own = '' if self.key == 'meta/v1' else self.group
        self.api_version = (own + '/' if own else '') + self.version
        self.types, self.enums, self.resources, self.uses = {}, {}, [], set()

    @property
    def openapi_package(self):
        parts = self.package.replace('_', '-').split('.')  # k8s.io.api.core.v1 -> io.k8s.api.core.v1
        return '.'.join(['io', 'k8s'] + parts[2:]) if parts[:2] == ['k8s', 'io'] else self.package


class Type:
    def __init__(self, group, name, flags):
        self.group, self.name, self.flags, self.fields = group, name, flags, []
        self.c = group.prefix + '_' + snake(name)

    def attribute(self, key):
        return next((w[len(key) + 1:] for w in self.flags if w.startswith(key + '=')), '')

    @property
    def deprecation(self):
        """What clients are warned of who use the type, '' when it is not deprecated."""
        _, deprecated, removed = (self.attribute('since') + '//').split('/')[:3]
        if not deprecated:
            return ''
        group, _, kind = self.attribute('replaced').rpartition('.')
        return '%s %s is deprecated in v%s+%s%s' % (
            self.group.api_version, self.name, deprecated, ', unavailable in v%s+' % removed if removed else '',
            '; use %s %s' % (group, kind) if kind else '')

    @property
    def slice(self):
        """The C name of a list of these: Endpoint's would be EndpointSlice's, so that one is in the plural."""
        return self.c + ('s_slice' if self.name + 'Slice' in self.group.types else '_slice')


class Field:
    def __init__(self, group, line):
        # Markers may hold blanks inside JSON strings; a marker starts after a blank outside of them.
        parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+', line)
        self.name, number, text, flags = parts[0], parts[1], parts[2], parts[3:]
        self.embedded = self.name == '+'
        self.number = 0 if number == '-' else int(number)
        self.flags = {f for f in flags if '=' not in f}
        self.options, self.valid = {}, []
        for flag in flags:
            key, sep, value = flag.partition('=')
            if sep and key == 'valid':
                self.valid.append(value)
            elif sep:
                self.options[key] = value
        self.shape = 'ONE'
        for mark, shape in (('map[][]', 'MAP_OF_LISTS'), ('map[]', 'MAP'), ('[]', 'LIST'), ('*', 'OPTIONAL')):
            if text.startswith(mark):
                text, self.shape = text[len(mark):], shape
                break
        self.enum = None
        if text.startswith('%'):
            self.enum, text = self.qualify(group, text[1:]), 'string'
        self.raw = text
        self.scalar = SCALARS.get(text)
        self.ref = None if self.scalar else self.qualify(group, text)

    @staticmethod
    def qualify(group, name):
        return name if '/' in name else group.key + '.' + name


class Api:
    def __init__(self, folder):
        self.groups, self.types, self.loose = {}, {}, []
        for name in sorted(os.listdir(folder)):
            if name.endswith('.api'):
                try:
                    self.read(os.path.join(folder, name))
                except (ValueError, KeyError, IndexError) as e:
                    sys.exit('%s: %s' % (name, e))
        for t in self.types.values():
            for f in t.fields:
                if f.ref:
                    if f.ref not in self.types:
                        sys.exit('%s.%s: no type %s' % (t.name, f.name, f.ref))
                    if self.types[f.ref].group is not t.group:
                        t.group.uses.add(self.types[f.ref].group.prefix)
        self.defaulted = self.find_defaulted()

    def read(self, path):
        group = current = resource = None
        for number, line in enumerate(open(path), 1):
            text = line.strip()
            if not text or text.startswith('#'):
                continue
            if line.startswith('\t'):
                if resource is not None and text.startswith('subresource '):
                    resource['subresources'].append(self.attributes(text))
                elif current:
                    current.fields.append(Field(group, text))
                else:
                    raise ValueError('line %d: a field outside a type' % number)
                continue
            keyword, rest = text.split(' ', 1)
            if keyword == 'group':
                a = self.attributes(text)
                group = Group(a['name'], a)
                self.groups[group.key] = group
            elif keyword == 'enum':
                name, *values = words(rest)
                group.enums[group.key + '.' + name] = values
            elif keyword == 'type':
                name, *flags = rest.split()
                current, resource = Type(group, name, flags), None
                self.types[group.key + '.' + name] = group.types[name] = current
            elif keyword == 'resource':
                resource = self.attributes(text)
                resource['subresources'] = []
                (group.resources if group else self.loose).append(resource)
            elif keyword not in ('open', 'const'):
                raise ValueError('line %d: unknown word %s' % (number, keyword))

    def find_defaulted(self):
        """The types that have a default anywhere below them."""
        found, size = set(), -1
        while len(found) != size:
            size = len(found)
            found |= {t for t in self.types.values() for f in t.fields
                      if 'set' in f.options or 'default' in f.options or (f.ref and self.types[f.ref] in found)}
        return found

    @staticmethod
    def attributes(text):
        _, name, *rest = text.split()
        a = {'name': name}
        for word in rest:
            key, sep, value = word.partition('=')
            a[key] = value if sep else True
        return a

    def enum_values(self, name):
        for g in self.groups.values():
            if name in g.enums:
                return g.enums[name]
        return []


def write(path, text):
    """Write a file only when it changes, so that a rebuild compiles no more than it must."""
    if os.path.exists(path) and open(path).read() == text:
        return
    with open(path, 'w') as f:
        f.write(text)


def member_type(api, f):
    one, many = f.scalar[:2] if f.scalar else ('struct ' + api.types[f.ref].c, api.types[f.ref].c)
    some = many + '_slice' if f.scalar else api.types[f.ref].slice
    return {'ONE': one + ' ', 'OPTIONAL': 'const ' + one + ' *', 'LIST': 'struct %s ' % some,
            'MAP': 'struct %s_map ' % many, 'MAP_OF_LISTS': 'struct %s_slice_map ' % many}[f.shape]


def member_name(api, f):
    return snake(api.types[f.ref].name) if f.embedded else member(f.name)


def ordered(api, group):
    """The group's types so that those held by value come first."""
    done, out = set(), []

    def visit(t):
        if t.c in done or t.group is not group:
            return
        done.add(t.c)
        for f in t.fields:
            if f.ref and f.shape == 'ONE':
                visit(api.types[f.ref])
        out.append(t)
    for t in group.types.values():
        visit(t)
    return out


def header(api, group):
    guard = 'WHERRY_TYPES_GEN_%s_H' % group.prefix.upper()
    out = ['/* Made by tools/generate.py from api/: %s.  Not to be edited. */' % group.key, '#ifndef ' + guard,
           '#define ' + guard, '', '#include "types/scalar.h"', '#include "types/schema.h"']
    out += ['#include "types/gen/%s.h"' % p for p in sorted(group.uses)]
    out.append('')
    for t in group.types.values():
        out.append('struct %s;' % t.c)
        out.append('struct %s { const struct %s *items; size_t len; };' % (t.slice, t.c))
        out.append('struct %s_pair;' % t.c)
        out.append('struct %s_map { const struct %s_pair *items; size_t len; };' % (t.c, t.c))
    for t in ordered(api, group):
        out += ['', 'struct %s {' % t.c]
        out += ['\t%s%s;' % (member_type(api, f), member_name(api, f)) for f in t.fields]
        if not t.fields:
            out.append('\tchar empty;')
        out += ['};', 'struct %s_pair { struct str key; struct %s value; };' % (t.c, t.c)]
    out.append('')
    out += ['extern const struct schema schema_%s;' % t.c for t in group.types.values()]
    out += ['', '#endif', '']
    return '\n'.join(out)


class Tables:
    """The schemas of one group as C tables; equal rules and values are shared."""

    def __init__(self, api, group):
        self.api, self.group, self.out, self.rules, self.values = api, group, [], {}, {}

    def value_list(self, values):
        key = tuple(values)
        if key not in self.values:
            self.values[key] = 'values_%d' % len(self.values)
            self.out.append('static const struct str %s[] = {%s};' % (self.values[key], ', '.join(map(c_str, values))))
        return self.values[key]

    def rules_of(self, f):
        parts, o = [], f.options
        if 'list' in o:
            kind, _, keys = o['list'].partition('(')
            parts.append('.list_type = LIST_TYPE_' + kind.upper())
            if keys:
                parts.append('.list_map_keys = {%s}' % ', '.join(c_str(k) for k in keys.rstrip(')').split(',')))
        if o.get('map') == 'atomic' or o.get('struct') == 'atomic':
            parts.append('.atomic = true')
        if o.get('map') == 'granular' or o.get('struct') == 'granular':
            parts.append('.granular = true')
        if 'patch' in o:
            names, _, key = o['patch'].partition('(')
            parts.append('.patch_strategy = ' + ' | '.join(STRATEGIES[n] for n in names.split(',')))
            if key:
                parts.append('.patch_merge_key = ' + c_str(key.rstrip(')')))
        if 'default' in o:
            parts.append('.default_json = ' + c_str(o['default']))
        if 'set' in o:
            parts.append('.set_json = ' + c_str(o['set']))
        if f.enum and self.api.enum_values(f.enum):
            values = sorted(self.api.enum_values(f.enum))
            parts.append('.values = %s, .values_len = %d' % (self.value_list(values), len(values)))
        if 'gate' in o:
            parts.append('.feature_gates = ' + c_str(o['gate']))
        if f.valid:
            parts.append('.validation = ' + c_str(' '.join(f.valid)))
        key = ', '.join(parts)
        if key not in self.rules:
            self.rules[key] = 'rules_%d' % len(self.rules)
            self.out.append('static const struct field_rules %s = {%s};' % (self.rules[key], key or '.atomic = false'))
        return self.rules[key]

    def field(self, f, path, embedded):
        flags = [n for n, on in (('OMITEMPTY', 'omitempty' in f.flags), ('OMITZERO', 'omitzero' in f.flags),
                                 ('REQUIRED', 'required' in f.flags), ('EMBEDDED', embedded),
                                 ('WRAPPED', 'wrap' in f.flags), ('NO_JSON', 'nojson' in f.flags),
                                 ('IS_FIELDS_V1', f.raw == 'FieldsV1'), ('IS_RAW_OBJECT', f.raw == 'RawExtension')) if on]
        return '\t{%s, %s, &%s, %s, %d, %s, FIELD_%s, SHAPE_%s},' % (
            c_str('' if f.embedded else f.name), '&schema_' + self.api.types[f.ref].c if f.ref else 'NULL',
            self.rules_of(f), 'offsetof(struct %s, %s)' % path, f.number,
            ' | '.join('FIELD_' + n for n in flags) or '0', f.scalar[2] if f.scalar else 'MESSAGE', f.shape)

    def expand(self, t, outer, prefix, embedded):
        """JSON fields in order, embedded types in place: [(field, path, embedded)]."""
        out = []
        for f in t.fields:
            path = prefix + member_name(self.api, f)
            if f.embedded:
                out += self.expand(self.api.types[f.ref], outer, path + '.', True)
            else:
                out.append((f, (outer, path), embedded))
        return out

    def type(self, t):
        fields = self.expand(t, t.c, '', False)
        messages = [(f, (t.c, member_name(self.api, f)), False) for f in t.fields if f.embedded and f.number]
        rows = [self.field(*x) for x in fields + messages]
        by_name = sorted(range(len(fields)), key=lambda i: fields[i][0].name.encode())
        numbered = [(f.number, i) for i, (f, _, embedded) in enumerate(fields + messages) if f.number and not embedded]
        by_number = [i for _, i in sorted(numbered)]
        flags = [n for n, on in (('TOP_LEVEL', 'toplevel' in t.flags), ('OBJECT', 'object' in t.flags),
                                 ('ATOMIC', 'struct=atomic' in t.flags),
                                 ('HAS_DEFAULTS', t in self.api.defaulted)) if on]
        if 'customjson' in t.flags:
            flags.append(CUSTOM_JSON[t.name])
        if rows:
            self.out += ['static const struct schema_field fields_%s[] = {' % t.c] + rows + ['};']
        if by_name:
            self.out.append('static const uint16_t by_name_%s[] = {%s};' % (t.c, ', '.join(map(str, by_name))))
        if by_number:
            self.out.append('static const uint16_t by_number_%s[] = {%s};' % (t.c, ', '.join(map(str, by_number))))
        g = t.group
        self.out += ['const struct schema schema_%s = {' % t.c,
                     '\t.name = %s, .group = %s, .version = %s, .api_version = %s, .kind = %s,' % (
                         c_str(g.key + '.' + t.name), c_str(g.group), c_str(g.version), c_str(g.api_version), c_str(t.name)),
                     '\t.openapi_name = %s,' % c_str(g.openapi_package + '.' + t.name),
                     '\t.fields = %s, .by_name = %s, .by_number = %s,' % (
                         'fields_' + t.c if rows else 'NULL', 'by_name_' + t.c if by_name else 'NULL',
                         'by_number_' + t.c if by_number else 'NULL'),
                     '\t.len = %d, .numbers_len = %d, .size = sizeof(struct %s), .flags = %s, .members = %s,' % (
                         len(fields), len(by_number), t.c, ' | '.join('SCHEMA_' + n for n in flags) or '0',
                         c_str(t.attribute('union'))),
                     '\t.deprecation = %s,' % c_str(t.deprecation),
                     '};', '']

    def text(self):
        for t in self.group.types.values():
            self.type(t)
        return '\n'.join(['/* Made by tools/generate.py from api/: %s.  Not to be edited. */' % self.group.key,
                          '#include "types/gen/%s.h"' % self.group.prefix, ''] + self.out)


def resource_rows(api):
    """The resource table and the tables it points to."""
    out, rows = [], []

    def strings(values):
        if not values:
            return '{NULL, 0}'
        name = 'strings_%d' % len(out)
        out.append('static const struct str %s[] = {%s};' % (name, ', '.join(map(c_str, values))))
        return '{%s, %d}' % (name, len(values))

    def verbs(text):
        names = {'deletecollection': 'DELETE_COLLECTION'}
        return ' | '.join('VERB_' + names.get(v, v.upper()) for v in text.split(','))

    def schema(key, kind):
        t = api.types.get(key + '.' + kind)
        return '&schema_' + t.c if t else 'NULL'

    served = [(g.group, g.version, r) for g in api.groups.values() for r in g.resources]
    served += [(*r['gv'].rsplit('/', 1), r) for r in api.loose]
    for group, version, r in served:
        subs = []
        for s in r['subresources']:
            sub_group, sub_version = s['group'].rsplit('/', 1) if 'group' in s else (group, version)
            subs.append('\t{%s, %s, %s, %s, %s, %s, %s},' % (
                c_str(s['name']), c_str(sub_group), c_str(sub_version), c_str(s['kind']),
                'NULL' if s['name'] == 'log' else schema((sub_group or 'core') + '/' + sub_version, s['kind']),
                verbs(s['verbs']), 'true' if 'connect' in s else 'false'))
        name = 'subresources_%d' % len(rows)
        if subs:
            out += ['static const struct subresource %s[] = {' % name] + subs + ['};']
        api_version = (group + '/' if group else '') + version
        storage = r.get('storage', version)
        storage = 'v1' if storage == 'core/v1' else (group + '/' if group else '') + storage
        stability = 'BETA' if 'beta' in r else 'ALPHA' if 'alpha' in r else 'GA'
        key = (group or 'core') + '/' + version
        rows.append('\t{.group = %s, .version = %s, .api_version = %s, .plural = %s, .singular = %s, .kind = %s,\n'
                    '\t .list_kind = %s, .short_names = %s, .categories = %s, .namespaced = %s, .verbs = %s,\n'
                    '\t .stability = STABILITY_%s, .schema = %s, .list_schema = %s, .storage_version = %s,\n'
                    '\t .storage_key = %s, .subresources = %s, .subresources_len = %d},' % (
                        c_str(group), c_str(version), c_str(api_version), c_str(r['name']),
                        c_str('' if r['singular'] == '-' else r['singular']), c_str(r['kind']), c_str(r['kind'] + 'List'),
                        strings(r['short'].split(',') if 'short' in r else []),
                        strings(r['categories'].split(',') if 'categories' in r else []),
                        'true' if 'namespaced' in r else 'false', verbs(r['verbs']), stability,
                        schema(key, r['kind']), schema(key, r['kind'] + 'List'),
                        c_str(storage), c_str(r.get('key', r['name'])), name if subs else 'NULL', len(subs)))
    return out, rows


def resources_c(api):
    helpers, rows = resource_rows(api)
    versions = sorted((g.priority, g.group, g.version) for g in api.groups.values() if g.priority < 1000)
    versions.sort(key=lambda v: (v[0], [-int(n) for n in re.findall(r'\d+', v[2])]))
    out = ['/* Made by tools/generate.py from api/.  Not to be edited. */', '#include "types/resource.h"', '',
           '#include "types/gen/all.h"', '']
    out += helpers + ['', 'const struct resource resources[] = {'] + rows
    out += ['};', 'const size_t resources_len = sizeof(resources) / sizeof(resources[0]);', '',
            'const struct api_group_version api_group_versions[] = {']
    out += ['\t{%s, %s, %d},' % (c_str(g), c_str(v), p) for p, g, v in versions]
    out += ['};', 'const size_t api_group_versions_len = sizeof(api_group_versions) / sizeof(api_group_versions[0]);', '']
    names = sorted(api.types, key=lambda n: n.encode())
    out += ['const struct schema *const all_schemas[] = {'] + ['\t&schema_%s,' % api.types[n].c for n in names]
    out += ['};', 'const size_t all_schemas_len = sizeof(all_schemas) / sizeof(all_schemas[0]);', '']
    return '\n'.join(out)


def main():
    api = Api(sys.argv[1])
    target = sys.argv[2]
    os.makedirs(target, exist_ok=True)
    for group in api.groups.values():
        write(os.path.join(target, group.prefix + '.h'), header(api, group))
        write(os.path.join(target, group.prefix + '.c'), Tables(api, group).text())
    prefixes = sorted(g.prefix for g in api.groups.values())
    write(os.path.join(target, 'all.h'), '\n'.join(
        ['/* Made by tools/generate.py: every group.  Sorted by name, all_schemas is searched by name. */',
         '#ifndef WHERRY_TYPES_GEN_ALL_H', '#define WHERRY_TYPES_GEN_ALL_H', ''] +
        ['#include "types/gen/%s.h"' % p for p in prefixes] +
        ['', 'extern const struct schema *const all_schemas[];', 'extern const size_t all_schemas_len;', '', '#endif', '']))
    write(os.path.join(target, 'resources.c'), resources_c(api))


if __name__ == '__main__':
    main()
