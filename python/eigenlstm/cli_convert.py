"""``python -m eigenlstm convert``: a model of another framework into a file of ours, and what became of it."""

from pathlib import Path

from .cli_input import CommandError


def add_convert(commands):
    """Add the command to the parser's `commands`."""
    from .interop.convert import READERS

    known = "; ".join(f"{reader.name} ({', '.join(reader.suffixes)})" for reader in READERS)
    parser = commands.add_parser(
        "convert",
        help="turn a model of another framework into a file of eigenlstm",
        description=f"Read a model, write OUT, which eigenlstm.load reads, and say what became what. Reads: {known}. "
        "Where the source's own runtime is installed, both models are run on random input and compared.",
    )
    parser.add_argument("source", type=Path, metavar="IN", help="the file to read")
    parser.add_argument("target", type=Path, metavar="OUT", help="the file to write, as model.safetensors")
    parser.add_argument(
        "--architecture",
        type=Path,
        metavar="FILE.json",
        help="what model.to_json() of Keras gave, if IN holds weights alone",
    )
    parser.add_argument("--no-compare", action="store_true", help="don't run the source's own runtime")
    parser.set_defaults(command=_convert)


def _convert(options):
    from .interop.convert import convert

    try:
        report = convert(
            options.source, options.target, architecture=options.architecture, compare=not options.no_compare
        )
    except ImportError as error:  # the extra that reads this format
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{error.filename or options.source}: {error.strerror or error}") from None
    for line in report.lines():
        print(line)
    print(f"written: {options.target}")
