"""The one pass: fast where all is right, and the same from every thread."""

import subprocess
import sys
import threading

import pytest
from lxml import etree

from tests.paths import ROOT
from tests.vocabulary.sound import NEWEST, SOUND, domain, fits, parse
from vfslint.vocabulary import check
from vfslint.vocabulary.explain import mismatches

RELEASES = [(7, 0, 0), (9, 0, 0), (11, 3, 0), NEWEST, (13, 0, 0)]


@pytest.mark.parametrize("release", RELEASES)
def test_what_fits_has_no_mismatch_and_the_reverse(release):
    root = domain()
    assert fits(root, release) is (mismatches(root, release) == [])


def test_later_releases_are_checked_as_the_newest():
    root = domain("queue='1024'", "queues='1024'")
    assert mismatches(root, (99, 0, 0)) == mismatches(root, NEWEST)


@pytest.mark.parametrize(
    "old_new",
    [("<readonly/>", "<!-- why --><readonly/><?note?>"), ("<hugepages>", "<hugepages>\n\t"), ("<vcpu", "\r\n<vcpu")],
)
def test_comments_and_layout_are_no_deviation(old_new):
    assert fits(domain(*old_new), NEWEST)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<name>web</name>", "<name>we<!-- not -->b</name>"),
        ("placement='static'>4</vcpu>", "placement='static'>4<!-- vCPUs --></vcpu>"),
        ("slot='0x1d'", "slot='29'"),
        ("<description", "<description"),
    ],
)
def test_unusual_spelling_is_looked_at_again_and_let_through(old, new):
    if old in SOUND:
        assert mismatches(domain(old, new), NEWEST) == []


@pytest.mark.parametrize("tag", ["Domain", "network", "{urn:x}domain", "domain"])
def test_only_a_known_root_fits(tag):
    root = domain()
    root.tag = tag
    assert fits(root, NEWEST) is (tag == "domain")
    assert bool(mismatches(root, NEWEST)) is (tag != "domain")


def test_a_pass_changes_nothing():
    from lxml import etree

    root = domain("queue='1024'", "queues='1024'")
    before = etree.tostring(root)
    first = mismatches(root, (9, 0, 0))
    assert mismatches(root, (9, 0, 0)) == first
    assert etree.tostring(root) == before


def test_threads_share_the_table():
    wrong = parse(SOUND.replace("queue='1024'", "queue='x'"))
    verdicts = []

    def ask():
        verdicts.extend((fits(domain(), NEWEST), fits(wrong, NEWEST)) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [(True, False)] * 160


def in_a_bare_interpreter(script, text):
    prelude = "import sys\nsys.path.insert(0, '.')\nimport conftest\nfrom lxml import etree\n"
    prelude += "root = etree.fromstring(sys.stdin.read())\n"
    subprocess.run([sys.executable, "-c", prelude + script], input=text, text=True, check=True, cwd=ROOT)


def test_sound_domains_load_neither_explanations_nor_xmlschema():
    script = """

from vfslint.vocabulary.check import suspects
assert suspects(root, (12, 8, 0)) == []
assert "vfslint.vocabulary.explain" not in sys.modules
assert "xmlschema" not in sys.modules
"""
    in_a_bare_interpreter(script, SOUND)


def test_words_and_names_are_explained_without_xmlschema():
    script = """
from vfslint.vocabulary.explain import mismatches
assert len(mismatches(root, (12, 8, 0))) == 2
assert mismatches(root, (7, 0, 0))
assert "xmlschema" not in sys.modules
"""
    in_a_bare_interpreter(script, SOUND.replace("'memfd'", "'memfs'").replace("<cache", "<cahce"))


def test_what_is_remembered_to_fit_in_one_place_is_not_at_home_in_another():
    """Devices that fit are remembered by their text, for the place and the release in which they fit."""
    disk = "<disk type='file'><source file='/srv/a.img'/><target dev='vda'/></disk>"
    at_home = etree.fromstring(
        f"<domain type='kvm'><name>a</name><os><type>hvm</type></os><devices>{disk}</devices></domain>"
    )
    abroad = etree.fromstring(
        f"<domain type='kvm'><name>a</name><os><type>hvm</type></os>{disk}<devices>{disk}</devices></domain>"
    )
    assert check.suspects(at_home, NEWEST) == []
    assert [element.tag for element, *_ in check.suspects(abroad, NEWEST)] == ["domain"]
    newer = "<watchdog model='itco'/>"
    watched = etree.fromstring(
        f"<domain type='kvm'><name>a</name><os><type>hvm</type></os><devices>{newer}</devices></domain>"
    )
    assert check.suspects(watched, NEWEST) == []
    assert [element.tag for element, *_ in check.suspects(watched, (7, 0, 0))] == ["watchdog"]
