"""Train a language model as an item tower: the command `advrec text`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["text", *sys.argv[1:]])
