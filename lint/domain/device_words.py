"""The words by which devices other than filesystems are told apart, release by release.

domain.xsd knows them all, so that they are looked at only in a domain that does not pass the gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vfslint.domain.controllers import NAMES, Controller
from vfslint.domain.devices import REWRITTEN, SWITCH, Words
from vfslint.xml.document import Attribute, Node

if TYPE_CHECKING:
    from vfslint.domain.domain import Domain

_NONE: Words = Words(())
_CONTROLLER_MODELS: dict[str, Words] = {
    "pci": Words(
        ("pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port",
         "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus")
    ),
    "scsi": Words(
        ("auto", "buslogic", "lsilogic", "lsisas1068", "vmpvscsi", "ibmvscsi", "virtio-scsi", "lsisas1078",
         "virtio-transitional", "virtio-non-transitional", "am53c974", "dc390", "ncr53c90")
    ),
    "usb": Words(
        ("piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3",
         "vt82c686b-uhci", "pci-ohci", "nec-xhci", "qusb1", "qusb2", "qemu-xhci", "none")
    ),
    "ide": Words(("piix3", "piix4", "ich6")),
    "virtio-serial": Words(("virtio", "virtio-transitional", "virtio-non-transitional")),
    "fdc": _NONE, "sata": _NONE, "ccid": _NONE, "xenbus": _NONE, "isa": _NONE, "nvme": _NONE,
}  # fmt: skip
# `nvme` came between 11.3 and 12.8.
_CONTROLLER_TYPES = Words(
    ("ide", "fdc", "scsi", "sata", "virtio-serial", "ccid", "usb", "pci", "xenbus", "isa"),
    besides=(("nvme", (11, 5, 0)),),
)
_NAME_WORDS = Words(
    (*(name for names in NAMES.values() for name in names), "spapr-pci-host-bridge"),
    besides=(("none", REWRITTEN),),
)


class Wanted(NamedTuple):
    """A word that libvirt wants of a device: where it stands, which there are, whether it has to be there."""

    path: str
    name: str
    words: Words
    is_required: bool = False


_MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")
_SCREENS = (
    "vga",
    "cirrus",
    "vmvga",
    "xen",
    "vbox",
    "qxl",
    "parallels",
    "virtio",
    "gop",
    "none",
    "bochs",
    "ramfb",
)
_SOUNDS = ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "ich7")
_AUDIO_SINCE_7_2 = ("none", "alsa", "coreaudio", "jack", "pulseaudio", "sdl", "spice", "file")
_VIRTIO_OPTIONS = (
    Wanted("driver", "iommu", SWITCH),
    Wanted("driver", "ats", SWITCH),
    Wanted("driver", "packed", Words(SWITCH.words, since=(6, 3, 0))),
    Wanted("driver", "page_per_vq", Words(SWITCH.words, since=(7, 9, 0))),
)
_WANTED: dict[str, tuple[Wanted, ...]] = {
    "input": (
        Wanted(
            "",
            "type",
            Words(("mouse", "tablet", "keyboard", "passthrough"), besides=(("evdev", REWRITTEN),)),
            True,
        ),
        Wanted("", "bus", Words(("ps2", "usb", "xen", "parallels", "virtio"), besides=(("none", REWRITTEN),))),
        Wanted("", "model", Words(_MODELS)),
        *_VIRTIO_OPTIONS,
    ),
    "memballoon": (
        Wanted("", "model", Words((*_MODELS, "xen", "none")), True),
        Wanted("", "autodeflate", SWITCH),
        Wanted("", "freePageReporting", Words(SWITCH.words, since=(6, 9, 0))),
        *_VIRTIO_OPTIONS,
    ),
    "watchdog": (
        Wanted("", "model", Words(("i6300esb", "ib700", "diag288"), besides=(("itco", (9, 1, 0)),)), True),
        Wanted("", "action", Words(("reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi"))),
    ),
    "graphics": (
        Wanted(
            "",
            "type",
            Words(("sdl", "vnc", "rdp", "desktop", "spice", "egl-headless"), besides=(("dbus", (8, 4, 0)),)),
            True,
        ),
    ),
    "video": (
        # 9.0.0 takes an empty one for none, 11.3.0 refuses it.
        Wanted("model", "type", Words(_SCREENS, besides=(("default", (0, 0, 0)), ("", REWRITTEN)))),
        *_VIRTIO_OPTIONS,
    ),
    "audio": (
        Wanted(
            "",
            "type",
            Words(
                ("oss",),
                besides=(
                    *((word, (7, 2, 0)) for word in _AUDIO_SINCE_7_2),
                    ("dbus", (8, 4, 0)),
                    ("pipewire", (9, 10, 0)),
                ),
            ),
            True,
        ),
    ),
    "sound": (Wanted("", "model", Words(_SOUNDS, besides=(("virtio", (10, 4, 0)),)), True),),
    "rng": (
        Wanted("", "model", Words(_MODELS), True),
        Wanted("backend", "model", Words(("random", "egd", "builtin"))),
        *_VIRTIO_OPTIONS,
    ),
    "hub": (Wanted("", "type", Words(("usb",))),),
    "redirdev": (Wanted("", "bus", Words(("usb",))),),
    "smartcard": (Wanted("", "mode", Words(("host", "host-certificates", "passthrough"))),),
    "vsock": (Wanted("", "model", Words(_MODELS, besides=(("default", (0, 0, 0)),))),),
    "disk": (
        Wanted("", "device", Words(("disk", "cdrom", "floppy", "lun"))),
        Wanted(
            "target",
            "bus",
            Words(
                ("virtio", "scsi", "sata", "usb", "ide", "fdc", "sd", "xen", "uml"),
                besides=(("nvme", (11, 5, 0)),),
            ),
        ),
        *_VIRTIO_OPTIONS,
    ),
    "interface": _VIRTIO_OPTIONS,
    "controller": _VIRTIO_OPTIONS,
}


class UnfitWord(NamedTuple):
    """A word that libvirt does not know there, with those that it does; `attribute` is None where it is missing."""

    node: Node
    name: str
    attribute: Attribute | None
    words: tuple[str, ...]


def unfit_words(domain: Domain) -> Iterator[UnfitWord]:
    """Yield every word of a device, other than a filesystem, that is missing or that libvirt does not know."""
    for controller in domain.controllers:
        yield from _of_controller(controller)
    libvirt = domain.context.target.libvirt
    for tag, devices in domain.devices.items():
        for device in devices if tag in _WANTED else ():
            for path, name, words, is_required in _WANTED[tag]:
                node = device.child(path) if path else device
                value = node.value(name) if node else None
                if value is None:
                    if is_required:
                        yield UnfitWord(device, name, None, words.words)
                elif node and not words.accept(value, libvirt):
                    yield _unknown(node[name], words.words)


def _of_controller(controller: Controller) -> Iterator[UnfitWord]:
    libvirt, model, name = controller.libvirt, controller.model, controller.name
    if not _CONTROLLER_TYPES.accept(controller.type, libvirt):
        yield _unknown(controller.node["type"], _CONTROLLER_TYPES.words)
        return
    models = _CONTROLLER_MODELS[controller.type]
    if model and not models.accept(model.value, libvirt):
        yield _unknown(model, models.words)
    if name and not _NAME_WORDS.accept(name.value, libvirt):
        yield _unknown(name, NAMES.get(model.value if model else "", ()))


def _unknown(attribute: Attribute, words: tuple[str, ...]) -> UnfitWord:
    return UnfitWord(attribute.node, attribute.name, attribute, words)
