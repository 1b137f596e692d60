"""Score every user of a file for fraud: the command `advrec fraud`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["fraud", *sys.argv[1:]])
