#!/bin/sh
# kernel_report.py for ctest: 77 skips a test, here where there is no Python.
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
exec python3 "$(dirname "$0")/kernel_report.py" "$@"
