"""Policy files: a folder of YAML becomes one bundle, and a place in the bundle becomes a file and a line.

The language is a small YAML: numbers are decimal, booleans are `true` and `false`, a date stays text, keys stand once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from agents.errors import UserError
from streams.policy import Policy, PolicyRefused, compile_policy
from streams.policy.problems import Problem

Place = tuple[str | int, ...]

_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
VALUES_MAX: Final = 100_000  # of a bundle, an alias counted as often as it stands: a large catalogue has 20,000
NESTED_MAX: Final = 50  # deep: no section goes beyond 10, and Python ends at about 300
DIGITS_MAX: Final = 40  # of a whole number: no quantity of a policy has more than 16

_TOO_DEEP: Final = f"expected values at most {NESTED_MAX} deep in each other"
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}


class PolicyFilesError(UserError):
    """Refuse a folder that is not a bundle: names every file and line that is wrong."""


class Bundle(dict[str, Any]):
    """The sections of a policy, as plain values, which knows where in the files each of them stands."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: Final[dict[Place, str]] = {}  # path of keys and indices -> file:line

    def where(self, path: Sequence[str | int]) -> str:
        """Return `file:line` of a path, or of the nearest thing around it that the files have; "" if there is none."""
        for length in range(len(path), 0, -1):
            mark = self.marks.get(tuple(path[:length]))
            if mark is not None:
                return mark
        return ""

    def tell(self, problems: Iterable[Problem]) -> str:
        """Say problems one a line, each with its file and line."""
        return "\n".join(self._told(problem) for problem in problems)

    def _told(self, problem: Problem) -> str:
        path = ".".join(map(str, problem.path))
        return ": ".join(filter(None, (self.where(problem.path), path, problem.message)))


def load_bundle(folder: Path) -> Bundle:
    """Read all `*.yaml` files of a folder as one bundle; raises PolicyFilesError with everything that is wrong."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise PolicyFilesError(f"{folder}: expected a folder with the policy's *.yaml files, found none")
    bundle = Bundle()
    reader = _Reader(bundle)
    for file in files:
        reader.read(file)
    if reader.mistakes:
        raise PolicyFilesError("\n".join(reader.mistakes))
    return bundle


def load_policy(folder: Path) -> tuple[Bundle, Policy]:
    """Read a folder and compile it; raises PolicyFilesError that says file and line of everything that is wrong."""
    bundle = load_bundle(folder)
    try:
        return bundle, compile_policy(bundle)
    except PolicyRefused as refused:
        count = "1 problem" if len(refused.problems) == 1 else f"{len(refused.problems)} problems"
        raise PolicyFilesError(f"{count} in the policy of {folder}:\n{bundle.tell(refused.problems)}") from None


class _Loader(yaml.SafeLoader):
    """PyYAML's, which tells where it is nested too deeply instead of ending there."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > NESTED_MAX:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=self._mark())
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _mark(self) -> Any:
        peek: Any = self.peek_event  # PyYAML's methods are partly untyped
        return peek().start_mark


class _Reader:
    """Reads files into one bundle and collects what is wrong with them."""

    def __init__(self, bundle: Bundle) -> None:
        self.mistakes: Final[list[str]] = []
        self._bundle: Final = bundle
        self._file = Path()
        self._values = 0  # read so far
        self._within: Final[set[int]] = set()  # nodes being read: an alias to one of them would never end

    def read(self, file: Path) -> None:
        self._file = file
        try:
            text = file.read_bytes().decode()
        except OSError as error:
            self.mistakes.append(f"{file}: expected a file that can be read, got {error.strerror}")
            return
        except UnicodeDecodeError as error:
            line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
            self.mistakes.append(f"{file}:{line}: is not YAML: expected UTF-8, got the byte 0x{byte:02x}")
            return
        try:
            root = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f":{mark.line + 1}" if mark else ""
            self.mistakes.append(f"{file}{place}: is not YAML: {error.problem or error.context}")
            return
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self.mistakes.append(f"{file}:{line}: is not YAML: {error.reason}, got the character {error.character!r}")
            return
        if isinstance(root, yaml.MappingNode):
            self._bundle.update(self._mapping(root, ()))
        elif root is not None:
            self._wrong(root, "expected sections, `name: …`")

    def _value(self, node: yaml.Node, path: Place) -> Any:
        self._bundle.marks.setdefault(path, f"{self._file}:{node.start_mark.line + 1}")
        self._values += 1
        if self._values >= VALUES_MAX:
            if self._values == VALUES_MAX:
                self._wrong(node, f"expected at most {VALUES_MAX} values, an alias counted wherever it stands")
            return None
        if len(path) > NESTED_MAX:
            self._wrong(node, _TOO_DEEP)
            return None
        if id(node) in self._within:
            self._wrong(node, "an alias cannot stand inside of what it names")
            return None
        self._within.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node)
        finally:
            self._within.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Place) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or key == "<<" or not _is_said(key):
                self._wrong(key_node, "expected a name as key; keys are not merged")
                continue
            place = (*path, key)
            first = self._bundle.marks.get(place)
            if key in read or (not path and key in self._bundle):
                kind = "key" if path else "section"
                self._wrong(key_node, f"{kind} {key!r} stands a second time; the first is at {first}")
                continue
            self._bundle.marks[place] = f"{self._file}:{key_node.start_mark.line + 1}"
            read[key] = self._value(value_node, place)
        return read

    def _scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        if not _is_said(text):
            self._wrong(node, "expected text, got half of a pair of surrogates")
            return ""
        if getattr(node, "style", None) in ("'", '"', "|", ">"):
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            if len(text) > DIGITS_MAX:
                self._wrong(node, f"expected a number of at most {DIGITS_MAX} digits, got {len(text)}")
                return 0
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _wrong(self, node: yaml.Node, message: str) -> None:
        self.mistakes.append(f"{self._file}:{node.start_mark.line + 1}: {message}")


def _is_said(text: str) -> bool:
    """Tell whether a text is one that bytes can say: YAML can write half of a pair of surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
