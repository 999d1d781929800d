#!/usr/bin/env bash
# Make .continuo/compiled/env: the compiled wheel installed, and behind it the packages of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
home=.continuo/compiled
mkdir -p "$home"

# Two makes at once take turns, and the second finds most of its work done.
if command -v flock >/dev/null; then
  exec 9>"$home/lock"
  flock 9
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1
if ! [ "$home/build/ready" -nt requirements/build.txt ]; then
  echo "· making $home/build from requirements/build.txt"
  rm -rf "$home/build"
  .venv/bin/python -m venv "$home/build"
  .venv/uv/bin/uv pip install --quiet --python "$home/build/bin/python" --require-hashes -r requirements/build.txt ||
    "$home/build/bin/python" -m pip install --quiet --require-hashes -r requirements/build.txt
  touch "$home/build/ready"
fi

rm -rf "$home/wheel"
CONTINUO_COMPILE=1 "$home/build/bin/hatchling" build -t wheel -d "$home/wheel" >/dev/null
if ! [ -x "$home/env/bin/python" ]; then .venv/bin/python -m venv --without-pip "$home/env"; fi
.venv/uv/bin/uv pip install --quiet --offline --python "$home/env/bin/python" --no-deps --reinstall "$home"/wheel/*.whl
packages=$("$home/env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$packages/behind.pth"
"$home/env/bin/continuo" --version
