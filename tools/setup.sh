# What ./quickstart and ./test share: packages, configuration, the peers' virtual environment. Sourced, not run.
# Every step says in one line what it does, and does nothing when it is done already.

BUILD_PACKAGES="g++ cmake ninja-build pkgconf zlib1g-dev libisal-dev libssl-dev libtbb-dev libfmt-dev libcli11-dev
  libtomlplusplus-dev nlohmann-json3-dev libprotozero-dev libopenblas-dev libutf8proc-dev"
TEST_PACKAGES="$BUILD_PACKAGES python3 python3-venv libgtest-dev libleveldb-dev clang-format strace"

say() { printf -- '-- %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 2; }

# need_packages NAME...: installs the Debian packages that are missing.
need_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [ -f build/build.ninja ] || say "This is not Debian; going on with what is there. The Debian names of what is needed:" "$@"
    return
  fi
  local missing=() name as_root=()
  for name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "these Debian packages are missing, and sudo is not there to install them: ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing Debian packages:" "${missing[@]}"
  "${as_root[@]}" apt-get update -qq || say "apt-get update did not succeed; going on with the lists that are there"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    </dev/null >"$TMP_LOG" 2>&1 || { tail -n 20 "$TMP_LOG" >&2; fail "apt-get could not install the packages above"; }
}

# configure PRESET FOLDER [OPTION...]: runs CMake unless the folder is configured already.
configure() {
  local preset=$1 folder=$2
  shift 2
  [ -f "$folder/build.ninja" ] && return
  command -v ccache >/dev/null && set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  say "Configuring $folder"
  cmake --preset "$preset" "$@" >"$TMP_LOG" 2>&1 || { tail -n 30 "$TMP_LOG" >&2; fail "CMake could not configure $folder"; }
}

# peers: the virtual environment with the real frameworks, in build/peers. Made anew when its requirements change.
peers() {
  local requirements=tests/peers/requirements.txt stamp=build/peers/.stamp wanted
  wanted=$(cat "$requirements" tools/setup.sh | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  say "Installing the real frameworks that the tests compare with into build/peers (2.6 GB)"
  rm -rf build/peers
  python3 -m venv build/peers
  local pip=build/peers/bin/pip apart
  # What is installed without its dependencies, and built (gluonnlp has no wheel) with the setuptools that is there.
  mapfile -t apart < <(sed -n 's/^# --no-deps //p' "$requirements")
  # torch first and alone: a CPU build is taken where pip's configuration offers one.
  { $pip install "setuptools<81" wheel && $pip install "$(grep '^torch==' "$requirements")" \
    && $pip install -r "$requirements" && $pip install --no-deps --no-build-isolation "${apart[@]}"; } \
    >"$TMP_LOG" 2>&1 || { tail -n 20 "$TMP_LOG" >&2; fail "pip could not install the requirements of tests/peers"; }
  echo "$wanted" >"$stamp"
}

TMP_LOG=$(mktemp)
trap 'rm -f "$TMP_LOG"' EXIT
