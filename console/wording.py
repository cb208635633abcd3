"""One line, two lines: how is a number of things told? Pure."""


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
