"""`python -m schemas`: check the schemas, and write the hashes of new ones into `released.sha256`."""

from __future__ import annotations

import sys

from schemas.release import problems, release


def main() -> int:
    """Return 0 when all schemas may be released and are, 1 when something must not be."""
    found = problems()
    if found:
        sys.stderr.write("\n".join(found) + "\n")
        return 1
    new = release()
    sys.stdout.write("".join(f"released {name}\n" for name in new) or "nothing new\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
