"""``python -m glimpsecli``."""

from glimpsecli.cli import main

if __name__ == "__main__":
    main()
