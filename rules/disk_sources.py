"""Where disks get their content from: formats, encryption, secrets and network storage."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vfslint.domain.device import NEW_PARSER
from vfslint.domain.disk import Disk
from vfslint.domain.storage import StorageSource
from vfslint.findings import Problem, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# Formats that libvirt knows, but does not pass to QEMU, with its message (qemuDomainValidateStorageSource).
_UNUSABLE = {
    "cow": "'cow' storage format is not supported",
    "dir": "'directory' storage format is not directly supported by QEMU, use 'dir' disk type instead",
    "iso": "storage format 'iso' is not directly supported by QEMU, use 'raw' instead",
}


@rule("VFS910", "disk-format-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_format_unsupported(disk: Disk) -> Iterator[Problem]:
    """Each image of a disk has a format that QEMU reads from such a source.

    Why: QEMU makes a read-only FAT file system of a directory, and only that; ISO images are raw for it.
        A metadata cache and a separate data file are features of qcow2, and the data file is raw.
    Bad:
        <disk type='file' device='cdrom'><driver name='qemu' type='iso'/><source file='/srv/a.iso'/>
          <target dev='sda' bus='sata'/></disk>
    Bad:
        <disk type='dir' device='disk'><driver name='qemu' type='fat'/><source dir='/srv/a'/>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='dir' device='disk'><source dir='/srv/a'/><target dev='vda' bus='virtio'/><readonly/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='fat'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'>
            <metadata_cache><max_size unit='MiB'>64</max_size></metadata_cache></driver>
          <source file='/srv/a.img'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'/>
          <source file='/srv/a.img'><dataStore type='file'><format type='raw'/>
            <source file='/srv/b.img'/></dataStore></source>
          <target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='dir' device='disk'><driver name='qemu' type='fat'/><source dir='/srv/a'/>
          <target dev='vda' bus='virtio'/><readonly/></disk>
        <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/srv/a.iso'/>
          <target dev='sda' bus='sata'/></disk>
    libvirt says: storage format 'iso' is not directly supported by QEMU, use 'raw' instead
    libvirt says: virtual FAT storage can't be accessed in read-write mode
    libvirt says: storage type 'dir' requires use of storage format 'fat'
    libvirt says: storage format 'fat' is supported only with 'dir' storage type
    libvirt says: metadata cache max size control is supported only with qcow2 images
    libvirt says: <dataStore> feature available only with qcow2 images
    See: libvirt qemu_domain.c:qemuDomainValidateStorageSource; domain_validate.c:virDomainDiskDefValidateSourceChainOne
    """
    for image in disk.chain:
        yield from _format(image)
        cache = image.metadata_cache
        if cache and image.format != "qcow2" and image.type != "vhostuser":
            word = "metdata" if disk.libvirt < NEW_PARSER else "metadata"
            yield Problem(
                at=cache.start_span,
                message=f"an image of format {image.format!r} does not have a metadata cache",
                help="remove <metadata_cache>, or write type='qcow2'",
                says=f"{word} cache max size control is supported only with qcow2 images",
            )
        if disk.libvirt >= (10, 10, 0):
            yield from _data_store(image)


def _place(image: StorageSource) -> Span:
    """Return where the format of an image is, or where it is missing."""
    return image.format_attribute.span if image.format_attribute else image.place.start_span


def _format(image: StorageSource) -> Iterator[Problem]:
    format_ = image.format
    if format_ in _UNUSABLE:
        yield Problem(
            at=_place(image),
            message=f"QEMU does not read images of format {format_!r}",
            help="write type='raw', or the format of the image",
            says=_UNUSABLE[format_],
        )
    elif image.type == "dir" and format_ != "fat" and format_:
        yield Problem(
            at=_place(image),
            message=f"a directory cannot have format {format_!r}",
            help="write <driver name='qemu' type='fat'/>",
            says="storage type 'dir' requires use of storage format 'fat'",
        )
    elif image.type == "dir" and not image.is_readonly:
        yield Problem(
            at=_place(image),
            message="a directory cannot be written to as a disk",
            help="add <readonly/>",
            says="virtual FAT storage can't be accessed in read-write mode",
        )
    elif format_ == "fat" and image.type not in ("dir", "volume"):
        yield Problem(
            at=_place(image),
            message=f"a source of type {image.type!r} cannot have format 'fat'",
            help="write type='dir' and <source dir='…'/>, or another format",
            says="storage format 'fat' is supported only with 'dir' storage type",
        )


def _data_store(image: StorageSource) -> Iterator[Problem]:
    store = image.data_store
    source = store.child("source") if store else None
    format_ = store.child("format") if store else None
    if store is None or source is None or format_ is None:
        return
    if image.format != "qcow2":
        message, says = "only a qcow2 image has a data file", "<dataStore> feature available only with qcow2 images"
    elif format_.value("type") != "raw":
        message, says = "a data file has format 'raw'", "only 'raw' images supported as <dataStore>"
    elif source.child("dataStore"):
        message = "a data file cannot have another data file"
        says = "The <source> of <dataStore> can't have another nested <dataStore> or <backingStore> element"
    elif source.child("slices/slice"):
        message, says = "a data file cannot have slices", "slices are not supported for <dataStore>"
    else:
        return
    yield Problem(at=store.start_span, message=message, help="remove <dataStore>, or correct it", says=says)


@rule("VFS911", "disk-encryption-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def disk_encryption_invalid(disk: Disk) -> Iterator[Problem]:
    """The encryption of an image is one that QEMU, or Ceph, can open.

    Why: QEMU opens LUKS in raw and qcow2 images, with one secret; librbd opens that of Ceph's own images.
        How an image was encrypted is stored in it, so no cipher is given. The old encryption of qcow2 is insecure, and
        was removed.
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.qcow2'/>
          <target dev='vda' bus='virtio'/>
          <encryption format='qcow'><secret type='passphrase' usage='a'/></encryption></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='vmdk'/><source file='/srv/a.vmdk'/>
          <target dev='vda' bus='virtio'/>
          <encryption format='luks'><secret type='passphrase' usage='a'/></encryption></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/>
          <encryption format='luks2'><secret type='passphrase' usage='a'/></encryption></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/>
          <encryption format='luks' engine='librbd'><secret type='passphrase' usage='a'/></encryption></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/a.img'/>
          <target dev='vda' bus='virtio'/>
          <encryption format='luks'><secret type='passphrase' usage='a'/>
            <cipher name='aes' size='256'/></encryption></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'/>
          <source file='/srv/a.img'><encryption format='luks'>
            <secret type='passphrase' usage='a'/></encryption></source>
          <target dev='vda' bus='virtio'/>
          <encryption format='luks'><secret type='passphrase' usage='a'/></encryption></disk>
    Good:
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
          <source file='/srv/a.qcow2'><encryption format='luks'>
            <secret type='passphrase' usage='a'/></encryption></source>
          <target dev='vda' bus='virtio'/></disk>
    libvirt says: old qcow/qcow2 encryption is not supported
    libvirt says: encryption is supported only with 'raw' and 'qcow2' image format
    libvirt says: 'luks2' is currently not supported by the qemu encryption engine
    libvirt says: librbd encryption is supported only with RBD backed disks
    libvirt says: supplying <cipher> for domain disk definition is unnecessary
    libvirt says: an <encryption> definition already found for disk source
    See: libvirt storage_encryption_conf.c:virStorageEncryptionParseNode; qemu_domain.c:qemuDomainValidateStorageSource
    """
    both = disk.node.child("encryption") if disk.source and disk.source.child("encryption") else None
    if both:
        yield Problem(
            at=both.start_span,
            message="<encryption> appears in the disk and in its source",
            help="remove one of them",
            says="an <encryption> definition already found for disk source",
        )
    for image in disk.chain:
        encryption = image.encryption
        if encryption and (image.holder.tag != "disk" or disk.source or disk.libvirt >= NEW_PARSER):
            yield from _cipher(encryption, disk)
            fault = _encryption_fault(image, encryption, disk)
            if fault:
                yield Problem(at=encryption.start_span, message=fault[0], help=fault[1], says=fault[2])
            elif len(encryption.children("secret")) > 1 and disk.libvirt < (9, 3, 0):
                yield Problem(
                    at=encryption.start_span,
                    message="libvirt uses only the first secret",
                    help="remove the others",
                    severity=Severity.WARNING,
                    stage=Stage.SCHEMA,
                    says="",
                )


def _encryption_fault(image: StorageSource, encryption: Node, disk: Disk) -> tuple[str, str, str] | None:
    format_ = encryption.value("format")
    is_old = disk.libvirt < NEW_PARSER
    if format_ in ("default", "qcow") and (not is_old or image.format in ("qcow", "qcow2")):
        return (
            f"encryption format {format_!r} is no longer supported",
            "write format='luks', and convert the image",
            "old qcow/qcow2 encryption is not supported",
        )
    if is_old:
        return None
    if encryption.value("engine") == "librbd":
        if image.type != "network":
            return (
                f"librbd cannot decrypt a source of type {image.type!r}",
                "remove engine",
                "librbd encryption is supported only with RBD backed disks",
            )
        return None
    if format_ in ("luks2", "luks-any"):
        word = "luks2" if disk.libvirt < (9, 3, 0) else f"'{format_}'"
        return (
            f"QEMU cannot decrypt format {format_!r}",
            "write format='luks', or engine='librbd' for an image of Ceph",
            f"{word} is currently not supported by the qemu encryption engine",
        )
    if format_ == "luks" and image.format not in ("raw", "qcow2"):
        return (
            f"an image of format {image.format!r} cannot be encrypted",
            "write type='raw', or type='qcow2'",
            "encryption is supported only with 'raw' and 'qcow2' image format",
        )
    if len(encryption.children("secret")) > 1 and disk.libvirt >= (9, 3, 0):
        return ("QEMU uses only one secret", "remove the others", "qemu encryption engine expects only a single secret")
    return None


def _cipher(encryption: Node, disk: Disk) -> Iterator[Problem]:
    """Faults of <cipher> and <ivgen>, which libvirt reads only with LUKS."""
    cipher, ivgen = encryption.child("cipher"), encryption.child("ivgen")
    if encryption.value("format") != "luks":
        return
    if cipher:
        size = cipher.value("size")
        is_old = disk.libvirt < NEW_PARSER
        if cipher.value("name") is None:
            says = "cipher info missing 'name' attribute"
        elif size is None:
            says = (
                "cipher info missing 'size' attribute"
                if is_old
                else "Missing required attribute 'size' in element 'cipher'"
            )
        elif numbers.unsigned(size, wraps=is_old) is None:
            says = (
                f"cannot parse cipher size: '{size}'"
                if is_old
                else f"Invalid value for attribute 'size' in element 'cipher': '{size}'. "
                "Expected non-negative integer value"
            )
        else:
            says = "supplying <cipher> for domain disk definition is unnecessary"
        yield Problem(
            at=cipher.start_span, message="a disk's cipher is stored in the image", help="remove <cipher>", says=says
        )
    elif ivgen:
        yield Problem(
            at=ivgen.start_span,
            message="<ivgen> requires a <cipher>, which disks do not have",
            help="remove <ivgen>",
            says="ivgen element found, but cipher is missing",
        )


# The protocols whose servers can ask who a client is, with the type of secret that is required, if it matters.
_AUTHENTICATED = {"iscsi": "iscsi", "rbd": "ceph", "http": None, "https": None, "ftp": None, "ftps": None, "ssh": None}
# virSecretUsageType; only what a disk uses is in libvirt's schema.
_SECRETS = frozenset({"none", "volume", "ceph", "iscsi", "tls", "vtpm"})


@rule("VFS267", "disk-secret-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def disk_secret_invalid(disk: Disk) -> Iterator[Problem]:
    """A disk's account has a user and one secret of the right type, and the protocol can use it.

    Why: libvirt looks the secret up by its UUID or by its usage, and passes it to QEMU. It has secrets of type
        iscsi for iSCSI and of type ceph for Ceph; NBD and Gluster have no accounts.
    Bad:
        <disk type='network' device='disk'><source protocol='rbd' name='pool/image'><host name='h'/>
          <auth username='admin'><secret type='iscsi' usage='a'/></auth></source><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='nbd' name='a'><host name='h'/></source>
          <auth username='admin'><secret type='ceph' usage='a'/></auth><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='rbd' name='pool/image'><host name='h'/>
          <auth username='admin'><secret type='ceph' usage='a'/></auth></source>
          <auth username='admin'><secret type='ceph' usage='a'/></auth><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='raw'/>
          <source file='/srv/a.img'><encryption format='luks'><secret type='passphrase'
            usage='a' uuid='c7a5fdbd-edaf-9455-926a-d65c16db1800'/></encryption></source>
          <target dev='vda' bus='virtio'/></disk>
    Good:
        <disk type='network' device='disk'><source protocol='rbd' name='pool/image'><host name='h'/>
          <auth username='admin'><secret type='ceph' usage='a'/></auth></source><target dev='vda' bus='virtio'/></disk>
    libvirt says: invalid secret type 'iscsi'
    libvirt says: authentication is not supported for protocol 'nbd'
    libvirt says: an <auth> definition already found for disk source
    libvirt says: either secret uuid or usage expected
    libvirt says: missing username for auth
    libvirt says: Missing <secret> element in auth
    See: libvirt storage_source_conf.c:virStorageAuthDefParse; virsecret.c:virSecretLookupParseSecret;
        domain_validate.c:virDomainDiskDefValidateSourceChainOne
    """
    both = disk.node.child("auth") if disk.source and disk.source.child("auth") else None
    if both:
        yield Problem(
            at=both.start_span,
            message="<auth> appears in the disk and in its source",
            help="remove one of them",
            says="an <auth> definition already found for disk source",
        )
    for image in disk.chain:
        auth, encryption = image.auth, image.encryption
        if auth:
            yield from _auth(auth, image, disk)
        for secret in encryption.children("secret") if encryption else ():
            yield from _secret(secret, disk)


def _auth(auth: Node, image: StorageSource, disk: Disk) -> Iterator[Problem]:
    secret, type_ = auth.child("secret"), auth.attribute("type")
    if not auth.value("username"):
        yield Problem(
            at=auth.start_span,
            message="the account has no user name",
            help="write <auth username='…'>",
            says="missing username for auth",
        )
    elif type_ and type_.value not in ("", "none", "chap", "ceph"):
        yield Problem(
            at=type_.span,
            message=f"{type_.value!r} is not a kind of account",
            help="remove type",
            says=f"unknown auth type '{type_.value}'",
        )
    elif secret is None:
        yield Problem(
            at=auth.start_span,
            message="the account has no secret",
            help="add <secret type='…' usage='…'/>",
            says="Missing <secret> element in auth",
        )
    else:
        yield from _secret(secret, disk)
        yield from _use(secret, image, disk)


def _use(secret: Node, image: StorageSource, disk: Disk) -> Iterator[Problem]:
    """What is wrong with the type of an account's secret, or with the account of such a source."""
    protocol, type_ = image.protocol, secret.value("type")
    if protocol in (None, "none"):
        return
    if protocol not in _AUTHENTICATED and disk.libvirt >= NEW_PARSER:
        yield Problem(
            at=secret.start_span,
            message=f"protocol {protocol!r} does not have accounts",
            help="remove <auth>",
            says=f"authentication is not supported for protocol '{protocol}'",
        )
    elif type_ not in _SECRETS:
        yield Problem(
            at=secret.at("type"),
            message="the secret has no type" if type_ is None else f"{type_!r} is not a type of secret",
            help="write type='iscsi', or type='ceph'",
            says=f"unknown secret type '{type_ or '<null>'}'",
        )
    elif _AUTHENTICATED.get(protocol) not in (None, type_):
        yield Problem(
            at=secret.at("type"),
            message=f"a secret of type {type_!r} is not one for protocol {protocol!r}",
            help=f"write type={_AUTHENTICATED[protocol]!r}",
            says=f"invalid secret type '{type_}'",
        )


