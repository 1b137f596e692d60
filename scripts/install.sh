#!/usr/bin/env bash
# Makes .venv and installs the package into it, editable. Does nothing when all is up to date.
#
#   scripts/install.sh [--gpu] [--extras dev,text]
#
#   --gpu      TensorFlow with CUDA; without it TensorFlow for the CPU, without its gigabytes
#   --extras   extras of setup.cfg, separated by commas; those installed before are kept
#
# PYTHON names the interpreter that makes .venv (python3 by default).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '==> %s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

mode=cpu
extras=
while [ $# -gt 0 ]; do
  case "$1" in
    --gpu) mode=gpu; shift ;;
    --extras)
      [ $# -ge 2 ] || fail "--extras needs a value, such as dev,text"
      extras=$2; shift 2 ;;
    --extras=*) extras=${1#--extras=}; shift ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' scripts/install.sh; exit 0 ;;
    *) fail "unknown argument '$1'; see --help" ;;
  esac
done

# --- the virtual environment -------------------------------------------------------------

python=.venv/bin/python
base=${PYTHON:-python3}
if [ -x "$python" ]; then
  base=$python
fi
command -v "$base" >/dev/null 2>&1 || fail "no interpreter '$base'; set PYTHON to one"
"$base" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || fail \
  "Python 3.10 to 3.13 is needed, and $base is $("$base" -V 2>&1); set PYTHON to another" \
  "(and remove .venv if it was made with this one)"
if [ ! -x "$python" ]; then
  say "making .venv with $("$base" -V 2>&1)"
  "$base" -m venv .venv || fail "could not make .venv; is the venv module of $base installed?"
fi

# --- nothing to do? ----------------------------------------------------------------------

# The stamp says what .venv holds. Extras of earlier runs stay: they are part of it.
stamp=.venv/advrec-install
wanted=$("$python" - "$stamp" "$mode" "$extras" <<'PY'
import configparser, hashlib, os, sys

stamp, mode, asked = sys.argv[1:]
config = configparser.ConfigParser()
config.read("setup.cfg")
known = set(config["options.extras_require"])
asked = {name.strip() for name in asked.split(",") if name.strip()}
if asked - known:
    sys.exit(f"install.sh: no extra {sorted(asked - known)}; setup.cfg has {sorted(known)}")
if os.path.exists(stamp):
    lines = dict(line.strip().split("=", 1) for line in open(stamp))
    asked |= known & set(lines["extras"].split(","))
digest = hashlib.sha256(os.getcwd().encode())  # an editable install holds the path
for name in ("setup.cfg", "pyproject.toml", "requirements-cpu.txt",
             "requirements-cpu-nodeps.txt", "scripts/install.sh"):
    digest.update(open(name, "rb").read())
print(f"mode={mode}\nextras={','.join(sorted(asked))}\nhash={digest.hexdigest()}")
PY
)
extras=$(sed -n 's/^extras=//p' <<<"$wanted")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  say "up to date ($mode${extras:+, extras $extras})"
  exit 0
fi

# --- packages ----------------------------------------------------------------------------

pip() {
  "$python" -m pip --disable-pip-version-check "$@"
}
pip_install() {
  pip install -qq --no-warn-conflicts "$@"
}
installed() {
  "$python" -c 'import importlib.metadata as m, sys; m.version(sys.argv[1])' "$1" 2>/dev/null
}

# The requirements of one extra, one a line.
requirements_of() {
  "$python" - "$1" <<'PY'
import configparser, sys
config = configparser.ConfigParser()
config.read("setup.cfg")
print(config["options.extras_require"][sys.argv[1]].strip())
PY
}

# What installed packages require, but for TensorFlow and its companions.
light_requirements_of() {
  "$python" - "$@" <<'PY'
import importlib.metadata, sys
from packaging.requirements import Requirement
for name in sys.argv[1:]:
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.name.lower().replace("_", "-").startswith("tensorflow"):
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            requirement.marker = None
            print(requirement)
PY
}

# tensorflow and tensorflow-cpu write into one folder: only one of them may be there.
other=tensorflow
if [ "$mode" = gpu ]; then
  other=tensorflow-cpu
fi
if installed "$other"; then
  say "removing $other"
  rm -f "$stamp"
  pip uninstall --quiet --yes tensorflow tensorflow-cpu
fi

if [ "$mode" = gpu ]; then
  say "installing advrec_tf and TensorFlow with CUDA (several GB)"
  pip_install -e ".${extras:+[$extras]}" "tensorflow[and-cuda]"
else
  say "installing TensorFlow for the CPU and the light requirements"
  pip_install -r requirements-cpu.txt

  # Companions follow TensorFlow's minor version.
  minor=$("$python" -c 'import importlib.metadata as m
print(".".join(m.version("tensorflow-cpu").split(".")[:2]))')
  printf '%s\n' "tf-keras==$minor.*" "tensorflow-text==$minor.*" >.venv/advrec-constraints.txt
  say "installing TensorFlow Recommenders and tf-keras $minor"
  pip_install --no-deps -c .venv/advrec-constraints.txt -r requirements-cpu-nodeps.txt

  IFS=, read -r -a names <<<"$extras"
  for extra in ${names[@]+"${names[@]}"}; do
    say "installing the extra '$extra'"
    lines=$(requirements_of "$extra")
    plain=()
    nodeps=()
    nodeps_names=()
    while IFS= read -r line; do
      case "$line" in
        keras-hub* | tensorflow-text*) # these too depend on the full tensorflow package
          nodeps+=("$line")
          nodeps_names+=("${line%%[<>=!~ ]*}") ;;
        *) plain+=("$line") ;;
      esac
    done <<<"$lines"
    if [ ${#nodeps[@]} -gt 0 ]; then
      pip_install --no-deps -c .venv/advrec-constraints.txt "${nodeps[@]}"
      lines=$(light_requirements_of "${nodeps_names[@]}")
      while IFS= read -r line; do
        [ -z "$line" ] || plain+=("$line")
      done <<<"$lines"
    fi
    [ ${#plain[@]} -eq 0 ] || pip_install "${plain[@]}"
  done

  say "installing advrec_tf, editable"
  pip_install --no-deps -e .
fi

printf '%s\n' "$wanted" >"$stamp"
say "done: source .venv/bin/activate"
