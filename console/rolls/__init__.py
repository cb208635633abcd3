"""What does a list of opt-outs and opt-ins say, line by line? CSV and NDJSON, as spreadsheets and other systems write
them. Pure.

    bytes ─▶ blocks: whole lines ─▶ lines: cells ─▶ entries, cell by cell: what is to be recorded
    layout: how all of that is to be read; writing: the way back
"""

from console.rolls.blocks import Block, Blocks
from console.rolls.layout import SEPARATOR_SAID, Layout, Rules, ensure_complete, guessed, layout_of
from console.rolls.lines import BadLine, read
from console.rolls.vocabulary import COLUMNS, LONGEST_LINE, STATUSES, Format
from console.rolls.writing import header, written

__all__ = [
    "COLUMNS",
    "LONGEST_LINE",
    "SEPARATOR_SAID",
    "STATUSES",
    "BadLine",
    "Block",
    "Blocks",
    "Format",
    "Layout",
    "Rules",
    "ensure_complete",
    "guessed",
    "header",
    "layout_of",
    "read",
    "written",
]