def _secret(secret: Node, disk: Disk) -> Iterator[Problem]:
    uuid, usage = secret.attribute("uuid"), secret.attribute("usage")
    if uuid is None and usage is None:
        yield Problem(
            at=secret.start_span,
            message="the secret has neither uuid nor usage",
            help="write usage='…', or uuid='…'",
            says="missing secret uuid or usage attribute",
        )
    elif uuid and usage:
        yield Problem(
            at=usage.span,
            message="the secret has a uuid and a usage",
            help="remove one of them",
            says="either secret uuid or usage expected",
        )
    elif uuid and not numbers.is_uuid(uuid.value):
        yield Problem(
            at=uuid.span,
            message=f"{uuid.value!r} is not a UUID",
            help="write the UUID of the secret",
            says=f"invalid secret uuid '{uuid.value}'"
            if disk.libvirt < (12, 0, 0)
            else f"Invalid value for attribute 'uuid' in element 'secret': '{uuid.value}'. Expected UUID",
        )


_HTTP = ("http", "https")
_COOKIE_VALUE = r'[^\x00-\x20",;\\]*\Z'
_COOKIE_NAME = r'[^\x00-\x20",;\\()<>@:/\[\]?={}]+\Z'


@rule("VFS266", "network-disk-invalid", severity=Severity.ERROR, stage=Stage.PARSE)
def network_disk_invalid(disk: Disk) -> Iterator[Problem]:
    """A network source names an image and servers as its protocol requires.

    Why: only an NBD server can have an unnamed export; Ceph's and Gluster's images are in a pool or volume; a server
        is reached by its name and port, or by a socket; NFS has one server.
    Bad:
        <disk type='network' device='disk'><source protocol='rbd' name='image'><host name='h'/></source>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='nbd' name='a'><host transport='unix'/></source>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='nbd' name='a'><host name='h' port='70000'/></source>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='nfs' name='/a'><host name='h' port='2049'/></source>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='network' device='cdrom'><source protocol='https' name='a.iso'><host name='h'/>
          <cookies><cookie name='a'>b c</cookie></cookies></source><target dev='sda' bus='sata'/></disk>
    Bad:
        <disk type='network' device='disk'><source protocol='ssh' name='/a'><host name='h'/>
          <identity username='admin'/></source><target dev='vda' bus='virtio'/></disk>
    Bad (libvirt 9.0.0):
        <disk type='network' device='cdrom'><source protocol='tftp' name='a.iso'><host name='h'/></source>
          <target dev='sda' bus='sata'/></disk>
    Good:
        <disk type='network' device='disk'><source protocol='rbd' name='pool/image'>
          <host name='h' port='6789'/></source>
          <target dev='vda' bus='virtio'/></disk>
        <disk type='network' device='disk'><source protocol='nbd'>
          <host transport='unix' socket='/run/nbd.sock'/></source>
          <target dev='vdb' bus='virtio'/></disk>
    libvirt says: failed to split path 'image' into 'pool/image' or 'pool/namespace/image' components
    libvirt says: missing socket for unix transport
    libvirt says: port '70000' out of range
    libvirt says: port cannot be specified in 'nfs' protocol host
    libvirt says: value of cookie 'a' contains invalid characters
    libvirt says: element 'identity' requires either 'keyfile' or 'agentsock' attribute
    See: libvirt domain_conf.c:virDomainDiskSourceNetworkParse, virDomainStorageNetworkParseHost;
        qemu_domain.c:qemuDomainValidateStorageSource
    """
    for image in disk.chain:
        if image.node and image.protocol:
            yield from _protocol(image.node, image.protocol, disk)
            yield from _name(image.node, image.protocol, disk)
            hosts = image.node.children("host")
            for host in hosts:
                yield from _host(host, disk)
            if image.protocol == "nfs":
                yield from _nfs(image.node, hosts)
            yield from _tls(image.node, image.protocol, disk)
            if image.protocol in _HTTP:
                yield from _cookies(image.node)
            if image.protocol == "ssh" and disk.libvirt >= (9, 8, 0):
                yield from _ssh(image.node)


