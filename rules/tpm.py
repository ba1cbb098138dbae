"""Trusted platform modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vfslint.context import Context
from vfslint.domain.device import NEW_PARSER, Tpm
from vfslint.domain.domain import Domain
from vfslint.domain.machine import PPC64, S390
from vfslint.findings import Problem, Severity, Span, Stage
from vfslint.rule import rule
from vfslint.vocabulary import numbers

# The models that QEMU has, by architecture; nothing is known about others.
_MODELS: dict[str, tuple[str, ...]] = {
    "x86_64": ("tpm-tis", "tpm-crb"),
    "i686": ("tpm-tis", "tpm-crb"),
    "aarch64": ("tpm-tis",),
    "ppc64": ("tpm-spapr", "spapr-tpm-proxy"),
    "ppc64le": ("tpm-spapr", "spapr-tpm-proxy"),
    "riscv64": ("tpm-tis",),
}


class _Fault(NamedTuple):
    at: Span
    message: str
    help: str
    says: str


@rule("VFS950", "tpm-unsupported", severity=Severity.ERROR, stage=Stage.DEFINE)
def tpm_unsupported(tpm: Tpm, context: Context) -> Iterator[Problem]:
    """A TPM has a model of its architecture, and a back end and a version that the model supports.

    Why: tpm-tis and tpm-crb are devices of PCs, the models with `spapr` are for pSeries machines, and IBM mainframes
        have none. TPM 1.2 is only emulated for tpm-tis; it is the default version of an emulator for this model. The
        banks of registers and the profile are options of TPM 2.0. A proxy passes the host's TPM through.
    Bad:
        <tpm model='tpm-spapr'><backend type='passthrough'/></tpm>
    Bad:
        <tpm model='tpm-crb'><backend type='emulator' version='1.2'/></tpm>
    Bad:
        <tpm model='tpm-tis'><backend type='emulator'><active_pcr_banks><sha256/></active_pcr_banks></backend></tpm>
    Bad:
        <tpm model='tpm-tis'><backend type='emulator' version='1.2'><profile source='local:x'/></backend></tpm>
    Good:
        <tpm model='tpm-crb'><backend type='emulator' version='2.0'><active_pcr_banks><sha256/></active_pcr_banks>
          </backend></tpm>
    Good:
        <tpm model='tpm-tis'><backend type='passthrough'/></tpm>
    libvirt says: <active_pcr_banks/> requires TPM version '2.0'
    libvirt says: <profile/> requires TPM version '2.0'
    libvirt says: does not support TPM model tpm-spapr
    See: libvirt qemu_validate.c:qemuValidateDomainDeviceDefTPM, domain_validate.c:virDomainTPMDevValidate
    """
    fault = _option_fault(tpm, context) or _version_fault(tpm, context) or _model_fault(tpm, context)
    if fault:
        yield Problem(at=fault.at, message=fault.message, help=fault.help, says=fault.says)


def _option_fault(tpm: Tpm, context: Context) -> _Fault | None:
    if tpm.backend is None or tpm.backend_type != "emulator" or tpm.version(context.domain.arch) != "1.2":
        return None
    libvirt = context.target.libvirt
    banks = next((banks for banks in tpm.backend.children("active_pcr_banks") if banks.children()), None)
    profile = tpm.backend.child("profile")
    for option, is_read in (
        (banks, libvirt >= (7, 10, 0)),
        (profile, profile is not None and profile.value("source") is not None and libvirt >= (10, 10, 0)),
    ):
        if option and is_read:
            return _Fault(
                option.start_span,
                f"<{option.tag}> requires TPM 2.0, not 1.2",
                "write version='2.0' in <backend>",
                f"<{option.tag}/> requires TPM version '2.0'",
            )
    return None


def _version_fault(tpm: Tpm, context: Context) -> _Fault | None:
    arch, libvirt = context.domain.arch, context.target.libvirt
    model = tpm.model(arch)
    if tpm.backend is None or tpm.version(arch) != "1.2":
        return None
    says = ""
    if libvirt < NEW_PARSER:
        if model == "tpm-spapr":
            says = "TPM 1.2 is not supported with the SPAPR device model"
        elif model == "tpm-crb" and tpm.backend_type == "emulator":
            says = f"Unsupported interface {model} for TPM 1.2"
        else:
            return None
    elif tpm.backend_type != "emulator" or model not in ("tpm-crb", "tpm-spapr", "spapr-tpm-proxy"):
        return None
    # Later releases first look for swtpm on the host, which may not support TPM 1.2 at all.
    return _Fault(
        tpm.backend.at("version"), f"model {model!r} does not support TPM 1.2", "write version='2.0' in <backend>", says
    )


def _model_fault(tpm: Tpm, context: Context) -> _Fault | None:
    domain = context.domain
    model, models = tpm.model(domain.arch), _MODELS.get(domain.arch)
    if domain.arch in S390:
        says = _about_qemu(domain, f"TPM backend type {tpm.backend_type}") if tpm.backend_type == "passthrough" else ""
        return _Fault(tpm.node.start_span, f"QEMU has no TPM for {domain.arch}", "remove <tpm>", says)
    if models and model not in models and model in {known for all in _MODELS.values() for known in all}:
        says = _about_qemu(domain, f"TPM model {model}")
        if model == "spapr-tpm-proxy" and context.target.libvirt < NEW_PARSER:
            says = f"TPM Proxy model {model} is only available for PPC64 guests"
        if tpm.backend_type != "passthrough":
            says = ""
        return _Fault(
            tpm.node.at("model"),
            f"QEMU has no TPM model {model!r} for {domain.arch}",
            f"write model={models[0]!r}, or remove model",
            says,
        )
    is_new = context.target.libvirt >= NEW_PARSER
    if is_new and model == "spapr-tpm-proxy" and domain.arch in PPC64 and tpm.backend_type == "emulator":
        help = "write <backend type='passthrough'>"
        return _Fault(tpm.node.at("model"), "a TPM proxy cannot be emulated", help, "")
    return None


def _about_qemu(domain: Domain, what: str) -> str:
    """Return libvirt's message about what QEMU lacks; it names the program, which the domain may leave to libvirt."""
    emulator = domain.emulator.text if domain.emulator else f"/usr/bin/qemu-system-{domain.arch}"
    return f"The QEMU executable {emulator} does not support {what}"


