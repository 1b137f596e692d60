"""Train a GAN on what users did: the command `advrec gan`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["gan", *sys.argv[1:]])