def _protocol(source: Node, protocol: str, disk: Disk) -> Iterator[Problem]:
    says = None
    if protocol == "sheepdog" and disk.libvirt >= (11, 0, 0):
        says = "'sheepdog' protocol is no longer supported by any hypervisor driver"
    elif protocol in ("tftp", "vxhs") and disk.libvirt >= (12, 0, 0):
        says = f"storage protocol '{protocol}' is not supported by this QEMU"
    elif protocol == "tftp":
        says = "'tftp' protocol is not supported with this QEMU binary"
    if says:
        yield Problem(
            at=source.at("protocol"),
            message=f"protocol {protocol!r} is no longer supported",
            help="use another protocol",
            says=says,
            stage=Stage.DEFINE,
        )


def _name(source: Node, protocol: str, disk: Disk) -> Iterator[Problem]:
    name = source.attribute("name")
    if name is None:
        if protocol != "nbd":
            yield Problem(
                at=source.start_span,
                message=f"the source of protocol {protocol!r} has no name",
                help="write name='…'",
                says="missing name for disk source",
            )
    elif protocol in ("rbd", "gluster"):
        is_new = disk.libvirt >= (12, 0, 0)
        form = r"[^/]+/[^/]" if is_new else r"[^/]+/"
        if is_new and protocol == "rbd":
            form = r"[^/]+/[^/]+(?:\Z|/[^/])"
        if not re.match(form, name.value):
            yield Problem(
                at=name.span,
                message=f"{name.value!r} does not name an image in a pool",
                help="write name='pool/image'",
                says=f"failed to split path '{name.value}' into 'pool/image' or 'pool/namespace/image' components"
                if is_new
                else f"can't split path '{name.value}' into pool name and image name",
            )


