"""TensorFlow's C library: where it is, and the functions of it that running a SavedModel takes.

`ctypes` alone: nothing here imports Python's TensorFlow.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# DataType enumerators (tensorflow/core/framework/types.proto) that can be fed and fetched.
STRING = 7
DTYPES = {
    1: np.dtype(np.float32),
    2: np.dtype(np.float64),
    3: np.dtype(np.int32),
    STRING: np.dtype(object),
    9: np.dtype(np.int64),
    10: np.dtype(np.bool_),
}


class Buffer(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    ]


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


SIZE_OF_STRING = 24  # sizeof(TF_TString)

POINTER, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_FUNCTIONS = {  # name: (result, arguments)
    "TF_NewStatus": (POINTER, []),
    "TF_DeleteStatus": (None, [POINTER]),
    "TF_GetCode": (_INT, [POINTER]),
    "TF_Message": (ctypes.c_char_p, [POINTER]),
    "TF_NewBuffer": (ctypes.POINTER(Buffer), []),
    "TF_DeleteBuffer": (None, [ctypes.POINTER(Buffer)]),
    "TF_NewGraph": (POINTER, []),
    "TF_DeleteGraph": (None, [POINTER]),
    "TF_GraphOperationByName": (POINTER, [POINTER, ctypes.c_char_p]),
    "TF_NewSessionOptions": (POINTER, []),
    "TF_DeleteSessionOptions": (None, [POINTER]),
    "TF_LoadSessionFromSavedModel": (
        POINTER,
        [
            *[POINTER, POINTER, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), _INT],
            *[POINTER, ctypes.POINTER(Buffer), POINTER],
        ],
    ),
    "TF_SessionRun": (
        None,
        [
            *[POINTER, POINTER],  # session, run options
            *[ctypes.POINTER(Output), ctypes.POINTER(POINTER), _INT],  # fed
            *[ctypes.POINTER(Output), ctypes.POINTER(POINTER), _INT],  # fetched
            *[POINTER, _INT, POINTER, POINTER],  # targets, their number, metadata, status
        ],
    ),
    "TF_CloseSession": (None, [POINTER, POINTER]),
    "TF_DeleteSession": (None, [POINTER, POINTER]),
    "TF_AllocateTensor": (POINTER, [_INT, ctypes.POINTER(ctypes.c_int64), _INT, _SIZE]),
    "TF_DeleteTensor": (None, [POINTER]),
    "TF_TensorType": (_INT, [POINTER]),
    "TF_NumDims": (_INT, [POINTER]),
    "TF_Dim": (ctypes.c_int64, [POINTER, _INT]),
    "TF_TensorData": (POINTER, [POINTER]),
    "TF_StringInit": (None, [POINTER]),
    "TF_StringCopy": (None, [POINTER, ctypes.c_char_p, _SIZE]),
    "TF_StringGetDataPointer": (POINTER, [POINTER]),
    "TF_StringGetSize": (_SIZE, [POINTER]),
    "TF_StringDealloc": (None, [POINTER]),
}


def find_library() -> Path:
    """The C library inside the installed TensorFlow package, found without importing it.

    Raises:
        FileNotFoundError: if TensorFlow or the library is not installed.
    """
    spec = importlib.util.find_spec("tensorflow")
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        path = Path(folder, "libtensorflow_cc.so.2")
        if path.is_file():
            return path
    raise FileNotFoundError(f"No libtensorflow_cc.so.2 in an installed TensorFlow: {folders}.")


def text_op_libraries() -> list[Path]:
    """The libraries of TensorFlow Text's operations, found without importing it; none where it
    is not installed. A graph that tokenizes needs them, as a model server is built with them."""
    spec = importlib.util.find_spec("tensorflow_text")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.rglob("_*.so"))


def load_library(op_libraries: Sequence[str | os.PathLike] = ()) -> ctypes.CDLL:
    path = find_library()
    if op_libraries:  # their operations register with symbols of these two
        for name in (path.with_name("libtensorflow_framework.so.2"), path):
            ctypes.CDLL(os.fspath(name), mode=ctypes.RTLD_GLOBAL)
    for op_library in op_libraries:
        ctypes.CDLL(os.fspath(op_library))
    library = ctypes.CDLL(os.fspath(path))
    for symbol, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, symbol)
        function.restype, function.argtypes = result, arguments
    return library
