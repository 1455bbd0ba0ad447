"""A comparison on the terminal: the few columns that fit, what must be known to read them, and the finding."""

from trimformer.cli.terminal import print_table, say
from trimformer.records.results import Results


def print_comparison(results: Results) -> None:
    """Print a model a row, the remarks and the headline; the other tables stand in the files."""
    from trimformer.report.remarks import missing_controls
    from trimformer.report.tables.models import summary_table
    from trimformer.report.words import headline

    table = summary_table(results)
    print_table(table.title, table.titles, [[cell.text for cell in row] for row in table.rows])
    for remark in (*table.notes, missing_controls(results)):
        if remark:
            say(remark)
    say(headline(results))