def _host(host: Node, disk: Disk) -> Iterator[Problem]:
    transport, socket, port = host.value("transport"), host.attribute("socket"), host.attribute("port")
    if transport == "unix":
        if socket is None:
            yield Problem(
                at=host.start_span,
                message="the server has no socket",
                help="write socket='…', or another transport",
                says="missing socket for unix transport",
            )
        return
    if transport not in (None, "tcp", "rdma"):
        return
    if socket:
        shown = transport or ("(null)" if disk.libvirt < (9, 8, 0) else "tcp")
        yield Problem(
            at=socket.span,
            message=f"a server reached by {transport or 'tcp'} does not have a socket",
            help="write transport='unix', or remove socket",
            says=f"transport '{shown}' does not support socket attribute",
        )
    elif host.value("name") is None:
        yield Problem(
            at=host.start_span, message="the server has no name", help="write name='…'", says="missing name for host"
        )
    elif port:
        number = numbers.unsigned(port.value)
        if number is None or number > 0xFFFF:
            yield Problem(
                at=port.span,
                message=f"{port.value!r} is not a port",
                help="write a number from 1 to 65535, or remove port",
                says=f"failed to parse port number '{port.value}'"
                if number is None
                else f"port '{port.value}' out of range",
            )


def _nfs(source: Node, hosts: list[Node]) -> Iterator[Problem]:
    place, says, help = source, "", ""
    if len(hosts) != 1:
        says, help = "'nfs' protocol requires the usage of exactly one host", "write one <host name='…'/>"
    elif hosts[0].value("transport") not in (None, "tcp"):
        place, says, help = hosts[0], "'nfs' host must use TCP protocol", "remove transport"
    elif numbers.unsigned(hosts[0].value("port") or ""):
        place, says, help = hosts[0], "port cannot be specified in 'nfs' protocol host", "remove port"
    if says:
        yield Problem(
            at=place.start_span,
            message="an NFS source has one server, without a port and with transport 'tcp'",
            help=help,
            says=says,
            stage=Stage.DEFINE,
        )


