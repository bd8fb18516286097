"""The board's charts as SVG, drawn here by pygal; each is an image of its own, readable in light and in dark."""

import re
from collections.abc import Sequence

import pygal
from pygal.style import Style

FONT = 'system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif'
LIGHT = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#1a1f27",
    foreground_strong="#1a1f27",
    foreground_subtle="#535c69",
    colors=("#14539a", "#b35900"),
    opacity=".9",
    font_family=FONT,
    value_font_family=FONT,
    transition="none",
    label_font_size=15,
    major_label_font_size=15,
    legend_font_size=15,
    value_font_size=14,
    no_data_font_size=18,
    guide_stroke_dasharray="2,4",
    major_guide_stroke_dasharray="2,4",
)
RULES = ".axis .guide.line, .axis .major.guide.line { stroke: #a9b1bd; }"
DARK_RULES = """
text { fill: #e8eaee !important; }
.color-0 { fill: #8bbcf2 !important; stroke: #8bbcf2 !important; }
.color-1 { fill: #ffb454 !important; stroke: #ffb454 !important; }
.line.color-0, .line.color-1, .color-0 .line, .color-1 .line { fill: none !important; }
.axis .line { stroke: #a9b1bd !important; }
.axis .guide.line, .axis .major.guide.line { stroke: #535c69 !important; }
"""
WIDTH, LONG, ROW = 640, 1000, 34
WIDE_LETTER = 7
"""Pixels by which a Chinese character is wider than pygal takes it for."""


def _config(width: int, height: int, dark: bool) -> pygal.Config:
    """No script and no animation; what differs in the dark stands in the image itself."""
    rules = DARK_RULES if dark else f"@media (prefers-color-scheme: dark) {{{DARK_RULES}}}"
    return pygal.Config(
        width=width,
        height=height,
        style=LIGHT,
        js=[],
        css=["file://style.css", "file://graph.css", f"inline:{RULES}{rules}"],
        disable_xml_declaration=True,
        pretty_print=False,
        show_minor_x_labels=False,
        truncate_label=-1,
        truncate_legend=-1,
        margin=8,
        explicit_size=True,
        include_x_axis=True,
    )


def _plain(chart: pygal.Graph) -> bytes:
    """The drawing alone: without pygal's script, and its remarks with addresses in them."""
    return re.sub(r"<script.*?</script>|<!--.*?-->", "", chart.render(is_unicode=True), flags=re.DOTALL).encode()


def lines(rows: Sequence[tuple[str, int, int]], names: tuple[str, str], nothing: str, *, dark: bool = False) -> bytes:
    """Two lines over time, told apart by dashes, too."""
    chart = pygal.Line(_config(LONG, 300, dark), no_data_text=nothing, legend_at_bottom=True, show_dots=False)
    chart.x_labels = [label for label, _, _ in rows]
    every = max(1, -(-len(rows) // 7))
    chart.x_labels_major = [label for number, (label, _, _) in enumerate(rows) if number % every == 0]
    if any(one or other for _, one, other in rows):
        chart.add(names[0], [one for _, one, _ in rows], stroke_style={"width": 2.5})
        chart.add(names[1], [other for _, _, other in rows], stroke_style={"width": 2.5, "dasharray": "7, 4"})
    return _plain(chart)


def bars(rows: Sequence[tuple[str, int]], name: str, nothing: str, *, dark: bool = False) -> bytes:
    """A bar for each, the longest on top, with its number."""
    chart = pygal.HorizontalBar(
        _config(WIDTH, 60 + ROW * max(len(rows), 2), dark),
        no_data_text=nothing,
        show_legend=False,
        print_values=True,
        print_values_position="top",
        value_formatter=lambda value: f"\u2002{value:,.0f}",
        margin_left=8 + WIDE_LETTER * max((sum(letter > "\u2e80" for letter in text) for text, _ in rows), default=0),
        margin_right=24,
        show_x_guides=False,
    )
    if rows:
        chart.x_labels = [label for label, _ in reversed(rows)]
        chart.add(name, [number for _, number in reversed(rows)])
    return _plain(chart)
