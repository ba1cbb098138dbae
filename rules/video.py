"""Video devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER
from vfslint.domain.display import Video, default_model
from vfslint.findings import Fix, Problem, Related, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.vocabulary.quotations import sentence
from vfslint.xml.edits import remove_element, set_value

# Models that a guest can have several of, and with several heads.
_SECONDARY = ("qxl", "virtio")
# Models of other hypervisors.
_FOREIGN = ("xen", "vbox", "parallels", "gop")
# Numbers of a model that only QXL has.
_OF_QXL = ("ram", "vram64", "vgamem")
# The most memory of QXL in KiB, and the least of others.
_QXL_KIB = (2**32 - 1) // 1024
_LEAST_KIB = 1024


@rule("VFS285", "video-none-not-alone", severity=Severity.ERROR, stage=Stage.DEFINE)
def video_none_not_alone(videos: list[Video]) -> Iterator[Problem]:
    """A video device with the model `none` is the only one.

    Why: the model `none` says that the guest has no video device at all, not even the one that libvirt adds.
    Bad:
        <video><model type='none'/></video><video><model type='virtio'/></video>
    Bad:
        <video><model type='none'/></video><video><model type='none'/></video>
    Good:
        <video><model type='none'/></video>
    Good:
        <video><model type='virtio'/></video><video><model type='virtio'/></video>
    libvirt says: a 'none' video type must be the only video device defined for the domain
    Fix: removes it; next to another model only with --unsafe-fixes, because it may be the other one that is not wanted.
    Fixed:
        <video><model type='virtio'/></video>
    See: libvirt domain_validate.c:virDomainVideoDefValidate
    """
    if len(videos) < 2:
        return
    nones = [video for video in videos if video.is_none]
    kept = next((video for video in videos if not video.is_none), videos[0])
    for video in nones:
        if video is not kept and video.model:
            yield Problem(
                at=video.model.at("type"),
                message=f"video model 'none' is one of {len(videos)} video devices, but must be the only one",
                help="remove this <video>, or all others",
                related=(Related(kept.node.start_span, "another video device"),),
                fix=Fix("remove this <video>", (remove_element(video.node),), safe=len(nones) == len(videos)),
            )


@rule("VFS286", "vhostuser-video-model", severity=Severity.ERROR, stage=Stage.DEFINE)
def vhostuser_video_model(video: Video) -> Iterator[Problem]:
    """A video device with the driver `vhostuser` has the model `virtio`.

    Why: vhost-user-gpu implements only virtio-gpu.
    Bad:
        <video><driver name='vhostuser'/><model type='vga'/></video>
    Good:
        <video><driver name='vhostuser'/><model type='virtio'/></video>
    libvirt says: 'vhostuser' driver is only supported with 'virtio' device
    See: libvirt domain_validate.c:virDomainVideoDefValidate
    """
    if video.is_vhost_user and video.model_type != "virtio" and not video.is_none:
        yield Problem(
            at=video.model.at("type") if video.model else video.node.start_span,
            message="video driver 'vhostuser' requires model 'virtio'",
            help="write <model type='virtio'/>",
        )


@rule("VFS287", "video-driver-unknown", severity=Severity.ERROR, stage=Stage.PARSE)
def video_driver_unknown(video: Video) -> Iterator[Problem]:
    """The driver of a video device is `qemu` or `vhostuser`.

    Why: libvirt rejects any other name.
    Bad:
        <video><driver name='vhost-user'/><model type='virtio'/></video>
    Good:
        <video><driver name='vhostuser'/><model type='virtio'/></video>
    libvirt says: unknown video driver
    libvirt says: Invalid value for attribute 'name' in element 'driver'
    Fix: writes `vhostuser` for a similar name.
    Fixed:
        <video><driver name='vhostuser'/><model type='virtio'/></video>
    See: libvirt domain_conf.c:virDomainVideoDefParseXML
    """
    name = video.driver.attribute("name") if video.driver else None
    if name is None or name.value in ("qemu", "vhostuser"):
        return
    is_near = name.value.lower().replace("-", "").replace("_", "") == "vhostuser"
    yield Problem(
        at=name.span,
        message=f"unknown video driver {name.value!r}",
        help="did you mean 'vhostuser'?" if is_near else "write 'qemu' or 'vhostuser'",
        fix=Fix("write 'vhostuser'", (set_value(name, "vhostuser"),)) if is_near else None,
        says=f"unknown video driver '{name.value}'"
        if video.libvirt < NEW_PARSER
        else sentence("word", "driver", "name", name.value),
    )


@rule("VFS943", "video-not-primary", severity=Severity.ERROR, stage=Stage.DEFINE)
def video_not_primary(videos: list[Video], context: Context) -> Iterator[Problem]:
    """Only one video device is primary, and all others are of the model QXL or virtio.

    Why: the primary one is the VGA card that the firmware uses: the one with primary='yes', else the first. Most
        other models are VGA cards, and a guest can have only one of these.
    Bad:
        <video><model type='virtio'/></video><video><model type='vga'/></video>
    Bad:
        <video><model type='vga'/></video><video><model type='virtio' primary='yes'/></video>
    Bad:
        <video><model type='qxl' primary='yes'/></video><video><model type='virtio' primary='yes'/></video>
    Good:
        <video><model type='virtio'/></video><video><model type='vga' primary='yes'/></video>
    libvirt says: video type 'vga' is only valid as primary video device
    See: libvirt domain_validate.c:virDomainDefVideoValidate; qemu_validate.c:qemuValidateDomainDeviceDefVideo
    """
    if len(videos) < 2 or any(video.is_none for video in videos):
        return
    marked = [video for video in videos if video.is_marked_primary]
    for video in marked[1:]:
        model = video.model_with("primary")
        yield Problem(
            at=model.at("primary") if model else video.node.start_span,
            message="the guest has a second primary video device",
            help="remove primary, or write primary='no'",
            related=(Related(marked[0].node.start_span, "the first one"),),
            says="Only one primary video device is supported",
        )
    primary = marked[0] if marked else videos[0]
    for video in videos:
        kind = video.model_type or default_model(context.domain)
        if video is primary or video.is_marked_primary or kind is None:
            continue
        if kind not in (*_SECONDARY, *_FOREIGN):
            yield Problem(
                at=video.model.at("type") if video.model else video.node.start_span,
                message=f"a video device of model {kind!r} is not the primary one",
                help="write type='virtio', or primary='yes'",
                related=(Related(primary.node.start_span, "the primary video device"),),
                says=f"video type '{kind}' is only valid as primary video device",
            )
        elif video.device_name in _VGA_DEVICES and video.libvirt >= (12, 8, 0):
            yield Problem(
                at=video.node.start_span,
                message=f"a video device {video.device_name!r} is not the primary one",
                help="write device='virtio-gpu', or primary='yes'",
                related=(Related(primary.node.start_span, "the primary video device"),),
                says=f"the '{video.device_name}' virtio video device frontend can be only used as primary video device",
            )


# Virtio devices that are VGA cards.
_VGA_DEVICES = ("virtio-vga", "virtio-vga-gl", "vhost-user-vga")


class _Fault(NamedTuple):
    """What is wrong with a setting of a video device: the message follows its name, and libvirt's own message."""

    at: Span
    message: str
    help: str
    says: str


