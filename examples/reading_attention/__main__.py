"""The numbers and the pictures of docs/reading-attention.md, from made attention maps and from networks made here.

Run `python examples/reading_attention docs/images`: it downloads nothing and needs no GPU. The folder is where the
pictures go; without one there are the numbers alone.
"""

import sys
from pathlib import Path

from drawn import draw_all
from lamp_measured import measured_lamp
from told import all_lines

if __name__ == "__main__":
    measured = measured_lamp()
    sys.stdout.writelines(f"{line}\n" for line in all_lines(measured))
    for folder in sys.argv[1:]:
        draw_all(Path(folder), measured)
