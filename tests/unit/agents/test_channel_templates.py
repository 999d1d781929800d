"""A new delivery channel's template is right as it stands, and a mapping can be tried before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from agents.__main__ import cli
from agents.channels.templates import KINDS
from tests.builders import small_policy


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def policy_with(folder: Path, section: str) -> Path:
    """Write the small policy with one delivery channel more."""
    bundle = small_policy()
    bundle["delivery_channels"] |= yaml.safe_load(section)
    folder.mkdir()
    (folder / "policy.yaml").write_text(json.dumps(bundle), encoding="utf-8")  # JSON is YAML
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_right_as_it_stands(kind: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.json"
    made = ran("channel", "new", "extra-1", "--kind", kind, "--sample", str(sample))
    assert made.exit_code == 0, made.output
    folder = policy_with(tmp_path / "policy", made.output)
    tried = ran("map", "test", str(sample), "--policy", str(folder), "--channel", "extra-1")
    assert tried.exit_code == 0, tried.output
    assert "person-1" in tried.output
    assert tried.output.rstrip().endswith("  delivered") == (kind not in ("file", "smtp"))
    assert ran("channel", "new", "extra-1", "--sample", str(sample)).exit_code == 1


SMS = """
sms:
  cost: 0
  deliver:
    kind: webhook
    url: "https://sms.example.org/{profile_id}"
    auth: {secret: SMS_TOKEN}
    request: {text: "{content.text}"}
    response: {field: status, delivered: [sent], bounced: [gone]}
"""


@pytest.mark.parametrize(
    ("sample", "code", "words"),
    [
        ({"activation": {"profile_id": "a/b", "content": {"text": "x"}}}, 0,
         ["POST https://sms.example.org/a%2Fb", "Authorization: Bearer <SMS_TOKEN>", '{"text":"x"}']),
        ({"activation": {"content": {"text": "x"}}, "answer": {"status": 400, "body": {"status": "gone"}}}, 0,
         ["bounced (gone)"]),
        ({"activation": {"content": {"text": "x"}}, "answer": {"status": 200, "body": {}}}, 0,
         ["unknown (answer:None)"]),
        ({"activation": {"content": {"text": "x"}}, "answer": {"status": 500}}, 0, ["unknown (http_500)"]),
        ({"activation": {"content": {"text": "x"}}, "answer": {"status": 503}}, 0, ["owed (http_503)"]),
        ({}, 1, ["unmapped:content.text"]),
        ({"activation": {"contents": {}}}, 1, ["did you mean 'content'?"]),
        ({"activations": {}}, 1, ["expected a JSON object"]),
    ],
)  # fmt: skip
def test_a_mapping_is_tried_on_a_sample(sample: Any, code: int, words: list[str], tmp_path: Path) -> None:
    folder = policy_with(tmp_path / "policy", SMS)
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(sample), encoding="utf-8")
    tried = ran("map", "test", str(path), "--policy", str(folder), "--channel", "sms")
    assert tried.exit_code == code, tried.output
    assert [word for word in words if word not in tried.output] == []