@rule("VFS954", "tpm-backend-incomplete", severity=Severity.ERROR, stage=Stage.PARSE)
def tpm_backend_incomplete(tpm: Tpm, context: Context) -> Iterator[Problem]:
    """The back end of a TPM names a valid secret, and the socket of an external emulator that libvirt connects to.

    Why: the emulator encrypts its state with the secret, whose UUID can contain hyphens and spaces. An external
        emulator has already created its socket, so that libvirt cannot do that.
    Bad:
        <tpm model='tpm-tis'><backend type='emulator' version='2.0'><encryption secret='tpm'/></backend></tpm>
    Bad (libvirt 9.0.0):
        <tpm model='tpm-tis'><backend type='external'><source type='unix' mode='bind' path='/run/tpm.sock'/>
          </backend></tpm>
    Bad (libvirt 9.0.0):
        <tpm model='tpm-tis'><backend type='external'/></tpm>
    Bad (libvirt 9.0.0):
        <tpm model='tpm-tis'><backend type='external'><source type='unix' mode='connect'/></backend></tpm>
    Good:
        <tpm model='tpm-tis'><backend type='external'><source type='unix' mode='connect' path='/run/tpm.sock'/>
          </backend></tpm>
    libvirt says: Unable to parse secret uuid 'tpm'
    libvirt says: only 'client' mode is supported for external TPM device
    libvirt says: missing external TPM backend type
    libvirt says: missing socket path for external TPM device
    See: libvirt domain_conf.c:virDomainTPMDefParseXML, domain_validate.c:virDomainTPMDevValidate
    """
    backend, libvirt = tpm.backend, context.target.libvirt
    if backend is None:
        return
    if tpm.backend_type == "emulator":
        for encryption in backend.children("encryption"):
            secret = encryption.attribute("secret")
            if secret and secret.value and not numbers.is_uuid(secret.value):
                yield Problem(
                    at=secret.span,
                    message=f"secret {secret.value!r} is not a UUID",
                    help="write the UUID that virsh secret-list prints",
                    says=f"Unable to parse secret uuid '{secret.value}'",
                )
                return
    if tpm.backend_type == "external" and libvirt >= (9, 0, 0):
        source = backend.child("source")
        is_new = libvirt >= (11, 3, 0)
        if source is None:
            yield Problem(
                at=backend.start_span,
                message="an external TPM has no source",
                help="add <source type='unix' mode='connect' path='…'/>",
                says="missing external TPM backend source type" if is_new else "missing external TPM backend type",
            )
        elif source.value("type") == "unix" and source.value("mode") == "bind":
            yield Problem(
                at=source.at("mode"),
                message="libvirt connects to the socket of an external TPM, and cannot create it",
                help="write mode='connect'",
                stage=Stage.DEFINE,
                says=f"only '{'connect' if is_new else 'client'}' mode is supported for external TPM device",
            )
        elif source.value("type") == "unix" and not source.value("path"):
            yield Problem(
                at=source.start_span,
                message="an external TPM has no socket",
                help="write path='…'",
                stage=Stage.DEFINE,
                says="missing socket path for external TPM device",
            )
