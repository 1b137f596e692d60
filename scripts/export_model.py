"""Export the recommender of a finished run: the command `advrec export`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["export", *sys.argv[1:]])
