#!/usr/bin/env bash
# Builds the wheel and uses it outside the clone: imports every public name, runs the first page, and
# from a file to a served list by the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/install.sh

python=$PWD/.venv/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The copy keeps build folders out of the clone.
mkdir "$folder/source"
cp -r advrec_tf setup.cfg pyproject.toml README.md LICENSE "$folder/source"
"$python" -m pip --disable-pip-version-check wheel -q --no-deps -w "$folder/wheels" "$folder/source"
"$python" -m pip --disable-pip-version-check install -q --no-deps --target "$folder/site" \
  "$folder"/wheels/*.whl

mkdir "$folder/elsewhere"
cd "$folder/elsewhere"
export PYTHONPATH=$folder/site TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
"$python" - "$folder/site" <<'PY'
import sys

import advrec_tf as ar

assert ar.__file__.startswith(sys.argv[1]), f"imported {ar.__file__}, not the wheel"
for name in ar.__all__:
    for public in getattr(getattr(ar, name), "__all__", ()):
        getattr(getattr(ar, name), public)
code = [line[4:] for line in ar.__doc__.splitlines() if line.startswith("    ")]
exec("\n".join(code).replace("epochs=5", "epochs=1"), {})
print(f"The wheel of advrec_tf {ar.__version__} works outside the clone.")
PY

advrec() {
  "$python" -m advrec_tf "$@"
}
advrec doctor
advrec train --data synthetic --out run --export models --epochs 2 --quiet
[ "$(advrec recommend --model models --user u0001 --k 3 | wc -l)" = 4 ]
echo "The commands of the wheel work outside the clone."
