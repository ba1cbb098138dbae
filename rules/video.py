"""Video devices."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.domain.device import Video
from vfslint.findings import Fix, Problem, Severity, Stage
from vfslint.rule import rule
from vfslint.xml.edits import set_value


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
    driver, model = video.driver, video.node.child("model")
    if driver and driver.value("name") == "vhostuser" and (not model or model.value("type") != "virtio"):
        yield Problem(
            at=model.at("type") if model else video.node.start_span,
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
    See: libvirt domain_conf.c:virDomainVideoDefParseXML
    """
    name = video.driver.attribute("name") if video.driver else None
    if name is None or name.value in ("qemu", "vhostuser"):
        return
    is_near = name.value.lower().replace("-", "").replace("_", "") == "vhostuser"
    yield Problem(
        at=name.span,
        message=f"unknown video driver {name.value!r}",
        help="write 'qemu' or 'vhostuser'",
        fix=Fix("write 'vhostuser'", (set_value(name, "vhostuser"),)) if is_near else None,
    )