def _tls(source: Node, protocol: str, disk: Disk) -> Iterator[Problem]:
    """Whether to encrypt and to verify, which libvirt reads with more protocols than use it."""
    is_old = disk.libvirt < NEW_PARSER
    tls, ssl = source.attribute("tls"), source.child("ssl") if protocol in ("https", "ftps") else None
    if tls and tls.value not in ("yes", "no"):
        yield _not_yes_or_no(tls, f"unknown disk source 'tls' setting '{tls.value}'" if is_old else None)
    verify = ssl.attribute("verify") if ssl else None
    if verify and verify.value not in (("yes", "no", "", "default") if is_old else ("yes", "no")):
        yield _not_yes_or_no(verify, f"invalid ssl verify mode '{verify.value}'" if is_old else None)
    name = source.attribute("tlsHostname")
    if name and protocol != "nbd" and disk.libvirt >= (8, 2, 0):
        yield Problem(
            at=name.span,
            message=f"protocol {protocol!r} does not support tlsHostname",
            help="remove tlsHostname",
            says="'tlsHostname' field is supported only with NBD disks",
            stage=Stage.DEFINE,
        )


def _not_yes_or_no(attribute: Attribute, says: str | None) -> Problem:
    tag = attribute.node.tag
    return Problem(
        at=attribute.span,
        message=f"{attribute.value!r} is not a valid value for {attribute.name!r} of <{tag}>",
        help="write yes or no",
        says=says or f"Invalid value for attribute '{attribute.name}' in element '{tag}': '{attribute.value}'.",
    )


