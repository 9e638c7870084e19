"""Container images made from the machine's static busybox: no registry, no network.

An image is one layer: busybox with its applets as hard links, a few folders and files, and whatever files a test adds.
"""
import hashlib
import io
import json
import os
import subprocess
import tarfile

BUSYBOX = '/bin/busybox'
FOLDERS = {'bin': 0o755, 'etc': 0o755, 'root': 0o700, 'tmp': 0o1777, 'var': 0o755, 'home': 0o755, 'www': 0o755}
FILES = {'etc/passwd': b'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/home:/bin/sh\n',
         'etc/group': b'root:x:0:\nguest:x:1000:\n'}


def _tar(entries):
    """A tar of (name, type, mode, data or link) without owners and times, so that it is the same each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for name, kind, mode, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, mode
            if kind == tarfile.LNKTYPE:
                info.linkname = data
            elif kind == tarfile.REGTYPE:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
    return out.getvalue()


def _digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


class Image:
    """An image in memory, to be written as a docker archive or an OCI layout."""

    def __init__(self, name, files=None, entrypoint=None, cmd=None, env=None, user=None, working_dir=None):
        with open(BUSYBOX, 'rb') as f:
            binary = f.read()
        applets = sorted(set(subprocess.run([BUSYBOX, '--list'], check=True, capture_output=True, text=True).stdout.split()) - {'busybox'})
        content = {**FILES, **{k.lstrip('/'): v if isinstance(v, bytes) else v.encode() for k, v in (files or {}).items()}}
        self.name = name
        self.layer = _tar([(n, tarfile.DIRTYPE, mode, None) for n, mode in FOLDERS.items()]
                          + [('bin/busybox', tarfile.REGTYPE, 0o755, binary)]
                          + [('bin/' + n, tarfile.LNKTYPE, 0o755, 'bin/busybox') for n in applets]
                          + [(n, tarfile.REGTYPE, 0o755 if n.startswith('bin/') or data[:2] == b'#!' else 0o644, data) for n, data in content.items()])
        config = {'Env': ['PATH=/bin'] + ['%s=%s' % pair for pair in (env or {}).items()], 'Entrypoint': entrypoint,
                  'Cmd': cmd or (None if entrypoint else ['/bin/sh']), 'User': user, 'WorkingDir': working_dir}
        self.config = json.dumps({
            'architecture': {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(os.uname().machine, os.uname().machine), 'os': 'linux',
            'created': '2020-01-01T00:00:00Z', 'config': {k: v for k, v in config.items() if v},
            'rootfs': {'type': 'layers', 'diff_ids': [_digest(self.layer)]}}, sort_keys=True).encode()

    def docker_archive(self, path):
        name = _digest(self.config)[len('sha256:'):] + '.json'
        manifest = json.dumps([{'Config': name, 'RepoTags': [self.name], 'Layers': ['layer.tar']}]).encode()
        with open(path, 'wb') as f:
            f.write(_tar([(n, tarfile.REGTYPE, 0o644, data) for n, data in
                          ((name, self.config), ('layer.tar', self.layer), ('manifest.json', manifest))]))
        return path

    def _oci_files(self):
        manifest = json.dumps({
            'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
            'config': {'mediaType': 'application/vnd.oci.image.config.v1+json', 'digest': _digest(self.config), 'size': len(self.config)},
            'layers': [{'mediaType': 'application/vnd.oci.image.layer.v1.tar', 'digest': _digest(self.layer), 'size': len(self.layer)}],
        }).encode()
        index = json.dumps({'schemaVersion': 2, 'manifests': [{
            'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'digest': _digest(manifest), 'size': len(manifest),
            'annotations': {'org.opencontainers.image.ref.name': self.name}}]}).encode()
        blobs = {'blobs/sha256/' + _digest(data)[len('sha256:'):]: data for data in (self.layer, self.config, manifest)}
        return {'oci-layout': b'{"imageLayoutVersion":"1.0.0"}', 'index.json': index, **blobs}

    def oci_layout(self, folder):
        for name, data in self._oci_files().items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as f:
                f.write(data)
        return folder

    def oci_archive(self, path):
        with open(path, 'wb') as f:
            f.write(_tar([(n, tarfile.REGTYPE, 0o644, data) for n, data in self._oci_files().items()]))
        return path
