"""Train the two-tower model alone: `advrec train --model two_tower`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["train", "--model", "two_tower", *sys.argv[1:]])
