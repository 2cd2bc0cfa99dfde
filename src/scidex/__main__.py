"""`python -m scidex` is the program `scidex`."""

from scidex.app import main

if __name__ == "__main__":
    main()
