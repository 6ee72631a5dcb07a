"""`autoswarm`, also as `python -m autoswarm`: sees to the import path first, then runs the command line."""

from autoswarm.import_path import settle


def main() -> None:
    """Entry point of the command."""
    from deploy.cli.main import main as command

    command(prog_name="autoswarm")


settle()  # on import: a script that pip makes has more to import before it calls anything
if __name__ == "__main__":
    main()
