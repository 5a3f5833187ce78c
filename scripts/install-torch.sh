#!/usr/bin/env sh
# Install torch under constraints.txt into the environment of the given Python; without a GPU never a CUDA build,
# which is gigabytes. Usage: install-torch.sh PYTHON
set -eu
python=$1
version=$(sed -n 's/^torch==//p' "$(dirname "$0")/../constraints.txt")
pip() { "$python" -m pip --disable-pip-version-check "$@"; }

if command -v nvidia-smi >/dev/null 2>&1 || [ "$(uname -s)" != Linux ]; then
    exec "$python" -m pip --disable-pip-version-check install --quiet "torch==$version"
fi
# The CPU build carries a local version where an index offers it; elsewhere (aarch64) the plain one is a CPU build too.
if pip install --quiet "torch==$version+cpu" 2>/dev/null; then exit 0; fi
if pip install --dry-run "torch==$version" | grep -qi "nvidia"; then
    echo "torch $version would come as a CUDA build (gigabytes) and this machine has no GPU." >&2
    echo "Give pip an index with CPU builds of torch (PIP_EXTRA_INDEX_URL) and run make again." >&2
    exit 1
fi
pip install --quiet "torch==$version"
