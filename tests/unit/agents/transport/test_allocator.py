"""Large buffers are kept, not given back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from agents.transport.allocator import keep_buffers
assert {keep}
b"x" * (4 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    bytes(bytearray(4 << 20))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(keep: str, **environment: str) -> int:
    program = [sys.executable, "-c", PROGRAM.format(keep=keep)]
    return int(subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives them back")
def test_a_buffer_that_is_made_again_costs_no_page_faults() -> None:
    assert page_faults("keep_buffers()") < 20_000 < page_faults("True")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these variables")
def test_what_the_environment_says_stays() -> None:
    said = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
    assert page_faults("keep_buffers()", **said) > 20_000
