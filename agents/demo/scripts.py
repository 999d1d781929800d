"""The scripts of an example: `python -m examples.<name>`, in the environment of its estate."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from agents.demo.estate import Estate
from agents.errors import UserError

LAST_WORDS: Final = 12  # lines


async def run_script(estate: Estate, name: str, *, shown: bool = False) -> None:
    """Run a script to its end, its output shown or kept in its log; raise UserError if it fails."""
    script = await _start(estate, name, (), None if shown else asyncio.subprocess.DEVNULL)
    await _wait_ended(estate, name, script)


async def said_by(estate: Estate, name: str, arguments: Sequence[str]) -> AsyncGenerator[dict[str, Any], None]:
    """Run a script and yield what it says, one JSON object a line; raise UserError if it fails."""
    script = await _start(estate, name, arguments, asyncio.subprocess.PIPE)
    if script.stdout is None:
        raise AssertionError(name)
    try:
        async for line in script.stdout:
            yield json.loads(line)
        await _wait_ended(estate, name, script)
    finally:
        if script.returncode is None:
            script.terminate()
            await script.wait()


async def _start(estate: Estate, name: str, arguments: Sequence[str], stdout: int | None) -> asyncio.subprocess.Process:
    argv = [sys.executable, "-m", f"examples.{name}", *arguments]
    with estate.log(name).open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *argv, env={**os.environ, **estate.settings.environment}, stdout=stdout, stderr=log
        )


async def _wait_ended(estate: Estate, name: str, script: asyncio.subprocess.Process) -> None:
    """Wait for the end of a script; raise UserError with its last words if it failed."""
    try:
        code = await script.wait()
    except asyncio.CancelledError:
        script.terminate()
        await script.wait()
        raise
    if code:
        log = estate.log(name)
        last = deque(log.read_text(encoding="utf-8", errors="replace").splitlines(), LAST_WORDS)
        told = "\n".join(f"  {line}" for line in last)
        raise UserError(f"examples.{name} ended with code {code}. Its last words:\n{told}\nMore in {log}")
