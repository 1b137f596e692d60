"""Print lists of an exported model: the command `advrec recommend`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["recommend", *sys.argv[1:]])
