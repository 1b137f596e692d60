"""Compare generated rows with real ones: the command `advrec quality`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["quality", *sys.argv[1:]])
