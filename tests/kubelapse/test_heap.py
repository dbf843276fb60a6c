"""What is given back to the system is only what can be read again."""

import subprocess
import sys

from kubelapse.heap import clean_code

LIBRARY = "/usr/lib/engine.so"


def mapped(begin: int, rights: str, name: str, *, changed: int = 0, size: int = 8 * 2**20) -> list[str]:
    head = f"{begin:x}-{begin + size:x} {rights} 00000000 08:01 131 {name}"
    return [head, f"Size: {size >> 10} kB", "Rss: 4096 kB", f"Anonymous: {changed} kB", "VmFlags: rd ex mr mw me"]


def test_only_large_parts_of_libraries_without_a_changed_byte_are_let_go() -> None:
    maps = [
        *mapped(0x10000000, "r-xp", LIBRARY),
        *mapped(0x20000000, "r--p", LIBRARY, changed=4),
        *mapped(0x30000000, "rw-p", LIBRARY),
        *mapped(0x40000000, "r-xp", LIBRARY, size=2**20),
        *mapped(0x50000000, "rw-p", ""),
        *mapped(0x60000000, "r--s", "/data/store/lock"),
    ]
    assert list(clean_code(maps)) == [(0x10000000, 0x10000000 + 8 * 2**20)]


def test_a_process_goes_on_after_it_gave_back_its_libraries_and_arrow_makes_columns_without_pandas() -> None:
    code = (
        "from kubelapse import heap; heap.without_pandas()\n"
        "import sys, pyarrow as pa; heap.give_back()\n"
        "print(pa.table({'a': [1, 2], 'b': ['x', None]}).num_rows, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False"]