def _cookies(source: Node) -> Iterator[Problem]:
    seen: set[str] = set()
    cookies = source.child("cookies")
    for cookie in cookies.children("cookie") if cookies else ():
        name, value = cookie.value("name") or "", cookie.text
        is_quoted = value.startswith('"')
        bare = value[1:-1] if is_quoted else value
        if not name:
            says = "missing cookie name"
        elif not value:
            says = f"missing value for cookie '{name}'"
        elif not re.match(_COOKIE_NAME, name):
            says = f"cookie name '{name}' contains invalid characters"
        elif (is_quoted and not value.endswith('"')) or not re.match(_COOKIE_VALUE, bare):
            says = f"value of cookie '{name}' contains invalid characters"
        elif name in seen:
            says = f"duplicate cookie '{name}'"
        else:
            seen.add(name)
            continue
        yield Problem(
            at=cookie.start_span,
            message=f"cookie {name!r} appears twice" if says.startswith("dup") else f"cookie {name!r} is malformed",
            help="write <cookie name='…'>…</cookie> without spaces, commas, semicolons and quotes, each name once",
            says=says,
        )


def _ssh(source: Node) -> Iterator[Problem]:
    known, identity = source.child("knownHosts"), source.child("identity")
    if known and known.value("path") is None:
        yield Problem(
            at=known.start_span,
            message="<knownHosts> has no path",
            help="write path='…', or remove <knownHosts>",
            says="Missing required attribute 'path' in element 'knownHosts'",
        )
    if identity is None:
        return
    if identity.value("username") is None:
        says = "Missing required attribute 'username' in element 'identity'"
    elif identity.value("keyfile") is None and identity.value("agentsock") is None:
        says = "element 'identity' requires either 'keyfile' or 'agentsock' attribute"
    else:
        return
    yield Problem(
        at=identity.start_span,
        message="<identity> has no user name, or neither a key nor an agent",
        help="write <identity username='…' keyfile='…'/>",
        says=says,
    )


