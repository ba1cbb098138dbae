"""The fixes of misplaced and repeated elements, and of sizes with their unit, write what was meant."""

from __future__ import annotations

import pytest

from vfslint.context import Context
from vfslint.engine import Engine
from vfslint.fixes import Fixer
from vfslint.rules import RULES
from vfslint.targets import contemporary
from vfslint.xml.source import Source

TOP = "<domain type='kvm'>\n  <name>a</name>\n{}\n</domain>\n"
SHARE = """\
  <devices>
    <filesystem type='mount'>
      <driver type='virtiofs'/>
{}
      <source dir='/srv'/>
      <target dir='data'/>
    </filesystem>
  </devices>"""


def fixed(text: str, *, unsafe: bool = False) -> str:
    # 9.0.0: its virtiofsd has all options.
    engine = Engine([rule for rule in RULES if rule.code in CODES], Context(contemporary((9, 0, 0))))
    return Fixer(engine.check_xml, unsafe=unsafe).fix(Source(text.encode(), "x.xml")).source.text


CODES = ("VFS015", "VFS016", "VFS063")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            '  <memoryBacking>\n    <source type="memfd"/> <!-- a -->\n  </memoryBacking>\n'
            "  <vcpu>2</vcpu>\n"
            "  <memoryBacking> <!-- b -->\n      <!-- c -->\n      <access mode='shared'/> <!-- d -->\n"
            "  </memoryBacking> <!-- e -->",
            '  <memoryBacking>\n    <source type="memfd"/> <!-- a -->\n    <!-- b -->\n    <!-- c -->\n'
            "    <access mode='shared'/> <!-- d -->\n  </memoryBacking>\n  <vcpu>2</vcpu>\n   <!-- e -->",
            id="two memoryBacking",
        ),
        pytest.param(
            "  <memoryBacking>\n    <locked/>\n  </memoryBacking>\n  <memoryBacking/>",
            "  <memoryBacking>\n    <locked/>\n  </memoryBacking>",
            id="an empty memoryBacking",
        ),
        pytest.param(
            "  <numa> <!-- two -->\n    <cell id='0' cpus='0-1' memory='2'/>\n  </numa>",
            "  <cpu>\n    <numa> <!-- two -->\n      <cell id='0' cpus='0-1' memory='2'/>\n    </numa>\n  </cpu>",
            id="numa without cpu",
        ),
        pytest.param(
            "  <numa><cell id='0' cpus='0-1' memory='2'/></numa>\n  <cpu mode=\"host-model\"/>",
            "  <cpu mode=\"host-model\">\n    <numa><cell id='0' cpus='0-1' memory='2'/></numa>\n  </cpu>",
            id="numa before cpu",
        ),
        pytest.param(
            "  <memoryBacking>\n    <numa><cell id='0' cpus='0-1' memory='2'/></numa>\n  </memoryBacking>",
            "  <memoryBacking>\n  </memoryBacking>\n"
            "  <cpu>\n    <numa><cell id='0' cpus='0-1' memory='2'/></numa>\n  </cpu>",
            id="numa elsewhere without cpu",
        ),
        pytest.param(
            SHARE.format("      <cache mode='always'/> <!-- fast -->"),
            SHARE.format("      <binary>\n        <cache mode='always'/> <!-- fast -->\n      </binary>"),
            id="cache",
        ),
        pytest.param(
            SHARE.format("      <lock posix='on'/>\n      <cache mode='always'/>"),
            SHARE.format("      <binary>\n        <lock posix='on'/>\n        <cache mode='always'/>\n      </binary>"),
            id="lock and cache",
        ),
        pytest.param(
            SHARE.format("      <binary path='/x'/>\n      <lock posix='on'/>"),
            SHARE.format("      <binary path='/x'>\n        <lock posix='on'/>\n      </binary>"),
            id="lock next to binary",
        ),
        pytest.param("  <memory>2GiB</memory>", "  <memory unit='GiB'>2</memory>", id="memory"),
        pytest.param("  <memory>2 G <!-- a --></memory>", "  <memory unit='G'>2<!-- a --></memory>", id="space"),
        pytest.param('  <memory unit="">2M</memory>', '  <memory unit="M">2</memory>', id="no unit"),
        pytest.param("  <memory unit='G'>2GiB</memory>", "  <memory unit='G'>2</memory>", id="the same unit"),
        pytest.param("  <memory unit='KiB'>2GiB</memory>", "  <memory unit='KiB'>2GiB</memory>", id="another unit"),
        pytest.param("  <memory>2 of it</memory>", "  <memory>2 of it</memory>", id="no unit that libvirt knows"),
    ],
)
def test_fix(before: str, after: str) -> None:
    assert fixed(TOP.format(before)) == TOP.format(after)


def test_idmap_in_binary() -> None:
    before = "      <binary>\n        <idmap>\n          <uid start='0'/>\n        </idmap>\n      </binary>"
    share = SHARE.format(before)
    after = share.replace("        <idmap>\n          <uid start='0'/>\n        </idmap>\n", "").replace(
        "    </filesystem>", "      <idmap>\n        <uid start='0'/>\n      </idmap>\n    </filesystem>"
    )
    assert fixed(TOP.format(share)) == TOP.format(after)


def test_a_unit_is_changed_only_on_request() -> None:
    text = TOP.format("  <memory unit='KiB'>2GiB</memory>")
    assert fixed(text, unsafe=True) == text.replace("KiB", "GiB").replace("2GiB", "2")


@pytest.mark.parametrize("release", [(9, 0, 0), (12, 8, 0)])
def test_nothing_is_moved_to_where_libvirt_rejects_it(release: tuple[int, int, int]) -> None:
    text = TOP.format(SHARE.format("").replace("<source dir='/srv'/>", "<source dir='/srv'><readonly/></source>"))
    engine = Engine(RULES, Context(contemporary(release)))
    source = Source(text.encode(), "x.xml")
    result = Fixer(engine.check_xml).fix(source).source.text
    # 9.0.0 rejects a share that is read-only, and ignores the element where it is.
    assert ("<source dir='/srv'></source>" in result) is (release > (9, 0, 0))


@pytest.mark.parametrize(
    "text",
    [
        # Two shares, two binaries, or a binary that has its own: nobody knows which was meant.
        SHARE.format("") + SHARE.format("      <cell/>"),
        SHARE.format("      <binary/>\n      <binary xattr='on'/>\n      <cache mode='always'/>"),
        SHARE.format("      <binary><cache mode='none'/></binary>\n      <cache mode='always'/>"),
        "  <devices>\n    <source dir='/srv'/>\n  </devices>",
    ],
)
def test_nothing_is_moved_if_the_place_is_not_certain(text: str) -> None:
    assert fixed(TOP.format(text)) == TOP.format(text)
