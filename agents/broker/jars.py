"""Kafka's jars: fetched once into the user's cache, held against the lock at every start.

The cache is flat, one folder per Kafka version. What is complete and matches is used without a network, and without
importing the resolver; what does not match is refused, never repaired in silence: somebody changed it.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from agents.broker.errors import BrokerError
from agents.broker.exclusive import exclusive
from agents.broker.lock import KAFKA_VERSION, Jar

if TYPE_CHECKING:
    from jgo.maven import MavenContext

TRIES = 3  # a registry that fails three times in a row is down, not busy
PARALLEL = 4  # four connections fill a home line; more only anger a registry
ANSWER_S = 30  # the registry's next bytes
PAUSE_S = 1.0  # before the second try; twice that before the third
TELL_EVERY_S = 1.0


def cache_folder() -> Path:
    """Return the folder of the jars: `$XDG_CACHE_HOME/continuo/kafka-<version>`, by default under `~/.cache`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "continuo" / f"kafka-{KAFKA_VERSION}"


def ensure(folder: Path, jars: Sequence[Jar], progress: Callable[[str], None]) -> list[Path]:
    """Return the class path, every jar of it present and as locked; download what is missing.

    Raises BrokerError that names each jar that is altered, unexpected or not to be had.
    """
    if any(not (folder / jar.file).is_file() for jar in jars):
        with exclusive(folder.with_name(f"{folder.name}.lock"), progress):
            missing = [jar for jar in jars if not (folder / jar.file).is_file()]
            if missing:
                _fetch(folder, missing, progress)
    _verify(folder, jars)
    return [folder / jar.file for jar in jars]


def _verify(folder: Path, jars: Sequence[Jar]) -> None:
    wrong = []
    for jar in jars:
        digest = _sha256(folder / jar.file)
        if digest != jar.sha256:
            wrong.append(f"{jar.file} is altered: expected sha256 {jar.sha256}, found {digest}")
    expected = {jar.file for jar in jars}
    wrong += [f"{path.name} is not in the lock" for path in sorted(folder.glob("*.jar")) if path.name not in expected]
    if wrong:
        raise BrokerError(
            f"Kafka is not started, its jars in {folder} are not the locked ones:\n  "
            + "\n  ".join(wrong)
            + f"\nRemove {folder} and run `continuo up` again to download them anew."
        )


def _fetch(folder: Path, jars: Sequence[Jar], progress: Callable[[str], None]) -> None:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - a start from the cache needs no HTTP client
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    megabytes = sum(jar.size for jar in jars) / 1e6
    progress(f"downloading Kafka {KAFKA_VERSION}: {len(jars)} jars, {megabytes:.0f} MB, once, into {folder}")
    # The folder of the download lies beside the jars, so that a finished one moves in by one rename.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.part-") as repository:
        # A company's mirror from jgo's own settings file may add to the registry or, as "central", replace it:
        # the lock makes any mirror safe.
        registries = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
        context = MavenContext(repo_cache=Path(repository), remote_repos=registries, timeout=ANSWER_S)
        with ThreadPoolExecutor(PARALLEL) as pool:
            running = [pool.submit(_fetch_one, context, folder, jar) for jar in jars]
            try:
                _tell(progress, jars, running)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _tell(progress: Callable[[str], None], jars: Sequence[Jar], running: Sequence[Future[Jar]]) -> None:
    told, done, size = time.monotonic(), 0, 0
    for finished in as_completed(running):
        done, size = done + 1, size + finished.result().size
        if time.monotonic() - told >= TELL_EVERY_S or done == len(jars):
            told = time.monotonic()
            progress(f"  {done} of {len(jars)} jars, {size / 1e6:.0f} MB")


def _fetch_one(context: "MavenContext", folder: Path, jar: Jar) -> Jar:
    path = _download(context, jar, folder)
    digest = _sha256(path)
    if digest != jar.sha256:
        raise BrokerError(
            f"The registry's {jar} is not the locked one: expected sha256 {jar.sha256}, came {digest}. "
            "Nothing of it was kept. Look for a mirror or a proxy that changes what passes through it."
        )
    path.replace(folder / jar.file)
    return jar


def _download(context: "MavenContext", jar: Jar, folder: Path) -> Path:
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for attempt in range(1, TRIES + 1):
        try:
            return artifact.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # requests' errors are OSErrors, jgo's own the other two
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)  # half a jar would pass for a whole one
            if attempt == TRIES:
                raise BrokerError(
                    f"Cannot download {jar}: {error}\n"
                    f"The first start needs a network; later ones do not. On a machine without one, copy {folder} "
                    "from a machine where `continuo up` has run."
                ) from error
            time.sleep(PAUSE_S * attempt)
    raise AssertionError("the last try returns or raises")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
