from pathlib import Path

import pytest
import yaml

from agents.policy_files import Bundle, PolicyFilesError, load_bundle, load_policy
from streams.policy.problems import Problem
from tests.builders import compiled, small_policy


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path) -> list[str]:
    with pytest.raises(PolicyFilesError) as caught:
        load_bundle(folder)
    return str(caught.value).splitlines()


def test_the_files_of_a_folder_are_one_bundle(tmp_path: Path) -> None:
    bundle = load_bundle(written(tmp_path, a="name: shop\n", b="actions:\n  - {id: one}\n  - {id: two}\n"))
    assert bundle == {"name": "shop", "actions": [{"id": "one"}, {"id": "two"}]}


def test_values_are_plain_and_a_date_stays_text(tmp_path: Path) -> None:
    text = "v: [1, -2, 0.5, 1e-3, .5, true, false, null, ~, '1', 2017-01-01, yes, 12:30, 007, 28d, '']\ne:\n"
    bundle = load_bundle(written(tmp_path, a=text))
    assert bundle["v"] == [
        1, -2, 0.5, 0.001, 0.5, True, False, None, None, "1", "2017-01-01", "yes", "12:30", "007", "28d", "",
    ]  # fmt: skip
    assert bundle["e"] is None


def test_a_path_is_found_in_its_file_or_the_nearest_around_it(tmp_path: Path) -> None:
    bundle = load_bundle(written(tmp_path, a="name: shop\n", b="actions:\n  - id: one\n    when: x > 1\n  - id: two\n"))
    assert bundle.where(("actions", 0, "when")) == f"{tmp_path}/b.yaml:3"
    assert bundle.where(("actions", 1)) == f"{tmp_path}/b.yaml:4"
    assert bundle.where(("actions", 1, "absent", "deeper")) == f"{tmp_path}/b.yaml:4"
    assert bundle.where(("absent",)) == ""
    told = bundle.tell([Problem(("actions", 0, "when"), "unknown feature x"), Problem(("features",), "is missing")])
    assert told == f"{tmp_path}/b.yaml:3: actions.0.when: unknown feature x\nfeatures: is missing"


def test_every_mistake_is_told_with_file_and_line(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        a="name: shop\nevents:\n  one: {x: 1, x: 2}\n",
        b="name: again\n",
        c="- a list\n",
        d="k: [unclosed\n",
        e="loop: &l [*l]\n",
        f="base: &b {x: 1}\nmore: {<<: *b}\n",
        g="",
    )
    assert refused(folder) == [
        f"{folder}/a.yaml:3: key 'x' stands a second time; the first is at {folder}/a.yaml:3",
        f"{folder}/b.yaml:1: section 'name' stands a second time; the first is at {folder}/a.yaml:1",
        f"{folder}/c.yaml:1: expected sections, `name: …`",
        f"{folder}/d.yaml:2: is not YAML: expected ',' or ']', but got '<stream end>'",
        f"{folder}/e.yaml:1: an alias cannot stand inside of what it names",
        f"{folder}/f.yaml:2: expected a name as key; keys are not merged",
    ]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == [f"{tmp_path}: expected a folder with the policy's *.yaml files, found none"]


BOMB = b"a: &a [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 10)) for n in range(98, 106)
)
CHAIN = b"a0: &a0 [1]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 900))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"x: 1\nname: \xff\n", "2: is not YAML: expected UTF-8, got the byte 0xff"),
        (b"x: 1\nname: \0\n", "2: is not YAML: special characters are not allowed, got the character 0"),
        (b"x:\n- " + b"[" * 2_000, "2: is not YAML: expected values at most 50 deep in each other"),
        (CHAIN, "1: expected values at most 50 deep in each other"),
        (BOMB, "1: expected at most 100000 values, an alias counted wherever it stands"),
        (b"x:\n  " + b"9" * 5_000, "2: expected a number of at most 40 digits, got 5000"),
        (b'x:\n  "\\ud800"', "2: expected text, got half of a pair of surrogates"),
        (b'x: 1\n"\\ud800": 1', "2: expected a name as key; keys are not merged"),
    ],
    ids=["no text", "no YAML", "brackets", "aliases in each other", "aliases of aliases", "digits", "text", "key"],
)
def test_bytes_that_are_no_bundle_are_refused_with_file_and_line(tmp_path: Path, file: bytes, told: str) -> None:
    (tmp_path / "a.yaml").write_bytes(file)
    assert f"{tmp_path}/a.yaml:{told}" in refused(tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    assert refused(tmp_path) == [f"{tmp_path}/a.yaml: expected a file that can be read, got Is a directory"]


def test_a_bundle_is_a_dict() -> None:
    assert Bundle() == {}


def test_a_folder_that_is_no_policy_is_refused_with_file_and_line_of_every_problem(tmp_path: Path) -> None:
    bundle = small_policy(zone="Atlantis")
    bundle["decision_points"]["checkout"]["trigger"] = "basket_complete"
    for section, value in bundle.items():
        (tmp_path / f"{section}.yaml").write_text(yaml.safe_dump({section: value}, sort_keys=False), encoding="utf-8")
    with pytest.raises(PolicyFilesError) as caught:
        load_policy(tmp_path)
    told = str(caught.value)
    assert told.startswith(f"2 problems in the policy of {tmp_path}:\n")
    assert f"{tmp_path}/zone.yaml:1: zone: expected an IANA time zone" in told
    assert f"{tmp_path}/decision_points.yaml:3: decision_points.checkout.trigger: " in told
    assert "did you mean 'basket_completed'?" in told


def test_a_folder_that_is_a_policy_is_compiled(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(small_policy()), encoding="utf-8")
    bundle, policy = load_policy(tmp_path)
    assert bundle == small_policy()
    assert policy.hash == compiled().hash
