"""Sound cards of the guest, and the audio backends of the host."""

from __future__ import annotations

from collections.abc import Iterator

from vfslint.context import Context
from vfslint.domain.device import Audio
from vfslint.domain.domain import Domain
from vfslint.findings import Problem, Related, Severity, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers
from vfslint.xml.document import Node

# The first tested release in which displays and sound cards select an audio backend.
AUDIO_IDS = (9, 0, 0)


@rule("VFS945", "audio-reference-invalid", severity=Severity.ERROR, stage=Stage.DEFINE)
def audio_reference_invalid(domain: Domain, context: Context) -> Iterator[Problem]:
    """Every audio backend has its own id, and sound cards and displays refer to one that exists.

    Why: the id tells libvirt where the sound of a device goes. Without any <audio>, libvirt adds one with id 1, but
        not if the only displays are D-Bus or egl-headless. libvirt 7.0.0 ignores most ids.
    Bad (libvirt 9.0.0):
        <audio id='1' type='none'/><audio id='1' type='none'/>
    Bad (libvirt 9.0.0):
        <sound model='ich9'><audio id='2'/></sound><audio id='1' type='none'/>
    Bad (libvirt 9.0.0):
        <graphics type='vnc'><audio id='2'/></graphics>
    Bad (libvirt 9.0.0):
        <graphics type='dbus'><audio id='1'/></graphics><audio id='1' type='none'/>
    Good:
        <graphics type='vnc'/><sound model='ich9'><audio id='1'/></sound>
    libvirt says: no audio device with ID 2
    libvirt says: audio ID 1 is used multiple times
    See: libvirt domain_validate.c:virDomainAudioDefValidate, virDomainEnsureAudioID;
        qemu_validate.c:qemuValidateDomainDeviceDefDBusGraphics
    """
    if context.target.libvirt < AUDIO_IDS:
        return
    backends: dict[int, Node] = {}
    for audio in domain.device_nodes("audio"):
        number = _id_of(audio)
        if number and (other := backends.setdefault(number, audio)) is not audio:
            yield Problem(
                at=audio.at("id"),
                message=f"audio id {number} is used twice",
                help="give each <audio> its own id",
                related=(Related(other.at("id"), "used first"),),
                says=f"audio ID {number} is used multiple times",
            )
    known = set(backends) or ({1} if _adds_audio(domain) else set())
    users = list(domain.device_nodes("sound"))
    users += [graphics.node for graphics in domain.graphics if graphics.type == "vnc"]
    for user in users:
        reference = user.child("audio")
        number = _id_of(reference) if reference else None
        if reference and number and number not in known:
            yield Problem(
                at=reference.at("id"),
                message=f"<{user.tag}> refers to audio {number}, which does not exist",
                help=f"add <audio id='{number}' type='none'/>, or write the id of an existing one",
                says=f"no audio device with ID {number}",
            )
    for graphics in domain.graphics:
        reference = graphics.node.child("audio") if graphics.type == "dbus" else None
        backend = backends.get(_id_of(reference) or 0) if reference else None
        if reference and backend and backend.value("type") != "dbus":
            yield Problem(
                at=reference.at("id"),
                message=f"the audio of a D-Bus display is of type {backend.value('type')!r}",
                help="write type='dbus' in that <audio>",
                related=(Related(backend.start_span, "the audio backend"),),
                says="The associated audio is not of 'dbus' kind.",
            )


def _id_of(node: Node) -> int | None:
    return numbers.unsigned(node.value("id") or "")


def _adds_audio(domain: Domain) -> bool:
    """Whether libvirt may add an audio backend (qemuDomainDefSuggestDefaultAudioBackend).

    Next to SDL, and if qemu.conf allows VNC to use the host's audio, that depends on QEMU_AUDIO_DRV.
    """
    return not domain.graphics or any(graphics.type in ("vnc", "spice", "sdl") for graphics in domain.graphics)


@rule("VFS946", "audio-settings-invalid", severity=Severity.ERROR, stage=Stage.PARSE, any_hypervisor=True)
def audio_settings_invalid(audio: Audio) -> Iterator[Problem]:
    """The settings of an audio stream are fixed, and fixed settings use QEMU's mixing engine.

    Why: without `fixedSettings`, QEMU uses what the guest asks for, and only its own mixer converts sound. libvirt
        7.0.0 knows only OSS, for which it requires <input> and <output>.
    Bad (libvirt 9.0.0):
        <audio id='1' type='none'><input><settings frequency='44100' channels='2' format='s16'/></input></audio>
    Bad (libvirt 9.0.0):
        <audio id='1' type='none'><output fixedSettings='yes'/></audio>
    Bad (libvirt 7.0.0):
        <audio id='1' type='oss'><input dev='/dev/dsp'/></audio>
    Good (libvirt 9.0.0):
        <audio id='1' type='none'><input mixingEngine='yes' fixedSettings='yes'>
          <settings frequency='44100' channels='2' format='s16'/></input></audio>
    libvirt says: audio settings specified without fixed settings flag
    libvirt says: fixed audio settings requires mixing engine
    See: libvirt domain_conf.c:virDomainAudioCommonParse
    """
    streams = [audio.node.child(name) for name in ("input", "output")]
    if audio.libvirt < AUDIO_IDS:
        if audio.type == "oss" and None in streams:
            yield Problem(
                at=audio.node.start_span,
                message="audio of type 'oss' lacks <input> or <output>",
                help="add <input dev='/dev/dsp'/> and <output dev='/dev/dsp'/>",
                says="Audio type OSS requires to have <input> and <output> specified",
            )
        return
    for stream in streams:
        settings = stream.child("settings") if stream else None
        if stream is None:
            continue
        if stream.value("fixedSettings") == "yes" and stream.value("mixingEngine") != "yes":
            yield Problem(
                at=stream.at("fixedSettings"),
                message=f"fixedSettings of <{stream.tag}> requires the mixing engine",
                help="write mixingEngine='yes'",
                says="fixed audio settings requires mixing engine",
            )
        elif settings and stream.value("fixedSettings") != "yes":
            yield Problem(
                at=settings.start_span,
                message=f"<settings> of <{stream.tag}> has no effect without fixedSettings",
                help=f"write <{stream.tag} mixingEngine='yes' fixedSettings='yes'>, or remove <settings>",
                says="audio settings specified without fixed settings flag",
            )
