"""The installed libvirt and vfslint agree about valid domains in which hypothesis introduces mistakes.

`.ci/run` installs Debian's libvirt 9.0.0 and QEMU and asks a fixed set of cases. By hand, with new ones and for
as long as one likes: `python -m tests.live.test_shares --cases 10000 --seed 1`.
"""

from __future__ import annotations

import argparse
import random
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.conformance.explained import explanation
from tests.examples import document
from tests.live.libvirt import LiveLibvirt, Verdict
from tests.live.share_mutants import Mutant, mutants
from tools.conformance import refuses_define, refuses_validate
from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.findings import Severity, Stage
from vfslint.rules import RULES
from vfslint.targets import contemporary, version
from vfslint.xml.source import Source

CASES = 400


def disagreement(mutant: Mutant, said: Verdict, engine: Engine) -> str:
    """Return in what vfslint and libvirt differ and what docs/conformance.md does not explain, or ''."""
    findings = engine.check_xml(Source(mutant.xml.encode(), "mutant.xml")).findings
    if said.define == "crashed":
        has_error = any(finding.severity is Severity.ERROR for finding in findings)
        return "" if has_error else f"libvirt crashes on {mutant.faults}, vfslint has no error"
    for question, refusing, verdict in (
        ("define", refuses_define(findings), said.define),
        ("validate", refuses_validate(findings), said.validate),
    ):
        codes = frozenset(finding.code for finding in refusing)
        if bool(codes) != (verdict == "refused") and not explanation(said.message, codes):
            ours = ", ".join(f"{finding.code} {finding.message}" for finding in refusing) or "nothing"
            return f"{question}: libvirt {verdict} ({said.message}), vfslint says {ours}; {mutant.faults}\n{mutant.xml}"
    return ""


def engine_for(libvirt: LiveLibvirt) -> Engine:
    return Engine(RULES, Context(contemporary(version(libvirt.release))))


@pytest.mark.slow
def test_agreement_with_the_libvirt_of_this_machine(libvirt: LiveLibvirt) -> None:
    engine = engine_for(libvirt)

    @seed(20261122)
    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutants())
    def agree(mutant: Mutant) -> None:
        assert disagreement(mutant, libvirt.ask(mutant.xml), engine) == ""

    agree()


def test_options_of_virtiofsd_beside_another_driver_are_passed_over(libvirt: LiveLibvirt) -> None:
    inside = "<binary><cache mode='shared'/></binary><source dir='/s'/><target dir='t'/>"
    share = f"<filesystem type='mount'>{inside}</filesystem>"
    mutant = Mutant(document(share).decode(), ())
    assert libvirt.ask(mutant.xml).define == "accepted"
    assert disagreement(mutant, libvirt.ask(mutant.xml), engine_for(libvirt)) == ""


@pytest.mark.slow
def test_fixed_domains_are_accepted_by_the_libvirt_of_this_machine(libvirt: LiveLibvirt) -> None:
    """What libvirt refused and vfslint calls clean after its fixes is accepted."""
    from vfslint.xml.edits import apply

    engine = engine_for(libvirt)

    @seed(20261123)
    @settings(max_examples=CASES // 2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutants())
    def is_accepted_after_fixing(mutant: Mutant) -> None:
        data = mutant.xml.encode()
        for _ in range(20):
            findings = engine.check_xml(Source(data, "x")).findings
            fixes = [finding.fix for finding in findings if finding.fix and finding.fix.safe]
            if not fixes:
                break
            data = apply(data, fixes[0].edits)
        if data != mutant.xml.encode() and not any(finding.stage is not Stage.GUEST for finding in findings):
            said = libvirt.ask(data.decode())
            assert said.define == "accepted", f"{said.message}: {mutant.faults}\n{data.decode()}"

    is_accepted_after_fixing()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    found: dict[str, str] = {}
    asked = 0
    with LiveLibvirt() as libvirt:
        engine = engine_for(libvirt)

        @seed(options.seed)
        @settings(
            max_examples=options.cases,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(mutants())
        def collect(mutant: Mutant) -> None:
            nonlocal asked
            asked += 1
            said = disagreement(mutant, libvirt.ask(mutant.xml), engine)
            if said and said.splitlines()[0] not in found:
                found[said.splitlines()[0]] = said

        collect()
        for said in found.values():
            print(said)
        print(f"libvirt {libvirt.release}: {asked} domains asked, {len(found)} disagreements that nothing explains")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