@rule("VFS944", "video-setting-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def video_setting_unsupported(video: Video, context: Context) -> Iterator[Problem]:
    """The settings of a video device are ones that its model has in QEMU.

    Why: only QXL has several kinds of memory, only QXL and virtio several heads (libvirt 7.0.0 does not check them),
        and QEMU has no 2D acceleration. Models of other hypervisors are not for QEMU.
    Bad:
        <video><model type='vga' ram='65536'/></video>
    Bad:
        <video><model type='qxl' vgamem='1000'/></video>
    Bad (libvirt 9.0.0):
        <video><model type='vga' heads='2'/></video>
    Bad:
        <video><model type='cirrus'><resolution x='800' y='600'/></model></video>
    Bad:
        <video><model type='virtio'><resolution x='0' y='600'/></model></video>
    Bad:
        <video><model type='virtio'><acceleration accel2d='yes'/></model></video>
    Bad:
        <video><model type='virtio'><acceleration rendernode='/dev/dri/renderD128'/></model></video>
    Bad (libvirt 9.0.0):
        <video><model type='vga'><acceleration accel3d='yes'/></model></video>
    Bad (libvirt 9.0.0):
        <video><model type='vga'/><driver iommu='on'/></video>
    Bad:
        <video><model type='virtio'><acceleration/></model></video>
    Bad:
        <video><model type='vbox'/></video>
    Bad:
        <video><model type='ramfb'/><address type='pci' slot='9'/></video>
    Good:
        <video><model type='qxl' ram='65536' vram='65536' vgamem='16384' heads='2'/></video>
    Good:
        <video><model type='virtio'><acceleration accel3d='yes'/><resolution x='800' y='600'/></model></video>
    Good:
        <video><model type='vga' vram='16384' heads='1'/></video>
    libvirt says: ram attribute only supported for video type qxl
    See: libvirt domain_validate.c:virDomainVideoDefValidate; qemu_validate.c:qemuValidateDomainDeviceDefVideo
    """
    kind = video.model_type or default_model(context.domain)
    yield from _unreadable(video)
    acceleration = video.child("acceleration")
    if acceleration and not any(acceleration.value(name) is not None for name in ("accel2d", "accel3d", "rendernode")):
        yield Problem(
            at=acceleration.start_span,
            message="<acceleration> has none of its attributes",
            help="remove it, or write accel3d='yes'",
            stage=Stage.PARSE,
            says="missing values for acceleration",
        )
    if video.is_none or kind is None:
        return
    for find in (_faults_of_model, _faults_of_memory, _faults_of_drawing, _faults_of_virtio):
        for fault in find(video, kind):
            yield Problem(at=fault.at, message=fault.message, help=fault.help, says=fault.says)


def _unreadable(video: Video) -> Iterator[Problem]:
    """Report what libvirt reads although the model does not have it, or is one of several.

    The vocabulary describes what each model has.
    """
    is_old, is_new = video.libvirt < NEW_PARSER, video.libvirt >= (11, 3, 0)
    models = video.node.children("model")
    for name in (*_OF_QXL, "vram", "heads"):
        value = video.value(name)
        has_it = len(models) == 1 and (video.model_type == "qxl" or name not in _OF_QXL)
        # Between, the XPath of an empty attribute counted as missing.
        is_rejected = is_old or is_new if value == "" else not has_it
        if value is not None and is_rejected and numbers.unsigned(value) is None:
            usual = f"Invalid value for attribute '{name}' in element 'model': '{value}'. Expected non-negative integer"
            yield Problem(
                at=_place(video, name),
                message=f"{name!r} of <model> is {value!r}, which is not a number",
                help=f"write a number, or remove {name}",
                stage=Stage.PARSE,
                says=f"{usual} value" if is_new else f"cannot parse video {name} '{value}'",
            )
    if is_old and video.value("type") == "":
        yield Problem(
            at=_place(video, "type"),
            message="the type of the video model is empty",
            help="write type='virtio', or remove type",
            stage=Stage.PARSE,
            says="unknown video model ''",
        )


def _place(video: Video, name: str) -> Span:
    model = video.model_with(name)
    return model.at(name) if model else video.node.start_span


def _number(video: Video, name: str) -> int | None:
    return numbers.unsigned(video.value(name) or "")


def _rounded(number: int) -> int:
    """Round up to a power of two as libvirt does; above 2^31 its number overflows to 0."""
    return 0 if number > 2**31 else 1 << max(number - 1, 0).bit_length()


def _faults_of_model(video: Video, kind: str) -> Iterator[_Fault]:
    if kind in _FOREIGN:
        yield _Fault(
            _place(video, "type"),
            f"QEMU has no video device of model {kind!r}",
            "write type='virtio' or type='vga'",
            f"domain configuration does not support video model '{kind}'",
        )
        return
    heads = _number(video, "heads")
    if kind not in _SECONDARY and heads not in (None, 1) and video.libvirt >= (9, 0, 0):
        yield _Fault(
            _place(video, "heads"),
            f"video model {kind!r} has one head, not {heads}",
            "write heads='1', or type='virtio'",
            f"video type '{kind}' doesn't support multiple 'heads'",
        )
    if kind == "ramfb" and video.address and video.address.value("type"):
        says = "address not supported for video type ramfb"
        yield _Fault(
            video.address.start_span,
            "video model 'ramfb' has an address, but is not on a bus",
            "remove <address>",
            "'address' is not supported for 'ramfb' video devices" if video.libvirt < (9, 0, 0) else says,
        )


def _faults_of_memory(video: Video, kind: str) -> Iterator[_Fault]:
    if kind != "qxl":
        for name in _OF_QXL:
            if _number(video, name):
                yield _Fault(
                    _place(video, name),
                    f"video model {kind!r} has no {name!r}",
                    f"remove {name}, or write type='qxl'",
                    f"{name} attribute only supported for video type qxl",
                )
        vram = _number(video, "vram")
        if kind in ("vga", "vmvga") and vram and 0 < _rounded(vram) < _LEAST_KIB:
            yield _too_little(video, "vram", vram)
        return
    for name in ("vram", "ram"):
        size = _number(video, name)
        if size and _rounded(size) > _QXL_KIB:
            yield _Fault(
                _place(video, name),
                f"{name} {size} is more than QXL can have",
                f"write at most {_QXL_KIB // 2 + 1}",
                f"value for '{name}' must be less than '{_QXL_KIB}'",
            )
    size = _number(video, "vgamem")
    if size and size < _LEAST_KIB:
        yield _too_little(video, "vgamem", size)
    elif size and size != _rounded(size):
        yield _Fault(
            _place(video, "vgamem"),
            f"vgamem {size} is not a power of two",
            f"write {_rounded(size)}" if _rounded(size) else "write a smaller number",
            "value for 'vgamem' must be power of two",
        )


def _too_little(video: Video, name: str, size: int) -> _Fault:
    return _Fault(
        _place(video, name),
        f"{name} is {size} KiB, but must be at least {_LEAST_KIB}",
        f"write {name}='{_LEAST_KIB}' or more",
        f"value for '{name}' must be at least 1 MiB (1024 KiB)",
    )


def _faults_of_drawing(video: Video, kind: str) -> Iterator[_Fault]:
    resolution, acceleration = video.child("resolution"), video.child("acceleration")
    if resolution and 0 in [numbers.unsigned(resolution.value(name) or "") for name in ("x", "y")]:
        yield _Fault(
            resolution.start_span,
            "the resolution is 0",
            "write the width and height of the screen",
            "video resolution values must be greater than 0",
        )
    elif resolution and video.model_type not in (None, "vga", "bochs", *_SECONDARY):
        yield _Fault(
            resolution.start_span,
            f"video model {kind!r} has no resolution that can be set",
            "remove <resolution>, or write type='virtio'",
            "model resolution is not supported",
        )
    if acceleration is None:
        return
    if acceleration.value("rendernode") is not None and not video.is_vhost_user:
        yield _Fault(
            acceleration.at("rendernode"),
            "rendernode is only for video devices with the driver 'vhostuser'",
            "remove rendernode, or write <driver name='vhostuser'/>",
            "unsupported rendernode accel attribute without 'vhostuser'",
        )
    if acceleration.value("accel2d") == "yes":
        yield _Fault(
            acceleration.at("accel2d"),
            "QEMU has no 2D acceleration",
            "remove accel2d",
            "qemu does not support the accel2d setting",
        )
    is_checked = video.libvirt <= (11, 3, 0) and not video.is_vhost_user
    if acceleration.value("accel3d") == "yes" and kind != "virtio" and is_checked:
        says = "3d acceleration is supported only with 'virtio' video device"
        yield _Fault(
            acceleration.at("accel3d"),
            f"video model {kind!r} has no 3D acceleration",
            "remove accel3d, or write type='virtio'",
            f"{kind} 3d acceleration is not supported" if video.libvirt < (9, 0, 0) else says,
        )


def _faults_of_virtio(video: Video, kind: str) -> Iterator[_Fault]:
    if kind == "virtio":
        yield from _faults_of_device(video)
        return
    for name in ("iommu", "ats", "packed", "page_per_vq"):
        if video.driver and video.driver.value(name) in ("on", "off") and video.libvirt >= (9, 0, 0):
            what = f"{name} option" if name == "page_per_vq" else f"{name} driver option"
            yield _Fault(
                video.driver.at(name),
                f"video model {kind!r} is not virtio, but its driver has {name!r}",
                f"remove {name}, or write type='virtio'",
                f"{what} is only supported for virtio devices",
            )
    if video.value("blob") in ("on", "off") and video.libvirt >= (9, 2, 0):
        yield _Fault(
            _place(video, "blob"),
            f"video model {kind!r} has no blob resources",
            "remove blob, or write type='virtio'",
            f"video type '{kind}' does not support blob resources",
        )
    if kind not in ("vga", "bochs") and video.value("edid") in ("on", "off") and video.libvirt >= (12, 8, 0):
        yield _Fault(
            _place(video, "edid"),
            f"video model {kind!r} has no EDID",
            "remove edid, or write type='virtio'",
            f"video type '{kind}' does not support edid",
        )


def _faults_of_device(video: Video) -> Iterator[_Fault]:
    """The virtio device of libvirt 12.8.0 and later."""
    name, acceleration = video.device_name or "", video.child("acceleration")
    if video.libvirt < (12, 8, 0) or not name:
        return
    if name.endswith("-gl") and not (acceleration and acceleration.value("accel3d") == "yes"):
        yield _Fault(
            _place(video, "device"),
            f"video device {name!r} requires 3D acceleration",
            "add <acceleration accel3d='yes'/>, or write a device without -gl",
            f"the '{name}' virtio video device frontend can be only with enabled 3d acceleration",
        )
    elif name.startswith("vhost-user") != video.is_vhost_user:
        yield _Fault(
            _place(video, "device"),
            f"video device {name!r} does not match the driver",
            "write <driver name='vhostuser'/> for vhost-user devices only",
            f"the '{name}' virtio video device doesn't match the selected vhostuser backend",
        )
