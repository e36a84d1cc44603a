"""The one table at the end, in text that a terminal, a log and a mail show alike."""


def rendered(heads: list[str], rows: list[list[str]]) -> str:
    """Columns as wide as their widest cell; numbers to the right, words to the left."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = ["  ".join(head.ljust(width) for head, width in zip(heads, widths)).rstrip()]
    lines.append("  ".join("-" * width for width in widths))
    lines += ["  ".join(_cell(text, width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join(lines)


def _cell(text: str, width: int) -> str:
    is_number = text.replace(".", "").replace("/", "").replace(" ", "").isdigit()
    return text.rjust(width) if is_number else text.ljust(width)
