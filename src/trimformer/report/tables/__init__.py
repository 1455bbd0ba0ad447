"""Tables of a comparison: described once, written as Markdown, CSV and LaTeX, shown on the page and the terminal."""
