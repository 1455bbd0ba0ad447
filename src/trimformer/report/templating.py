"""How a page is put together: the templates of this room, in which every name from outside is escaped."""

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from trimformer.report import formats
from trimformer.report.tables.table import meanings


def page_template(name: str) -> Template:
    """A template by its file name, with the formats of numbers as filters; what it misses is an error."""
    environment = Environment(
        loader=PackageLoader("trimformer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formats.number,
        "compact": formats.compact,
        "interval": formats.interval,
        "blocks": formats.blocks,
        "meanings": meanings,
    }
    return environment.get_template(name)
