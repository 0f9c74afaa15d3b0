"""Draws the pictures of "How it works": ``python docs/drawings.py`` writes docs/pictures/how-*.svg."""

from pathlib import Path

PICTURES = Path(__file__).resolve().parent / "pictures"
GATES = {"i": "#4c78a8", "f": "#f58518", "g": "#54a24b", "o": "#b279a2"}
INK, PALE = "#333333", "#e8e8e8"


class Drawing:
    """Boxes, texts and arrows on white, so that the picture reads in a dark page, too. Sizes are pixels."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
            'font-family="sans-serif" font-size="13">',
            f"<title>{title}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" rx="8" fill="white"/>',
        ]

    def box(self, x, y, width, height, fill=PALE, label="", colour=INK):
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{INK}" stroke-width="0.8"/>'
        )
        if label:
            self.text(x + width / 2, y + height / 2 + 4.5, label, colour=colour)

    def text(self, x, y, words, anchor="middle", colour=INK, size=13):
        self.parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{words}</text>'
        )

    def arrow(self, x0, y0, x1, y1, dashed=False):
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(
            f'<path d="M{x0} {y0}L{x1} {y1}" stroke="{INK}" stroke-width="1.3" fill="none" '
            f'marker-end="url(#tip)"{dash}/>'
        )

    def write(self, name):
        (PICTURES / f"how-{name}.svg").write_text("\n".join([*self.parts, "</svg>"]) + "\n")


def panels():
    """The weights as they come, and as they are packed."""
    d = Drawing(720, 300, "Weights are packed into panels of one vector of units, four gates side by side")
    d.text(135, 28, "W and R as they come: 4H rows")
    for k, (gate, colour) in enumerate(GATES.items()):
        for part in range(3):
            fill = colour if part == 0 else PALE
            d.box(60, 40 + 60 * k + 18 * part, 150, 18, fill, gate if part == 0 else "", "white" if part == 0 else INK)
    d.text(32, 146, "units", size=12)
    d.text(135, 294, "I + H inputs", size=12)
    d.arrow(232, 150, 318, 150)
    d.text(275, 138, "packed once", size=12)
    d.text(500, 28, "panel 0: the first L units, four gates side by side")
    for row in range(6):
        for k, (gate, colour) in enumerate(GATES.items()):
            d.box(350 + 78 * k, 44 + 30 * row, 78, 30, colour, f"{gate} · k = {row}" if row < 5 else "⋮", "white")
    d.text(506, 246, "L units: one vector, 8 floats with AVX2, 16 with AVX-512", size=12)
    d.text(506, 270, "A tile reads the panel from top to bottom, in one stream.", size=12)
    d.write("panels")


def tile():
    """A tile: rows times a panel, sums in registers, then the cell."""
    d = Drawing(720, 270, "A tile computes a few rows by one panel and hands the sums to the cell")
    d.text(110, 26, "3 rows of [x, h]")
    for row in range(3):
        for k in range(6):
            d.box(30 + 27 * k, 100 + 26 * row, 27, 26, "#ffffff" if k else "#ffd966", "" if k else "x")
    d.text(110, 202, "k →", size=12)
    d.text(318, 26, "the panel")
    for row in range(6):
        for k, colour in enumerate(GATES.values()):
            d.box(246 + 36 * k, 44 + 26 * row, 36, 26, colour if row == 0 else PALE)
    d.text(318, 222, "one line of it for each k", size=12)
    d.arrow(400, 130, 434, 130)
    d.text(520, 26, "12 sums, in registers")
    for row in range(3):
        for k, (gate, colour) in enumerate(GATES.items()):
            d.box(446 + 37 * k, 92 + 28 * row, 37, 28, colour, gate, "white")
    d.text(520, 200, "each a chain of fused", size=12)
    d.text(520, 216, "multiply-adds over k", size=12)
    d.arrow(602, 130, 632, 130)
    d.box(638, 96, 66, 70, "#fff2cc", "cell")
    d.arrow(671, 170, 671, 206)
    d.text(671, 224, "h, c")
    d.text(
        360,
        256,
        "For each k: four loads of the panel, three broadcasts of x, twelve multiply-adds of L floats.",
        size=12,
    )
    d.write("tile")


def work():
    """Who computes what: micro-batches, segments, chunks."""
    d = Drawing(720, 260, "A batch is cut into micro-batches, and time into segments")
    d.text(288, 26, "time →")
    for m in range(3):
        for s in range(4):
            shade = ("#dbe9f6", "#c6dbef")[s % 2]
            d.box(104 + 92 * s, 44 + 52 * m, 92, 52, shade, f"segment {s}" if m == 0 else "")
        d.text(96, 74 + 52 * m, f"micro-batch {m}", anchor="end", size=12)
    d.arrow(108, 128, 466, 128)
    d.text(486, 74, "A thread takes a micro-batch, or", anchor="start", size=12)
    d.text(486, 91, "the threads share its units.", anchor="start", size=12)
    d.text(486, 126, "A segment: the steps between two", anchor="start", size=12)
    d.text(486, 143, "checkpoints of a limited tape.", anchor="start", size=12)
    d.text(
        360,
        228,
        "What is summed over rows or steps is cut by the shapes alone, never by the number of threads:",
        size=12,
    )
    d.text(360, 246, "every sum has one order, and the bits are the same for any number of threads.", size=12)
    d.write("work")


def backward():
    """The backward pass: dz step by step, gradients of weights by chunks."""
    d = Drawing(
        720, 270, "The backward pass goes from the last step to the first; gradients of weights are made by chunks"
    )
    for step in range(6):
        x = 560 - 100 * step
        d.box(x, 40, 76, 34, "#fff2cc", f"cell {5 - step}'")
        d.box(x, 110, 76, 30, "#dbe9f6", f"dz {5 - step}")
        d.arrow(x + 38, 76, x + 38, 106)
        if step < 5:
            d.arrow(x - 2, 120, x - 22, 62)
    d.text(60, 28, "dh = dz R", anchor="start", size=12)
    for chunk in range(2):
        x = 360 - 300 * chunk
        d.box(x, 178, 276, 34, "#c7e9c0", f"chunk {chunk}: dW, dR, db += dz · [x, h]")
        for step in range(3):
            d.arrow(x + 38 + 100 * step, 142, x + 38 + 100 * step, 174, dashed=True)
    d.text(
        360,
        246,
        "A chunk's dz is still in the cache when the gradients of the weights are summed over its rows and steps.",
        size=12,
    )
    d.write("backward")


if __name__ == "__main__":
    for draw in (panels, tile, work, backward):
        draw()
