"""`python -m trimformer`, as torchrun starts it: the command of the same name."""

from trimformer.cli.app import main

if __name__ == "__main__":
    main()
