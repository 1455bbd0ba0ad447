"""The command `trimformer`, and how it ends.

0 done, 1 internal fault, 2 a user's mistake, 3 a batch failed in part, 130 Ctrl-C, 143 SIGTERM.
"""

import sys
import traceback
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from trimformer import __version__
from trimformer.cli import (
    choose,
    compare,
    compress,
    data,
    demo,
    evaluate,
    export,
    inspect,
    models,
    predict,
    report,
    study,
    train,
)
from trimformer.cli.several import one_voice, told_once, working_together
from trimformer.cli.terminal import complain
from trimformer.records.errors import TerminatedError, UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="How many transformer blocks does your segmentation model need? Train, look, choose, cut, compare.",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "models": models.models,
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "inspect": inspect.inspect,
    "choose": choose.choose,
    "compress": compress.compress,
    "compare": compare.compare,
    "study": study.study,
    "report": report.report,
    "predict": predict.predict,
    "export": export.export,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(data.app, name="data")


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    """Take the options that all commands share."""


def main() -> None:
    """Run the command line; a user's mistake is one message and exit code 2."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    with one_voice():
        try:
            with working_together(arguments):
                app(args=arguments, prog_name="trimformer")
        except UserError as error:
            _fail(2, debug, error.rule, error.found, error.next_step)
        except KeyboardInterrupt:
            sys.exit(130)
        except TerminatedError as ended:
            with told_once(str(ended)):
                typer.echo(str(ended), err=True)
            sys.exit(ended.EXIT_CODE)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            _fail(1, debug, "Trimformer failed", what, "This is a bug: run again with --debug.")


def _fail(code: int, debug: bool, rule: str, found: str, next_step: str) -> NoReturn:
    with told_once(f"{rule} {found}"):
        if debug:
            traceback.print_exc()
        complain(rule, found, next_step)
    sys.exit(code)
