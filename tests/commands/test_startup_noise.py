import os

from advrec_tf.commands.startup_noise import filtered

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795971138.091731   14985 port.cc:153] oneDNN custom operations are on.\n"
    "W1129 16:50:13.000000   14985 gpu.cc:1] no GPU\n"
    "2026-11-29 16:50:13.123: I tensorflow/core/platform/cpu_feature_guard.cc:210] This\n"
    "E0000 00:00:1.7 1 util.cc:131] oneDNN supports DT_INT32 only on platforms with AVX-512.\n"
    "To enable the following instructions: AVX2, rebuild TensorFlow.\n"
)
SAID = "E0000 00:00:1.5 1 x.cc:1] broken\nError: `k` should be >= 1.\nI am a sentence.\n"


def test_start_up_lines_are_left_out_and_all_others_pass(capfd):
    with filtered():
        os.write(2, (NOISE + SAID).encode())
    assert capfd.readouterr().err == SAID
    os.write(2, b"I0000 00:00:1 after\n")
    assert capfd.readouterr().err == "I0000 00:00:1 after\n"


def test_the_standard_error_is_back_after_an_error(capfd):
    try:
        with filtered():
            raise ValueError
    except ValueError:
        os.write(2, b"here\n")
    assert capfd.readouterr().err == "here\n"
