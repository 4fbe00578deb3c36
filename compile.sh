#!/usr/bin/env bash
# Compile the inner loops given (*.pyx), each beside its source: compile.sh PYTHON LOOP...
# PYTHON has Cython, pyarrow, and the numpy that the loops will run with, and lies beside its headers; $CC is the C compiler.
set -euo pipefail
python=$1
shift
{ read -r suffix; read -r python_headers; read -r numpy_headers; read -r arrow_headers; } < <("$python" -c '
import numpy, pyarrow, sysconfig
print(sysconfig.get_config_var("EXT_SUFFIX"), sysconfig.get_path("include"), numpy.get_include(), pyarrow.get_include(), sep="\n")')
headers=(-I"$python_headers" -I"$numpy_headers" -I"$arrow_headers")
# Nothing of this one machine's processor, and no fused multiply-add: another machine must come to the same numbers.
flags=(-O2 -fwrapv -ffp-contract=off -fPIC -DNPY_NO_DEPRECATED_API=NPY_1_7_API_VERSION)
shared=(-shared)
[ "$(uname)" != Darwin ] || shared=(-bundle -undefined dynamic_lookup)
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
# What was built of yesterday's source must not answer for today's, should this fail; and it may be in use.
for loop in "$@"; do rm -f "${loop%.pyx}$suffix"; done
command -v "${CC:-cc}" >/dev/null || { echo "There is no C compiler (${CC:-cc})." >&2 && exit 1; }
failed=0
for loop in "$@"; do
  name=$(basename "$loop" .pyx)
  "$python" -m cython -3 --output-file "$scratch/$name.c" "$loop" \
    && (cd "$scratch" && "${CC:-cc}" "${flags[@]}" "${headers[@]}" "${shared[@]}" -o "$name.so" "$name.c") \
    && mv "$scratch/$name.so" "${loop%.pyx}$suffix" || failed=1
done
exit $failed
