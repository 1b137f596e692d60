"""Train, compare, choose and export a recommender: the command `advrec compare`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["compare", *sys.argv[1:]])
