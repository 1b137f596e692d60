"""Train the ranking tower alone: the command `advrec ranking`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["ranking", *sys.argv[1:]])
