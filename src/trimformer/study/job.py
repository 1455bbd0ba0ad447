"""One run of a study in a process of its own, so that whatever happens to it, the others go on.

The process is forked from a server that has imported the libraries once and computed nothing: a run starts in
milliseconds, its random numbers and its memory are its own, and a crash of native code or a kill for want of memory
ends this run alone. Where the system cannot fork, a new interpreter does the same, some seconds slower.
"""

import multiprocessing
import signal
import traceback
from multiprocessing.connection import Connection
from typing import Any

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.records.errors import UserError
from trimformer.records.files import write_text
from trimformer.records.progress import Progress
from trimformer.study.plan import Job
from trimformer.training import train
from trimformer.training.tracking import track


def run_apart(job: Job, progress: Progress) -> str | None:
    """Train and evaluate one run in its own process; what went wrong in one line, None where nothing did.

    The whole story of a failure is kept in the run's folder.
    """
    job.failure_file.unlink(missing_ok=True)
    failure = _listen(job, progress)
    if failure is None:
        return None
    write_text(job.failure_file, failure)
    return job.failure


def work(job: Job, sender: Connection) -> None:
    """What the process does: tell every step to the other end, and in the end the failure, None if there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started the study, who then ends this process
    with sender:
        try:
            train_and_evaluate(job, lambda *step: sender.send(step))
            sender.send(None)
        except UserError as error:
            sender.send(f"{error}\n")
        except Exception as error:
            sender.send(f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")


def train_and_evaluate(job: Job, progress: Progress) -> None:
    """What is done already is not done again.

    Raises:
        UserError: As `trimformer.training.train` and `evaluate_run`.
    """
    if job.is_done:
        return
    run = train(job.experiment, job.folder, progress)
    evaluate_run(run, progress)
    track(run)


def _listen(job: Job, progress: Progress) -> str | None:
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(job, sender), name=f"trimformer {job.name}")
    process.start()
    sender.close()  # the process holds the only one now, so that its end is heard
    try:
        with receiver:
            while isinstance(message := receiver.recv(), tuple):
                progress(*message)
        return message
    except EOFError:
        process.join()
        return f"{_ended(process.exitcode)}\n"
    except BaseException:
        process.kill()
        raise
    finally:
        process.join()


def _context() -> Any:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"Its process was ended by {name}{', perhaps for want of memory' if name == 'SIGKILL' else ''}."
    return f"Its process ended with code {code} and said nothing."
