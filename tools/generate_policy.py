#!/usr/bin/env python3
"""Turns the bootstrap policy (src/apiserver/policy/bootstrap.rbac, whose head says how it is written) into C.

    generate_policy.py bootstrap.rbac bootstrap_policy.c

The output is constant data in the structs of types/gen/rbac_v1.h, see src/apiserver/policy/bootstrap_policy.h.
"""

import sys

RBAC = "rbac.authorization.k8s.io"
KINDS = {
    "ClusterRole": ("rbac_v1_cluster_role", "policy_cluster_roles"),
    "Role": ("rbac_v1_role", "policy_roles"),
    "ClusterRoleBinding": ("rbac_v1_cluster_role_binding", "policy_cluster_role_bindings"),
    "RoleBinding": ("rbac_v1_role_binding", "policy_role_bindings"),
}


class Failure(Exception):
    pass


def words_after(words, *keys):
    """The words that follow each key: `in a to b c` -> {"in": ["a"], "to": ["b", "c"]}."""
    found, key = {}, None
    for word in words:
        if word in keys:
            key = word
            found[key] = []
        elif key is None:
            raise Failure(f"what is {word!r}?")
        else:
            found[key].append(word)
    return found


def parse_rule(words):
    if len(words) < 3:
        raise Failure("a rule has verbs, and on or at")
    parts = words_after(words[1:], "on", "in", "named", "at")
    rule = {"verbs": words[0].split(",")}
    for key, member in (("on", "resources"), ("in", "api_groups"), ("named", "resource_names"), ("at", "non_resource_urls")):
        if key in parts:
            rule[member] = ["" if word == "core" else word for word in parts[key][0].split(",")]
    return rule


def parse_item(item, words):
    kind = words[0]
    if kind == "label":
        item["labels"].append(words[1])
    elif kind == "gathers":
        item["gathers"].append(words[1])
    elif kind == "allow":
        item["rules"].append(parse_rule(words[1:]))
    elif kind in ("User", "Group"):
        item["subjects"].append((kind, words[1], ""))
    elif kind == "ServiceAccount":
        namespace, name = words[1].split("/")
        item["subjects"].append((kind, name, namespace))
    else:
        raise Failure(f"what is {kind!r}?")


def parse(path):
    items = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split()
            try:
                if line[0].isspace():
                    parse_item(items[-1], words)
                    continue
                if words[0] not in KINDS:
                    raise Failure(f"what is {words[0]!r}?")
                parts = words_after(words[2:], "in", "to")
                items.append({"kind": words[0], "name": words[1], "namespace": parts.get("in", [""])[0],
                              "role": parts.get("to"), "labels": [], "gathers": [], "rules": [], "subjects": []})
            except (Failure, IndexError, ValueError) as failure:
                raise SystemExit(f"{path}:{number}: {failure}") from failure
    return items


def text(value):
    return f'STR_INIT("{value}")'


class Writer:
    """Writes arrays first, then what points at them; equal lists of strings are written once."""

    def __init__(self):
        self.lines, self.lists = [], {}

    def list(self, values):
        if not values:
            return "{0}"
        key = tuple(values)
        if key not in self.lists:
            self.lists[key] = f"list_{len(self.lists)}"
            self.lines.append(f"static const struct str {self.lists[key]}[] = {{{', '.join(map(text, values))}}};")
        return f"{{{self.lists[key]}, {len(values)}}}"

    def array(self, kind, name, values):
        if not values:
            return "{0}"
        self.lines.append(f"static const struct {kind} {name}[] = {{{', '.join(values)}}};")
        return f"{{{name}, {len(values)}}}"

    def rules(self, item, name):
        values = []
        for rule in item["rules"]:
            values.append("{" + ", ".join(f".{member} = {self.list(list_)}" for member, list_ in rule.items()) + "}")
        return self.array("rbac_v1_policy_rule", f"rules_{name}", values)

    def metadata(self, item, name):
        pairs = sorted([("kubernetes.io/bootstrapping", "rbac-defaults")] + [(label, "true") for label in item["labels"]])
        labels = self.array("str_pair", f"labels_{name}", [f"{{{text(key)}, {text(value)}}}" for key, value in pairs])
        return (f".metadata = {{.name = {text(item['name'])}, .namespace = {text(item['namespace'])}, "
                f".labels = {labels}, .annotations = {{annotations, 1}}}}")

    def role(self, item, name):
        members = [self.metadata(item, name), f".rules = {self.rules(item, name)}"]
        if item["gathers"]:
            selectors = []
            for number, label in enumerate(item["gathers"]):
                pairs = self.array("str_pair", f"gathers_{name}_{number}", [f"{{{text(label)}, {text('true')}}}"])
                selectors.append(f"{{.match_labels = {pairs}}}")
            array = self.array("meta_v1_label_selector", f"selectors_{name}", selectors)
            self.lines.append(f"static const struct rbac_v1_aggregation_rule aggregation_{name} = "
                              f"{{.cluster_role_selectors = {array}}};")
            members.append(f".aggregation_rule = &aggregation_{name}")
        return "{" + ", ".join(members) + "}"

    def binding(self, item, name):
        subjects = []
        for kind, subject, namespace in item["subjects"]:
            group = "" if kind == "ServiceAccount" else RBAC
            subjects.append(f"{{{text(kind)}, {text(group)}, {text(subject)}, {text(namespace)}}}")
        array = self.array("rbac_v1_subject", f"subjects_{name}", subjects)
        kind, role = item["role"]
        return (f"{{{self.metadata(item, name)}, .subjects = {array}, "
                f".role_ref = {{{text(RBAC)}, {text(kind)}, {text(role)}}}}}")


def main():
    source, target = sys.argv[1:]
    items, writer, tables = parse(source), Writer(), {kind: [] for kind in KINDS}
    for number, item in enumerate(items):
        make = writer.binding if item["role"] else writer.role
        tables[item["kind"]].append(make(item, str(number)))
    with open(target, "w", encoding="utf-8") as file:
        file.write("/* Made by tools/generate_policy.py from bootstrap.rbac.  Not to be edited. */\n"
                   '#include "apiserver/policy/bootstrap_policy.h"\n\n'
                   "static const struct str_pair annotations[] = "
                   f'{{{{{text("rbac.authorization.kubernetes.io/autoupdate")}, {text("true")}}}}};\n')
        file.write("\n".join(writer.lines) + "\n")
        for kind, (struct, table) in KINDS.items():
            body = ",\n".join("\t" + value for value in tables[kind])
            file.write(f"\nconst struct {struct} {table}[] = {{\n{body}}};\n"
                       f"const size_t {table}_len = {len(tables[kind])};\n")


if __name__ == "__main__":
    main()
