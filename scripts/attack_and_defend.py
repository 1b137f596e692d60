"""Attack and defend one recommender: the command `advrec attack`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["attack", *sys.argv[1:]])
