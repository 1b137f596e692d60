"""Generate rows like those of a table: the command `advrec table`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["table", *sys.argv[1:]])
