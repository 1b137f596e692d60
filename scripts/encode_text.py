"""Write the vectors of the texts of a table: the command `advrec encode`, from a clone."""

import sys

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main(["encode", *sys.argv[1:]])
