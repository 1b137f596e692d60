import subprocess
import sys

import numpy as np

from advrec_tf.pipelines import memory


def test_the_memory_of_a_process_is_not_its_parents():
    # 500 MB in this process, which the child would have from ru_maxrss
    held = np.ones(500 * 2**20 // 8)
    assert memory.peak_memory() > 500
    code = "from advrec_tf.pipelines import memory; print(memory.peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10 < float(done.stdout) < 500
    assert held.all()


def test_the_module_loads_no_tensorflow():
    code = "import sys; from advrec_tf.pipelines import memory; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
