"""``python -m netimg`` is ``netimg``."""

from netimg.cli.app import main

if __name__ == "__main__":
    main()
