"""Where the content of a disk is: its source, and the images below it."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.vocabulary import numbers
from vfslint.xml.document import Attribute, Node

# What is read from a path on the host (virStorageSourceIsLocalStorage), with the attribute that names it.
LOCAL = {"file": "file", "block": "dev", "dir": "dir", "ctl": "dev"}


class StorageSource:
    """One image of a disk's chain: the disk's own, or that of a `<backingStore>`.

    `holder` is the `<disk>` or `<backingStore>`, `node` its `<source>`. `format` is the image's format as libvirt
    understands it, None if libvirt finds it out later.
    """

    def __init__(
        self, holder: Node, node: Node | None, type: str, format_: Node | None, format: str | None, is_readonly: bool
    ) -> None:
        self.holder = holder
        self.node = node
        self.type = type
        self.format_node = format_
        self.format = format
        self.is_readonly = is_readonly

    @property
    def place(self) -> Node:
        """The `<source>`, or the element that lacks one."""
        return self.node or self.holder

    @property
    def format_attribute(self) -> Attribute | None:
        """Where the format is written, or None."""
        return self.format_node.attribute("type") if self.format_node else None

    @property
    def protocol(self) -> str | None:
        """The protocol of a network source, or None."""
        return self.node.value("protocol") if self.node and self.type == "network" else None

    @property
    def is_empty(self) -> bool:
        """Whether it names no content (virStorageSourceIsEmpty)."""
        if self.type in LOCAL:
            return self.node is None or not self.node.value(LOCAL[self.type])
        return self.protocol == "none"

    @property
    def path(self) -> str | None:
        """How libvirt's messages name it, or None."""
        if self.node is None:
            return None
        if self.type in LOCAL:
            return self.node.value(LOCAL[self.type]) or None
        name = self.node.value("name") if self.type == "network" else None
        if name and self.protocol in ("rbd", "gluster"):
            return name.partition("/")[2]
        if name and self.protocol == "iscsi" and "/" not in name:
            return f"{name}/0"
        return name

    def _one(self, name: str) -> Node | None:
        """The first such element of the source, else of the disk."""
        inside = self.node.child(name) if self.node else None
        return inside or (self.holder.child(name) if self.holder.tag == "disk" else None)

    @property
    def auth(self) -> Node | None:
        """The `<auth>` that libvirt reads, or None."""
        return self._one("auth")

    @property
    def encryption(self) -> Node | None:
        """The `<encryption>` that libvirt reads, or None."""
        return self._one("encryption")

    @property
    def slice(self) -> Node | None:
        """The first `<slice type='storage'>`, or None."""
        slices = self.node.children("slices/slice") if self.node else ()
        return next((each for each in slices if each.value("type") == "storage"), None)

    @property
    def data_store(self) -> Node | None:
        """The `<dataStore>` with the file for the image's data, or None."""
        inside = self.holder.child("dataStore") if self.holder.tag == "backingStore" else None
        return inside or (self.node.child("dataStore") if self.node else None)

    @property
    def metadata_cache(self) -> Node | None:
        """The size of the metadata cache, if one is set and is not 0."""
        size = self.format_node.child("metadata_cache/max_size") if self.format_node else None
        if size is None or not size.text or numbers.unsigned(size.text, bits=64) == 0:
            return None
        return size

    @property
    def has_luks(self) -> bool:
        """Whether the image is encrypted with LUKS."""
        return self.encryption is not None and self.encryption.value("format") == "luks"


def backing_stores(disk: Node) -> Iterator[StorageSource]:
    """Yield the images below that of a disk, up to the first of which libvirt does not read more."""
    holder = disk.child("backingStore")
    while holder is not None:
        type_, source, format_ = holder.value("type"), holder.child("source"), holder.child("format")
        if type_ is None or source is None or format_ is None or not format_.value("type"):
            return
        yield StorageSource(holder, source, type_, format_, format_.value("type"), is_readonly=True)
        holder = holder.child("backingStore")
