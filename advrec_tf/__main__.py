"""`python -m advrec_tf`: the same as the command `advrec`."""

from advrec_tf.commands.application import main

if __name__ == "__main__":
    main()