@rule("VFS268", "disk-source-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def disk_source_incomplete(disk: Disk) -> Iterator[Problem]:
    """What describes a part of a disk's source is complete.

    Why: a volume is found by its pool and its name; an NVMe namespace has a number from 1; a slice has a beginning and
        a size; an image below another one has a format and a source; a helper for persistent reservations that libvirt
        does not start itself has a socket; a security label is either given or not set.
    Bad:
        <disk type='volume' device='disk'><source pool='default'/><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='nvme' device='disk'><source type='pci' namespace='0'>
          <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>
            <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><source file='/srv/a.img'><slices>
          <slice type='storage' offset='0'/></slices></source>
          <target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.qcow2'/>
          <backingStore type='file'><source file='/srv/b.img'/></backingStore><target dev='vda' bus='virtio'/></disk>
    Bad:
        <disk type='block' device='lun'><driver name='qemu' type='raw'/>
          <source dev='/dev/sdb'><reservations managed='no'/></source><target dev='sda' bus='scsi'/></disk>
    Good:
        <disk type='volume' device='disk'><source pool='default' volume='a.img'/><target dev='vda' bus='virtio'/></disk>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/a.qcow2'/>
          <backingStore type='file'><format type='raw'/><source file='/srv/b.img'/></backingStore>
          <target dev='vdb' bus='virtio'/></disk>
    libvirt says: 'pool' and 'volume' must be specified together for 'pool' type source
    libvirt says: NVMe namespace can't be zero
    libvirt says: missing offset or size attribute of slice
    libvirt says: missing disk backing store format
    libvirt says: missing connection type for <reservations/>
    See: libvirt domain_conf.c:virDomainDiskSourcePoolDefParse, virDomainStorageSourceParseSlice,
        virDomainDiskBackingStoreParse; storage_source_conf.c:virStoragePRDefParseXML
    """
    for image in disk.chain:
        source = image.node
        if source is None:
            continue
        if image.type == "volume" and (source.value("pool") is None) != (source.value("volume") is None):
            missing = "pool" if source.value("pool") is None else "volume"
            yield Problem(
                at=source.start_span,
                message=f"the source has no {missing}",
                help=f"write {missing}='…'",
                says="'pool' and 'volume' must be specified together for 'pool' type source",
            )
        namespace = source.attribute("namespace") if image.type == "nvme" else None
        if namespace and numbers.unsigned(namespace.value, bits=64) == 0 and image.holder.tag == "disk":
            yield Problem(
                at=namespace.span,
                message="NVMe namespaces count from 1",
                help="write namespace='1'",
                says="NVMe namespace can't be zero",
                stage=Stage.DEFINE,
            )
        if image.type == "nvme" and source.child("address") is None:
            yield Problem(
                at=source.start_span,
                message="the source has no address",
                help="add the <address> of the NVMe controller on the host",
                says="NVMe disk source is missing address",
            )
        yield from _volume_mode(image, disk)
        yield from _labels(source, disk)
        yield from _slice(image.slice, disk)
        yield from _reservations(source.child("reservations"), disk)
        if disk.libvirt >= (10, 10, 0):
            yield from _incomplete(image.data_store, "data file store")
    holder = disk.chain[-1].holder.child("backingStore")
    if holder and holder.value("type") is not None:
        yield from _incomplete(holder, "backing store")


def _labels(source: Node, disk: Disk) -> Iterator[Problem]:
    """The faults of an image's security labels (virSecurityDeviceLabelDefParseXML)."""
    seen: set[str] = set()
    for label in source.children("seclabel"):
        model, relabel, text = label.attribute("model"), label.value("relabel"), label.child("label")
        shown = model.value if model else "<null>"
        has_text = text is not None and bool(text.text)
        message = says = ""
        if model and model.value in seen:
            message, says = f"model {shown!r} appears twice", f"seclabel for model {shown} is already provided"
        elif relabel == "no" and has_text:
            message = "an image that is not relabeled does not have a label"
            says = f"Cannot specify a label if relabelling is turned off. model={shown}"
        elif relabel == "yes" and not has_text and disk.libvirt >= (10, 0, 0):
            message = "an image that is relabeled has a label"
            says = f"Cannot specify relabel if label is missing. model={shown}"
        if message:
            yield Problem(
                at=label.start_span,
                message=message,
                help="write one <seclabel> for each model, with relabel='no' or a <label>",
                says=says,
            )
        if model:
            seen.add(model.value)


def _volume_mode(image: StorageSource, disk: Disk) -> Iterator[Problem]:
    """The mode of a volume, which libvirt reads only if there are a pool and a volume."""
    mode = image.node.attribute("mode") if image.node and image.type == "volume" else None
    if mode is None or mode.value in ("host", "direct"):
        return
    if all(mode.node.value(name) is not None for name in ("pool", "volume")):
        yield Problem(
            at=mode.span,
            message=f"{mode.value!r} is not a mode of volumes",
            help="write mode='host', or mode='direct'",
            says=f"unknown source mode '{mode.value}' for volume type disk"
            if disk.libvirt < (9, 8, 0)
            else f"Invalid value for attribute 'mode' in element 'source': '{mode.value}'.",
        )


def _slice(node: Node | None, disk: Disk) -> Iterator[Problem]:
    for name in ("offset", "size") if node else ():
        value = node.attribute(name) if node else None
        if node and (value is None or not value.value):
            yield Problem(
                at=node.start_span,
                message=f"the slice has no {name}",
                help=f"write {name}='…' in bytes",
                says="missing offset or size attribute of slice",
            )
        elif value and numbers.unsigned(value.value, bits=64) is None:
            yield Problem(
                at=value.span,
                message=f"{value.value!r} is not a number of bytes",
                help="write a whole number",
                says=f"malformed value '{value.value}' of '{name}' attribute of slice",
            )
        elif value and name == "offset" and disk.libvirt < NEW_PARSER and not value.value.strip("0"):
            yield Problem(
                at=value.span,
                message="the schema of this release has no offset 0",
                help="write the slice without --validate, or another offset",
                severity=Severity.WARNING,
                stage=Stage.SCHEMA,
                says="",
            )


def _reservations(node: Node | None, disk: Disk) -> Iterator[Problem]:
    if node is None:
        return
    managed, source = node.value("managed"), node.child("source")
    type_, path, mode = (source.value(name) or None if source else None for name in ("type", "path", "mode"))
    is_old = disk.libvirt < NEW_PARSER
    if managed is None or (is_old and not managed):
        says = (
            "missing @managed attribute for <reservations/>"
            if is_old
            else "Missing required attribute 'managed' in element 'reservations'"
        )
    elif managed not in ("yes", "no"):
        says = (
            f"invalid value for 'managed': {managed}"
            if is_old
            else f"Invalid value for attribute 'managed' in element 'reservations': '{managed}'."
        )
    elif (managed == "no" or type_ or path or mode) and not (type_ and path and mode):
        missing = "connection type" if not type_ else "path" if not path else "connection mode"
        says = f"missing {missing} for <reservations/>"
    elif type_ not in (None, "unix"):
        says = f"unsupported connection type for <reservations/>: {type_}"
    elif mode not in (None, "client"):
        says = f"unsupported connection mode for <reservations/>: {mode}"
    else:
        return
    yield Problem(
        at=node.start_span,
        message="<reservations> is neither managed by libvirt nor has a complete source",
        help="write managed='yes', or add <source type='unix' path='…' mode='client'/>",
        says=says,
    )


def _incomplete(holder: Node | None, name: str) -> Iterator[Problem]:
    """Whether a nested image lacks its format or its source."""
    if holder is None or holder.value("type") is None:
        return
    format_ = holder.child("format")
    if format_ is None or not format_.value("type"):
        missing = "<format>"
        says = f"missing {'disk ' if name == 'backing store' else ''}{name} format"
    elif holder.child("source") is None:
        missing, says = "<source>", f"missing disk {name} source"
    else:
        return
    yield Problem(at=holder.start_span, message=f"<{holder.tag}> has no {missing}", help=f"add {missing}", says=says)
