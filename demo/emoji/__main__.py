"""`python -m demo.emoji`: write the emoji world as a data set."""

import sys

from process.environment import explained_imports

with explained_imports("demo.emoji"):
    from demo.emoji.bootstrap import write_emoji_world
    from demo.emoji.settings import EmojiSettings
    from process.commands import Program

if __name__ == "__main__":
    program = Program("demo.emoji", expected=(OSError,))
    program.command("emoji", EmojiSettings, write_emoji_world)
    sys.exit(program.run())
