#!/usr/bin/env bash
# Make .venv equal to requirements/dev.txt, every file checked by hash, with Continuo itself installed in place.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '· %s\n' "$*"; }
fail() { printf 'continuo: %s\n' "$*" >&2; exit 1; }
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Two makes at once take turns, and the second finds its work done.
if command -v flock >/dev/null; then
  exec 9<requirements/uv.in
  flock 9
  if [ .venv/ready -nt requirements/dev.txt ] && [ .venv/ready -nt requirements/uv.txt ] &&
    [ .venv/ready -nt pyproject.toml ]; then exit 0; fi
fi

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
  if is_new_enough "$candidate"; then python=$candidate; break; fi
done
[ -n "$python" ] || fail "needs Python 3.11 or newer; ${PYTHON:-python3} is $("${PYTHON:-python3}" -V 2>&1 || true)." \
  "Install one, or name it: make PYTHON=/path/to/python3.12 …"

if ! { [ -x .venv/bin/python ] && is_new_enough .venv/bin/python; }; then
  say "making .venv with $("$python" -V)"
  rm -rf .venv
  "$python" -m venv .venv || fail "$python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1
if ! .venv/uv/bin/uv --version 2>/dev/null | grep -q "^uv $(sed -n 's/^uv==//p' requirements/uv.in) "; then
  say "installing uv"
  .venv/bin/python -m pip install --quiet --upgrade --target .venv/uv --require-hashes -r requirements/uv.txt ||
    fail "pip could not install uv; is there a network, and does pip know your package index?"
fi

say "installing $(grep -c '==' requirements/dev.txt) packages from requirements/dev.txt"
if ! .venv/uv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt; then
  say "uv could not reach the package index; trying pip, whose settings may differ (about a minute)"
  .venv/bin/python -m pip install --quiet --require-hashes -r requirements/dev.txt
fi
.venv/uv/bin/uv pip install --quiet --offline --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/ready
