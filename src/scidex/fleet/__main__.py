"""`python -m scidex.fleet` is one agent, whose orders come on stdin."""

from scidex.fleet.agent import main

if __name__ == "__main__":
    main()
